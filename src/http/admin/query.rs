//! The queries of listings.

use crate::http::parameters::Parameters;
use crate::http::path::Query;
use crate::http::place::AdminPlace;
use crate::http::problem::Problem;
use crate::http::usage::USAGE_QUERY;
use crate::key::{Environment, KeyId, KeyState, OrganizationId};
use crate::registry::message::{Command, Limit, ListAudit, ListKeys, MetadataFilter, Outcome};

/// Greatest whole number that SQLite's port and every JSON reader keep: 2⁵³ − 1.
const GREATEST_SAFE: u64 = (1 << 53) - 1;

/// Days without use, or until an end, that a list may be asked for.
pub const DAYS: std::ops::RangeInclusive<u32> = 1..=36_500;

/// Parameters of every list.
const PAGE: [&str; 2] = ["cursor", "limit"];

/// The names of the query parameters that a place takes with GET; with another
/// method it takes none.
#[must_use]
pub const fn query_of(place: &AdminPlace<'_>) -> &'static [&'static str] {
    match place {
        AdminPlace::Organizations => &["search", "deleted", "cursor", "limit"],
        AdminPlace::Keys(_) => &[
            "state",
            "search",
            "name",
            "unused_for_days",
            "expires_within_days",
            "exposed",
            "environment",
            "metadata",
            "cursor",
            "limit",
        ],
        AdminPlace::Audit(_) => &["key", "cursor", "after", "limit"],
        AdminPlace::Usage(_) => &USAGE_QUERY,
        AdminPlace::Export(_) | AdminPlace::Status | AdminPlace::RootKeys => &PAGE,
        AdminPlace::Bootstrap
        | AdminPlace::Session
        | AdminPlace::KeyLookup
        | AdminPlace::Organization(_)
        | AdminPlace::Undelete(_)
        | AdminPlace::DisableKeys(_)
        | AdminPlace::RevokeKeys(_)
        | AdminPlace::Key(..)
        | AdminPlace::KeyAction(..)
        | AdminPlace::Impact(..)
        | AdminPlace::RevokeAll(_)
        | AdminPlace::AuditHead(_)
        | AdminPlace::Limits(_)
        | AdminPlace::KeyLimits(..)
        | AdminPlace::Import(_) => &[],
    }
}

/// What is searched for.
const SEARCH: &str = "1 to 100 characters";

fn searched(text: &str) -> Option<String> {
    let fits = (1..=100).contains(&text.chars().count());
    fits.then(|| text.to_owned())
}

/// What says yes or no.
const FLAG: &str = "true or false";

fn flag(text: &str) -> Option<bool> {
    text.parse().ok()
}

/// A number of [`DAYS`].
const COUNT_OF_DAYS: &str = "a number of days from 1 to 36500";

fn days(text: &str) -> Option<u32> {
    text.parse().ok().filter(|days| DAYS.contains(days))
}

/// Most characters of a filter by metadata.
pub const METADATA_FILTER_MAX: usize = 200;

/// `team`, or `team=web`.
fn metadata_filter(text: &str) -> Option<MetadataFilter> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (text, None),
    };
    let fits = !name.is_empty() && text.chars().count() <= METADATA_FILTER_MAX;
    fits.then(|| MetadataFilter {
        name: name.to_owned(),
        value,
    })
}

/// The query of a place that passes over organizations.
pub struct OrganizationsQuery {
    /// Only those whose id or name has this in it, in any case.
    pub search: Option<String>,
    /// Only those that were deleted, or only the others.
    pub deleted: Option<bool>,
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
    let search = parameters.parse("search", SEARCH, searched)?;
    Ok(OrganizationsQuery {
        search,
        deleted: parameters.parse("deleted", FLAG, flag)?,
        cursor: parameters
            .parse(
                "cursor",
                "the `next_cursor` of the page before, or an organization's id",
                OrganizationId::parse,
            )?
            .map(|id| id.to_string()),
        limit: parameters.limit()?,
    })
}

/// Whether a list that asks for `deleted` organizations alone, or for the others, shows
/// what a registry said. The directory lags by moments, and an administrator who is tied
/// to an organization does not ask it.
#[must_use]
pub fn is_listed(outcome: &Outcome, deleted: Option<bool>) -> bool {
    match (outcome, deleted) {
        (Outcome::Organization(organization), Some(deleted)) => {
            organization.deleted_at.is_some() == deleted
        }
        _ => true,
    }
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

/// The query that asks for the lines after `next`, which a page of them gave, of those
/// that `query` asked for.
#[must_use]
pub fn query_after(query: &str, next: &str) -> String {
    let asked = Query::parse(query);
    let key = asked.as_ref().and_then(|query| query.value("key"));
    match key.and_then(KeyId::parse) {
        Some(key) => format!("key={key}&cursor={next}"),
        None => format!("cursor={next}"),
    }
}

/// The value of a parameter under its name, or under the one that it had before: that
/// counts where the other is not there.
fn renamed<T>(
    parameters: &Parameters,
    [name, former]: [&str; 2],
    expected: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, Problem> {
    let value = parameters.parse(name, expected, &read)?;
    let former = parameters.parse(former, expected, &read)?;
    Ok(value.or(former))
}

/// The query of a listing of the audit.
///
/// # Errors
/// `invalid_request`.
pub(super) fn list_audit(parameters: &Parameters) -> Result<ListAudit, Problem> {
    let read = |text: &str| text.parse().ok().filter(|after| *after <= GREATEST_SAFE);
    Ok(ListAudit {
        after: renamed(
            parameters,
            ["cursor", "after"],
            "the `next_cursor` of the page before, or the `seq` of an entry",
            read,
        )?
        .unwrap_or(0),
        key: parameters.parse("key", "a key id", KeyId::parse)?,
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
        "one of active, retiring, disabled, expired, revoked",
        |text| {
            KeyState::ALL
                .into_iter()
                .find(|state| state.as_str() == text)
        },
    )?;
    Ok(ListKeys {
        state,
        name: renamed(parameters, ["search", "name"], SEARCH, searched)?,
        unused_for_days: parameters.parse("unused_for_days", COUNT_OF_DAYS, days)?,
        expires_within_days: parameters.parse("expires_within_days", COUNT_OF_DAYS, days)?,
        exposed: parameters.parse("exposed", FLAG, flag)?,
        environment: parameters.parse("environment", "one of live, test, admin", |text| {
            Environment::ALL
                .into_iter()
                .find(|environment| environment.as_str() == text)
        })?,
        metadata: parameters.parse(
            "metadata",
            "a note's name, or `name=value`, with at most 200 characters",
            metadata_filter,
        )?,
        cursor: parameters.cursor(),
        limit: parameters.limit()?,
    })
}
