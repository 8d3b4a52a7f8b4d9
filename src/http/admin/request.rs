//! From an admin request to what the registry is asked.

use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use crate::http::parameters::Parameters;
use crate::http::place::{AdminPlace, KeyAction};
use crate::http::problem::{Code, Problem};
use crate::http::usage::{USAGE_QUERY, usage_query};
use crate::json;
use crate::key::{KeyId, KeyState, OrganizationId, Revision};
use crate::random;
use crate::registry::Permission;
use crate::registry::message::{Command, Idempotency, Limit, ListAudit, ListKeys};
use crate::time::Timestamp;

/// What is known of the request besides its place.
pub struct Facts<'a> {
    /// In capitals.
    pub method: &'a str,
    /// Without its `?`.
    pub query: &'a str,
    /// The body; empty where the method has none.
    pub body: &'a [u8],
    /// The value of `If-Match`.
    pub if_match: Option<&'a str>,
    /// The value of `If-None-Match`.
    pub if_none_match: Option<&'a str>,
    /// When the request came.
    pub now: Timestamp,
}

/// What a registry is asked, and what that takes.
#[derive(Debug)]
pub struct Ask {
    /// Whose registry.
    pub organization: OrganizationId,
    /// The revision the object must still have; 0: there must be none.
    pub if_match: Option<Revision>,
    /// Whether the object must be there.
    pub must_exist: bool,
    /// What to do.
    pub command: Command,
}

/// Greatest whole number that SQLite's port and every JSON reader keep: 2⁵³ − 1.
const GREATEST_SAFE: u64 = (1 << 53) - 1;

/// Reads a JSON body into `T`; the problem names the field.
///
/// # Errors
/// `invalid_request`.
pub fn parse_body<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(Problem::invalid("", "The body is a JSON object."));
    }
    json::from_slice(body).map_err(|error| {
        // A member that is missing or not known is named by the message alone.
        let field = match error.path() {
            "" => error.message().split('`').nth(1).unwrap_or_default(),
            path => path,
        };
        Problem::invalid(field, error.message())
    })
}

/// The same, where an empty body means all defaults.
fn parse_optional_body<T: DeserializeOwned + Default>(body: &[u8]) -> Result<T, Problem> {
    if body.is_empty() {
        Ok(T::default())
    } else {
        parse_body(body)
    }
}

/// The organization's id from the path. An id that cannot be is one that does
/// not exist; only its creation says what is wrong with it.
fn organization(text: &str, creates: bool) -> Result<OrganizationId, Problem> {
    OrganizationId::parse(text).ok_or_else(|| {
        if creates {
            Problem::invalid(
                "organization",
                "An organization id is 1 to 64 of A-Z a-z 0-9 _ -, and does not start with _.",
            )
        } else {
            Code::NotFound.into()
        }
    })
}

fn key(text: &str) -> Result<KeyId, Problem> {
    KeyId::parse(text).ok_or_else(|| Code::NotFound.into())
}

/// What must be true of an object before it is changed: its revision, and
/// whether it must be there. `If-Match` (RFC 9110 section 13.1.1) is one strong
/// entity tag that is a revision, or `*`; `If-None-Match` (section 13.1.2) of a
/// change is `*`, which only what has no revision fulfils. Both together nothing
/// fulfils.
fn precondition(
    if_match: Option<&str>,
    if_none_match: Option<&str>,
) -> Result<(Option<Revision>, bool), Problem> {
    let absent = match if_none_match.map(str::trim) {
        None => None,
        Some("*") => Some(0),
        Some(_) => {
            return Err(Problem::invalid(
                "If-None-Match",
                "`If-None-Match` of a change is `*`.",
            ));
        }
    };
    match if_match.map(str::trim) {
        None => Ok((absent, false)),
        Some("*") => Ok((absent, true)),
        Some(tag) => Ok((absent.or(Some(revision(tag)?)), true)),
    }
}

fn revision(tag: &str) -> Result<Revision, Problem> {
    tag.strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        // `parse` alone would take a sign.
        .filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|number| number.parse().ok())
        .ok_or_else(|| {
            Problem::invalid("If-Match", r#"`If-Match` is a revision in quotes, as "7"."#)
        })
}

/// Days without use that a list may be asked for.
pub const UNUSED_FOR_DAYS: std::ops::RangeInclusive<u32> = 1..=36_500;

/// Most characters of an `Idempotency-Key`.
pub const IDEMPOTENCY_KEY_MAX: usize = 255;

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

/// What the registry is asked for a place that concerns one organization;
/// `None` for the others (bootstrap, session, status, list of organizations).
///
/// # Errors
/// What is wrong with the request.
pub fn ask(place: &AdminPlace<'_>, facts: &Facts<'_>) -> Result<Option<Ask>, Problem> {
    if !place
        .allow()
        .split(", ")
        .any(|method| method == facts.method)
    {
        return Err(Problem::method_not_allowed(place.allow()));
    }
    let body = facts.body;
    let changes = facts.method != "GET";
    let known = if changes { &[] } else { query_of(place) };
    let parameters = Parameters::read(facts.query, known)?;
    let (id, command) = match *place {
        AdminPlace::Bootstrap
        | AdminPlace::Session
        | AdminPlace::Status
        | AdminPlace::RootKeys
        | AdminPlace::Organizations => return Ok(None),
        AdminPlace::Organization(id) => match facts.method {
            "PUT" => (
                organization(id, true)?,
                Command::PutOrganization(parse_body(body)?),
            ),
            "DELETE" => (
                organization(id, false)?,
                Command::DeleteOrganization(parse_optional_body(body)?),
            ),
            _ => (organization(id, false)?, Command::GetOrganization {}),
        },
        AdminPlace::Keys(id) if changes => (
            organization(id, false)?,
            Command::IssueKey(parse_body(body)?),
        ),
        AdminPlace::Keys(id) => (
            organization(id, false)?,
            Command::ListKeys(list_keys(&parameters)?),
        ),
        AdminPlace::Key(id, key_id) if changes => (
            organization(id, false)?,
            Command::PatchKey {
                id: key(key_id)?,
                patch: parse_body(body)?,
            },
        ),
        AdminPlace::Key(id, key_id) => (
            organization(id, false)?,
            Command::GetKey { id: key(key_id)? },
        ),
        AdminPlace::KeyAction(id, key_id, action) => {
            let id = organization(id, false)?;
            let key = key(key_id)?;
            let command = match action {
                KeyAction::Rotate => Command::RotateKey {
                    id: key,
                    rotation: parse_optional_body(body)?,
                },
                KeyAction::Revoke => Command::RevokeKey {
                    id: key,
                    revocation: parse_body(body)?,
                },
                KeyAction::Disable => Command::DisableKey {
                    id: key,
                    body: parse_optional_body(body)?,
                },
                KeyAction::Enable => Command::EnableKey {
                    id: key,
                    body: parse_optional_body(body)?,
                },
            };
            (id, command)
        }
        AdminPlace::Impact(id, key_id) => (
            organization(id, false)?,
            Command::Impact { id: key(key_id)? },
        ),
        AdminPlace::RevokeAll(id) => (
            organization(id, false)?,
            Command::RevokeAll(parse_body(body)?),
        ),
        AdminPlace::Audit(id) => {
            let after = parameters
                .parse("after", "a sequence number", |text| {
                    text.parse().ok().filter(|after| *after <= GREATEST_SAFE)
                })?
                .unwrap_or(0);
            (
                organization(id, false)?,
                Command::ListAudit(ListAudit {
                    after,
                    limit: parameters.limit()?,
                }),
            )
        }
        AdminPlace::AuditHead(id) => (organization(id, false)?, Command::AuditHead {}),
        AdminPlace::Usage(id) => (
            organization(id, false)?,
            Command::ListUsage(usage_query(facts.query, facts.now)?),
        ),
        AdminPlace::Export(id) => (
            organization(id, false)?,
            Command::Export {
                cursor: parameters.cursor(),
                limit: parameters.limit()?,
            },
        ),
        AdminPlace::Import(id) => (organization(id, false)?, Command::Import(parse_body(body)?)),
    };
    let (if_match, must_exist) = if changes {
        precondition(facts.if_match, facts.if_none_match)?
    } else {
        (None, false)
    };
    Ok(Some(Ask {
        organization: id,
        if_match,
        must_exist,
        command,
    }))
}

/// The scope a place needs, from the [table](Permission) that the registry asks
/// too; none for the places that prove their callers themselves.
#[must_use]
pub fn scope_of(place: &AdminPlace<'_>, method: &str) -> &'static str {
    let reads = method == "GET";
    let permission = match place {
        AdminPlace::Bootstrap | AdminPlace::Session => return "",
        AdminPlace::Status | AdminPlace::RootKeys => Permission::ReadStatus,
        AdminPlace::Organizations => Permission::ReadOrganizations,
        AdminPlace::Organization(_) if reads => Permission::ReadOrganizations,
        AdminPlace::Organization(_) => Permission::WriteOrganizations,
        AdminPlace::Keys(_) | AdminPlace::Key(..) if reads => Permission::ReadKeys,
        AdminPlace::Keys(_)
        | AdminPlace::Key(..)
        | AdminPlace::KeyAction(..)
        | AdminPlace::RevokeAll(_)
        | AdminPlace::Export(_)
        | AdminPlace::Import(_) => Permission::WriteKeys,
        AdminPlace::Impact(..) | AdminPlace::Usage(_) => Permission::ReadUsage,
        AdminPlace::Audit(_) | AdminPlace::AuditHead(_) => Permission::ReadAudit,
    };
    let (_, organization, _) = place.parts();
    permission.scope(organization == Some(OrganizationId::PLATFORM))
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
            .parse("cursor", "one that this list gave", OrganizationId::parse)?
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

/// `Idempotency-Key`: 1 to 255 visible ASCII characters. What it stands for is
/// the request's path and body.
///
/// # Errors
/// `invalid_request`.
pub fn idempotency(key: &str, path: &str, body: &[u8]) -> Result<Idempotency, Problem> {
    if !(1..=IDEMPOTENCY_KEY_MAX).contains(&key.len())
        || !key.bytes().all(|byte| byte.is_ascii_graphic())
    {
        return Err(Problem::invalid(
            "Idempotency-Key",
            "`Idempotency-Key` is 1 to 255 visible ASCII characters.",
        ));
    }
    let digest = Sha256::new()
        .chain_update(path)
        .chain_update([0])
        .chain_update(body)
        .finalize();
    Ok(Idempotency {
        key: key.to_owned(),
        body_digest: random::hex(&digest),
    })
}

fn list_keys(parameters: &Parameters) -> Result<ListKeys, Problem> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Place;
    use crate::http::place::ADMIN;
    use crate::key::{Scope, Scopes};
    use crate::registry::message::{Actor, Admin};
    use crate::registry::{ADMIN_SCOPES, permit};

    fn asked(method: &str, path: &str, query: &str, body: &str) -> Result<Ask, Problem> {
        let Place::Admin(place) = Place::of(path) else {
            panic!("{path} is no admin place")
        };
        let facts = Facts {
            method,
            query,
            body: body.as_bytes(),
            if_match: None,
            if_none_match: None,
            now: Timestamp(0),
        };
        ask(&place, &facts).map(Option::unwrap)
    }

    #[test]
    fn the_problem_names_the_field() {
        let field = |body: &str| {
            let problem = asked("POST", "/admin/v1/organizations/acme/keys", "", body).unwrap_err();
            assert_eq!(problem.code, Code::InvalidRequest);
            problem.field.unwrap_or_default()
        };
        assert_eq!(
            field(r#"{"name":"","environment":"live","scopes":["read"]}"#),
            "name"
        );
        assert_eq!(field(r#"{"environment":"live","scopes":["read"]}"#), "name");
        assert_eq!(
            field(r#"{"name":"a","environment":"prod","scopes":["read"]}"#),
            "environment"
        );
        assert_eq!(
            field(r#"{"name":"a","environment":"live","scopes":["re ad"]}"#),
            "scopes[0]"
        );
        assert_eq!(
            field(r#"{"name":"a","name":"b","environment":"live","scopes":["read"]}"#),
            "name"
        );
        assert_eq!(
            field(r#"{"name":"a","environment":"live","scopes":["read"],"colour":1}"#),
            "colour"
        );
        assert_eq!(
            field(r#"{"name":"a","environment":"live","scopes":["read"],"expires_at":"soon"}"#),
            "expires_at"
        );
        assert_eq!(
            field(r#"{"name":"a","environment":"live","scopes":["read"],"allowed_ips":["x"]}"#),
            "allowed_ips"
        );
        assert_eq!(field("nonsense"), "");
        assert_eq!(field(r#" ["a","live",["read"]]"#), "");
    }

    #[test]
    fn scopes_and_the_platforms_own() {
        let ask = asked(
            "GET",
            "/admin/v1/organizations/acme/keys",
            "limit=7&state=revoked",
            "",
        )
        .unwrap();
        assert!(
            matches!(ask.command, Command::ListKeys(ListKeys { limit, .. }) if limit.get() == 7)
        );
        let scope = |method: &str, path: &str| {
            let Place::Admin(place) = Place::of(path) else {
                panic!("{path}")
            };
            scope_of(&place, method)
        };
        assert_eq!(
            scope("GET", "/admin/v1/organizations/acme/keys"),
            "keys:read"
        );
        assert_eq!(
            scope("POST", "/admin/v1/organizations/acme/keys"),
            "keys:write"
        );
        for path in ["", "/keys", "/audit", "/usage", "/export", "/revoke-all"] {
            for method in ["GET", "POST", "PUT"] {
                assert_eq!(
                    scope(method, &format!("/admin/v1/organizations/_platform{path}")),
                    "admins:write"
                );
            }
        }
    }

    /// Whoever passes at the edge passes at the registry, with one scope and with
    /// the same.
    #[test]
    fn the_edge_and_the_registry_ask_for_the_same_scope() {
        const ID: &str = "kat_live_20BAssrdJ8UvAGbTzdPedgcnuDWlHC";
        const BODIES: [&str; 5] = [
            "",
            r#"{"name":"a"}"#,
            r#"{"name":"a","environment":"live","scopes":["read"]}"#,
            r#"{"reason":"unspecified"}"#,
            r#"{"keys":[]}"#,
        ];
        let mut asked_for = 0;
        for organization in ["acme", OrganizationId::PLATFORM] {
            for (template, make) in ADMIN {
                let place = make(organization, ID);
                if !template.contains("{organization}") {
                    continue;
                }
                let path = template
                    .replace("{organization}", organization)
                    .replace("{key_id}", ID);
                for method in place.allow().split(", ") {
                    let command = BODIES
                        .iter()
                        .find_map(|body| asked(method, &format!("/admin/v1/{path}"), "", body).ok())
                        .unwrap()
                        .command;
                    let id = OrganizationId::parse(organization).unwrap();
                    let permitted = |scope: &&str| {
                        let scopes = vec![Scope::parse(scope).unwrap()];
                        let admin = Admin {
                            id: KeyId::parse(ID).unwrap(),
                            name: "a".to_owned(),
                            scopes: Scopes::new(scopes).unwrap(),
                            bound_organization: None,
                        };
                        permit(&Actor::Key(admin), &id, &command).is_ok()
                    };
                    let enough: Vec<&str> = ADMIN_SCOPES.into_iter().filter(permitted).collect();
                    assert_eq!(enough, [scope_of(&place, method)], "{method} {path}");
                    asked_for += 1;
                }
            }
        }
        assert_eq!(asked_for, 36);
    }

    #[test]
    fn wrong_requests() {
        let code = |method: &str, path: &str, query: &str| {
            asked(method, path, query, "").unwrap_err().code
        };
        assert_eq!(
            code("PUT", "/admin/v1/organizations/acme/keys", ""),
            Code::MethodNotAllowed
        );
        assert_eq!(
            code("GET", "/admin/v1/organizations/a%20b/keys", ""),
            Code::NotFound
        );
        assert_eq!(
            code("GET", "/admin/v1/organizations/_x/keys", ""),
            Code::NotFound
        );
        assert_eq!(
            code("PUT", "/admin/v1/organizations/_x", ""),
            Code::InvalidRequest
        );
        assert_eq!(
            code("GET", "/admin/v1/organizations/acme/keys/nonsense", ""),
            Code::NotFound
        );
        for query in [
            "limit=0",
            "limit=201",
            "limit=x",
            "state=gone",
            "colour=red",
            "limit=1&limit=2",
            "name=",
        ] {
            assert_eq!(
                code("GET", "/admin/v1/organizations/acme/keys", query),
                Code::InvalidRequest,
                "{query}"
            );
        }
        for after in ["-1", "x", "9007199254740992"] {
            assert_eq!(
                code(
                    "GET",
                    "/admin/v1/organizations/acme/audit",
                    &format!("after={after}")
                ),
                Code::InvalidRequest,
                "{after}"
            );
        }
        assert_eq!(
            code(
                "GET",
                "/admin/v1/organizations/acme/usage",
                "from=yesterday"
            ),
            Code::InvalidRequest
        );
    }

    #[test]
    fn preconditions() {
        assert_eq!(precondition(None, None), Ok((None, false)));
        assert_eq!(precondition(Some("*"), None), Ok((None, true)));
        assert_eq!(precondition(None, Some(" * ")), Ok((Some(0), false)));
        assert_eq!(precondition(Some("\"7\""), None), Ok((Some(7), true)));
        for contradiction in ["*", "\"7\""] {
            assert_eq!(
                precondition(Some(contradiction), Some("*")),
                Ok((Some(0), true))
            );
        }
        for bad in [
            "7",
            "W/\"7\"",
            "\"7\", \"8\"",
            "\"x\"",
            "\"+7\"",
            "\"\"",
            "",
        ] {
            assert!(precondition(Some(bad), None).is_err(), "{bad}");
        }
        assert!(precondition(None, Some("\"7\"")).is_err());
    }
}
