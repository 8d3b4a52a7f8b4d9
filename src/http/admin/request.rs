//! From an admin request to what the registry is asked.

use super::body::{parse_body, parse_optional_body};
use super::method::check_method;
use super::not_found::{NO_KEY_ID, NO_ORGANIZATION_ID};
use super::precondition::precondition;
use super::query::{list_audit, list_keys, query_of};
use crate::http::parameters::Parameters;
use crate::http::place::{AdminPlace, KeyAction};
use crate::http::problem::{Code, Problem};
use crate::http::usage::usage_query;
use crate::key::{KeyId, OrganizationId, Revision};
use crate::registry::message::Command;
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

/// The organization's id from the path. An id that cannot be is one that does
/// not exist; only its creation says what is wrong with it.
fn organization(text: &str, creates: bool) -> Result<OrganizationId, Problem> {
    OrganizationId::parse(text).ok_or_else(|| {
        if creates {
            Problem::invalid(
                "organization",
                "An organization id must have 1 to 64 characters out of A-Z, a-z, 0-9, _ and -, and must not start with _.",
            )
        } else {
            Problem::from(Code::NotFound).because(NO_ORGANIZATION_ID)
        }
    })
}

fn key(text: &str) -> Result<KeyId, Problem> {
    KeyId::parse(text).ok_or_else(|| Problem::from(Code::NotFound).because(NO_KEY_ID))
}

/// What the registry is asked for a place that concerns one organization;
/// `None` for the others (bootstrap, session, status, look-up, list of organizations).
///
/// # Errors
/// What is wrong with the request.
pub fn ask(place: &AdminPlace<'_>, facts: &Facts<'_>) -> Result<Option<Ask>, Problem> {
    check_method(place, facts.method)?;
    let body = facts.body;
    let changes = facts.method != "GET";
    let known = if changes { &[] } else { query_of(place) };
    let parameters = Parameters::read(facts.query, known)?;
    let (id, command) = match *place {
        AdminPlace::Bootstrap
        | AdminPlace::Session
        | AdminPlace::Status
        | AdminPlace::RootKeys
        | AdminPlace::KeyLookup
        | AdminPlace::Organizations => return Ok(None),
        AdminPlace::Organization(id) => match facts.method {
            "PUT" => (
                organization(id, true)?,
                Command::PutOrganization(parse_body(body)?),
            ),
            "PATCH" => (
                organization(id, false)?,
                Command::PatchOrganization(parse_body(body)?),
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
        AdminPlace::DisableKeys(id) => (
            organization(id, false)?,
            Command::DisableKeys(parse_body(body)?),
        ),
        AdminPlace::RevokeKeys(id) => (
            organization(id, false)?,
            Command::RevokeKeys(parse_body(body)?),
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
        AdminPlace::Undelete(id) => (
            organization(id, false)?,
            Command::UndeleteOrganization(parse_optional_body(body)?),
        ),
        AdminPlace::Audit(id) => (
            organization(id, false)?,
            Command::ListAudit(list_audit(&parameters)?),
        ),
        AdminPlace::AuditHead(id) => (organization(id, false)?, Command::AuditHead {}),
        AdminPlace::Usage(id) => (
            organization(id, false)?,
            Command::ListUsage(usage_query(facts.query, facts.now)?),
        ),
        AdminPlace::Limits(id) => (organization(id, false)?, Command::GetLimits { id: None }),
        AdminPlace::KeyLimits(id, key_id) => (
            organization(id, false)?,
            Command::GetLimits {
                id: Some(key(key_id)?),
            },
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Place;
    use crate::registry::message::ListKeys;

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
    fn a_listing_has_its_query() {
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
}
