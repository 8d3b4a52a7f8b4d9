//! The admin API between HTTP and the registry: a request becomes a command
//! with the scope it needs, an outcome becomes an answer. Pure.

mod answer;
mod request;

pub use answer::{answer_to, problem_of, session_answer};
pub use request::{
    Ask, Facts, OrganizationsQuery, ask, idempotency, next_page, organizations_query, parse_body,
    scope_of, usage_query,
};
