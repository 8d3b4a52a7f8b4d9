//! The admin API between HTTP and the registry: a request becomes a command
//! with the scope it needs, an outcome becomes an answer. Pure.

mod answer;
mod body;
mod idempotency;
mod limits;
mod lookup;
mod method;
mod not_found;
mod precondition;
mod query;
mod request;
mod scope;
mod totals;

pub use answer::{answer_to, lookup_answer, problem_of, session_answer};
pub use body::{RequestBody, parse_body};
pub use idempotency::{IDEMPOTENCY_KEY_MAX, idempotency};
pub use limits::{limits, limits_answer};
pub use lookup::LookedUp;
pub use method::check_method;
pub use not_found::not_found;
pub use query::{
    DAYS, METADATA_FILTER_MAX, OrganizationsQuery, as_lines, is_listed, organizations_query,
    query_after, query_of,
};
pub use request::{Ask, Facts, ask};
pub use scope::scope_of;
pub use totals::{OF_ALL_ORGANIZATIONS, Totals};
