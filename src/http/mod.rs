//! The outside language: paths, problems, routes, answers. Pure.

#[cfg(feature = "control")]
pub mod admin;
mod answer;
mod assertion;
mod edge_report;
mod forward_auth;
mod identity;
#[cfg(feature = "control")]
pub mod leaks;
pub mod oauth;
mod parameters;
mod path;
mod place;
mod problem;
mod rate_limit;
mod route;
mod route_pattern;
mod route_table;
#[cfg(feature = "control")]
mod scopes;
mod session;
mod usage;

pub use answer::{Answer, Body, JSON, NDJSON, PROBLEM};
pub use assertion::{About, assertion};
pub use edge_report::EdgeReport;
pub use forward_auth::{
    Original, PROXIES_ASK, TARGETS, address_behind, for_proxy, original, unknown_route,
};
pub use identity::{IDENTITY, Identity, OVERRIDES, Passage, request_passage, response_passage};
pub use path::{Query, checked_path};
pub use place::{
    ADMIN, ADMIN_PREFIX, AdminPlace, Dialect, FIXED, KeyAction, MOVABLE, Place, own_prefix,
};
pub use problem::{Code, Problem, ProblemKind};
pub use rate_limit::{QUOTA_EXCEEDED, exceeded, limit_field, limits_member, policy_field};
pub use route::Route;
pub use route_table::{Match, OWN_USAGE_SCOPE, RouteTable, RouteTableError};
#[cfg(feature = "control")]
pub(crate) use scopes::did_you_mean;
#[cfg(feature = "control")]
pub use scopes::{DescribedScope, described_scopes};
pub use session::{
    clear_session_cookie, is_write_from_own_page, same_origin, session_cookie, set_session_cookie,
};
pub use usage::{USAGE_QUERY, own_usage_answer, usage_query};

#[cfg(test)]
mod tests;
