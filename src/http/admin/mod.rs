//! The admin API between HTTP and the registry: a request becomes a command
//! with the scope it needs, an outcome becomes an answer. Pure.

mod answer;
mod request;
mod totals;

pub use answer::{answer_to, problem_of, session_answer};
pub use request::{
    Ask, Facts, IDEMPOTENCY_KEY_MAX, OrganizationsQuery, UNUSED_FOR_DAYS, as_lines, ask,
    idempotency, organizations_query, parse_body, query_after, query_of, scope_of,
};
pub use totals::{OF_ALL_ORGANIZATIONS, Totals};
