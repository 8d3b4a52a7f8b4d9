//! The queries of listings.

use crate::http::parameters::Parameters;
use crate::http::place::AdminPlace;
use crate::http::problem::Problem;
use crate::http::usage::USAGE_QUERY;
use crate::key::{KeyState, OrganizationId};
use crate::registry::message::{Command, Limit, ListAudit, ListKeys};

/// Greatest whole number that SQLite's port and every JSON reader keep: 2⁵³ − 1.
const GREATEST_SAFE: u64 = (1 << 53) - 1;

/// Days without use that a list may be asked for.
pub const UNUSED_FOR_DAYS: std::ops::RangeInclusive<u32> = 1..=36_500;

/// Parameters of every list.
const PAGE: [&str; 2] = ["cursor", "limit"];

/// The names of the query parameters that a place takes with GET; with another
/// method it takes none.
#[must_use]
pub const fn query_of(place: &AdminPlace<'_>) -> &'static [&'static str] {
    match place {
        AdminPlace::Organizations => &["search", "cursor", "limit"],
        AdminPlace::Keys(_) => &["state", "name", "unused_for_days", "cursor", "limit"],
        AdminPlace::Audit(_) => &["after", "limit"],
        AdminPlace::Usage(_) => &USAGE_QUERY,
        AdminPlace::Export(_) | AdminPlace::Status | AdminPlace::RootKeys => &PAGE,
        AdminPlace::Bootstrap
        | AdminPlace::Session
        | AdminPlace::Organization(_)
        | AdminPlace::Key(..)
        | AdminPlace::KeyAction(..)
        | AdminPlace::Impact(..)
        | AdminPlace::RevokeAll(_)
        | AdminPlace::AuditHead(_)
        | AdminPlace::Import(_) => &[],
    }
}

/// The query of a place that passes over organizations.
pub struct OrganizationsQuery {
    /// Only those whose id or name has this in it, in any case.
    pub search: Option<String>,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// Most items.
    pub limit: Limit,
}

/// Reads it.
///
/// # Errors
/// `invalid_request`.
pub fn organizations_query(
    place: &AdminPlace<'_>,
    query: &str,
) -> Result<OrganizationsQuery, Problem> {
    let parameters = Parameters::read(query, query_of(place))?;
    let search = parameters.parse("search", "1 to 100 characters", |text| {
        (1..=100)
            .contains(&text.chars().count())
            .then(|| text.to_owned())
    })?;
    Ok(OrganizationsQuery {
        search,
        cursor: parameters
            .parse(
                "cursor",
                "one that this listing gave",
                OrganizationId::parse,
            )?
            .map(|id| id.to_string()),
        limit: parameters.limit()?,
    })
}

/// Makes a listing's pages as large as they come, for it is to leave as lines;
/// `false` for what has no lines.
pub fn as_lines(command: &mut Command) -> bool {
    match command {
        Command::ListAudit(ListAudit { limit, .. }) | Command::Export { limit, .. } => {
            *limit = Limit::MAX;
            true
        }
        _ => false,
    }
}

/// The query that asks for the lines after `next`, which a page of them gave.
#[must_use]
pub fn query_after(place: &AdminPlace<'_>, next: &str) -> String {
    let name = match place {
        AdminPlace::Audit(_) => "after",
        _ => "cursor",
    };
    format!("{name}={next}")
}

/// The query of a listing of the audit.
///
/// # Errors
/// `invalid_request`.
pub(super) fn list_audit(parameters: &Parameters) -> Result<ListAudit, Problem> {
    let read = |text: &str| text.parse().ok().filter(|after| *after <= GREATEST_SAFE);
    Ok(ListAudit {
        after: parameters
            .parse("after", "a sequence number", read)?
            .unwrap_or(0),
        limit: parameters.limit()?,
    })
}

/// The query of a listing of keys.
///
/// # Errors
/// `invalid_request`.
pub(super) fn list_keys(parameters: &Parameters) -> Result<ListKeys, Problem> {
    let state = parameters.parse(
        "state",
        "active, retiring, disabled, expired or revoked",
        |text| {
            KeyState::ALL
                .into_iter()
                .find(|state| state.as_str() == text)
        },
    )?;
    let days = |text: &str| {
        text.parse::<u32>()
            .ok()
            .filter(|days| UNUSED_FOR_DAYS.contains(days))
    };
    Ok(ListKeys {
        state,
        name: parameters.parse("name", "1 to 100 characters", |text| {
            (1..=100)
                .contains(&text.chars().count())
                .then(|| text.to_owned())
        })?,
        unused_for_days: parameters.parse(
            "unused_for_days",
            "a number of days from 1 to 36500",
            days,
        )?,
        cursor: parameters.cursor(),
        limit: parameters.limit()?,
    })
}
