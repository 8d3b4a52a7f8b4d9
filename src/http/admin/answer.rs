//! From what a registry says to the answer of an admin route.

use serde_json::{Value, json};

use crate::http::DescribedScope;
use crate::http::answer::{Answer, Body, JSON, NDJSON};
use crate::http::place::ADMIN_PREFIX;
use crate::http::problem::{Code, Problem};
use crate::key::{KeyId, OrganizationId, Revision};
use crate::registry::message::{
    AuditPage, Changed, KeyResult, KeyView, Object, Outcome, Refusal, Session,
};
use crate::time::Timestamp;

/// The problem of a refusal.
#[must_use]
pub fn problem_of(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::NotFound => Code::NotFound.into(),
        Refusal::InvalidRequest { field, detail } => Problem::invalid(&field, detail),
        Refusal::RevisionMismatch { current } => Problem {
            extension: Some(("current_revision", current.to_string())),
            ..Problem::from(Code::RevisionMismatch)
        },
        Refusal::InsufficientScope { scope } => {
            let detail =
                format!("This requires the scope `{scope}`, which your key does not have.");
            Problem {
                scope: Some(scope.to_string()),
                ..Problem::from(Code::InsufficientScope).because(detail)
            }
        }
        Refusal::IssuingDisabled => Code::IssuingDisabled.into(),
        Refusal::NotRotatable => Code::NotRotatable.into(),
        Refusal::AlreadyRevoked => Code::AlreadyRevoked.into(),
        Refusal::AlreadyBootstrapped => Code::AlreadyBootstrapped.into(),
        Refusal::LastAdmin => Code::LastAdmin.into(),
        Refusal::OrganizationIdTaken => Code::OrganizationIdTaken.into(),
        Refusal::OrganizationDeleted {
            deleted_at,
            purge_at,
        } => deleted(deleted_at, purge_at),
        Refusal::SecretAlreadyShown { key } => Problem {
            extension: Some(("key", serde_json::to_string(&key).unwrap_or_default())),
            ..Problem::from(Code::SecretAlreadyShown)
        },
        Refusal::IdempotencyKeyReused => Code::IdempotencyKeyReused.into(),
        Refusal::NoSession => Problem::from(Code::MissingCredentials)
            .because("The dashboard session has ended: sign in again."),
        Refusal::UnsupportedVersion => Code::RegistryUnavailable.into(),
    }
}

fn deleted(deleted_at: Timestamp, purge_at: Timestamp) -> Problem {
    let (deleted_at, purge_at) = (deleted_at.to_rfc3339(), purge_at.to_rfc3339());
    let detail = format!(
        "An organization with this id was deleted at {deleted_at}, and its records are kept until {purge_at}. `POST` at `/undelete` below this address brings it back; after that time the id is free. Or choose another id."
    );
    let member = json!({ "deleted_at": deleted_at, "purge_at": purge_at });
    Problem {
        extension: Some(("deleted_organization", member.to_string())),
        ..Problem::from(Code::OrganizationIdTaken).because(detail)
    }
}

/// An object with its revision as entity tag (RFC 9110 section 8.8.3), which
/// `If-Match` takes back.
fn tagged(status: u16, value: &impl serde::Serialize, revision: Revision) -> Answer {
    Answer::json(status, value)
        .with("cache-control", "no-store")
        .with("etag", format!("\"{revision}\""))
}

/// The answer of a route about one organization. `ndjson`: the caller asked for
/// lines.
#[must_use]
pub fn answer_to(outcome: Outcome, ndjson: bool) -> Answer {
    match outcome {
        Outcome::Organization(organization) => tagged(200, &organization, organization.revision),
        Outcome::Key(key) => tagged(200, &key, key.revision),
        Outcome::Keys(page) => plain(&page),
        Outcome::Audit(page) => audit_answer(&page, ndjson),
        Outcome::AuditHead(head) => plain(&head),
        Outcome::Usage(page) => plain(&page),
        Outcome::Impact(impact) => plain(&impact),
        Outcome::Status(status) => plain(&status),
        Outcome::Export(page) if ndjson => lines(
            page.items
                .iter()
                .filter_map(|key| serde_json::to_string(key).ok()),
            page.next_cursor.clone(),
        ),
        Outcome::Export(page) => plain(&page),
        Outcome::Changed(changed) => changed_answer(&changed),
        // Never asked for by a route about an organization.
        Outcome::Session(_) | Outcome::Records(_) | Outcome::Done {} => {
            Answer::new(204, Body::Empty)
        }
    }
}

/// Every listing and reading leaves as JSON that nobody may store.
fn plain(value: &impl serde::Serialize) -> Answer {
    Answer::json(200, value).with("cache-control", "no-store")
}

fn lines(lines: impl Iterator<Item = String>, next: Option<String>) -> Answer {
    let mut text = String::new();
    for line in lines {
        text.push_str(&line);
        text.push('\n');
    }
    let body = match next {
        Some(next) => Body::Lines(text, next),
        None => Body::Text(NDJSON, text),
    };
    Answer::new(200, body).with("cache-control", "no-store")
}

/// Entries are passed on as the bytes that were hashed: parsing and writing them
/// again could change what the hash covers.
fn audit_answer(page: &AuditPage, ndjson: bool) -> Answer {
    if ndjson {
        let next = page.next_after.map(|after| after.to_string());
        return lines(page.lines.iter().cloned(), next);
    }
    let next = page
        .next_after
        .map_or_else(|| "null".to_owned(), |after| format!("\"{after}\""));
    let text = format!(
        r#"{{"items":[{}],"next_cursor":{next}}}"#,
        page.lines.join(",")
    );
    Answer::new(200, Body::Text(JSON, text)).with("cache-control", "no-store")
}

/// 200 or 201 where every edge decides by the change, 202 where not yet.
fn changed_answer(changed: &Changed) -> Answer {
    let enforced = changed.enforced();
    let effective_at = changed.effective_at().map(Timestamp::to_rfc3339);
    let enforcement = [
        ("enforced", json!(enforced)),
        ("effective_at", json!(effective_at)),
    ];
    let status = match (enforced, changed.created) {
        (false, _) => 202,
        (true, true) => 201,
        (true, false) => 200,
    };
    let created = match &changed.object {
        Object::Issued(issued) => Some((&issued.key.organization, Some(issued.key.id))),
        Object::Organization(organization) => Some((&organization.id, None)),
        Object::Key(_) | Object::Keys(_) | Object::Imported { .. } => None,
    };
    let (members, revision) = match &changed.object {
        Object::Key(key) => (vec![("key", json!(key))], Some(key.revision)),
        // Each key has a revision of its own.
        Object::Keys(results) => {
            let results: Vec<Value> = results.iter().map(result).collect();
            (vec![("results", json!(results))], None)
        }
        // The one place where a secret leaves.
        Object::Issued(issued) => {
            let mut members = vec![("key", json!(issued.key)), ("secret", json!(issued.secret))];
            members.extend(
                issued
                    .replaced
                    .as_ref()
                    .map(|replaced| ("replaced", json!(replaced))),
            );
            (members, Some(issued.key.revision))
        }
        Object::Organization(organization) => (
            vec![("organization", json!(organization))],
            Some(organization.revision),
        ),
        Object::Imported {
            imported,
            skipped,
            organization,
        } => {
            let counts = [("imported", json!(imported)), ("skipped", json!(skipped))];
            let members = counts
                .into_iter()
                .chain([("organization", json!(organization))])
                .collect();
            (members, Some(organization.revision))
        }
    };
    let answer = beside(status, &members, revision, enforcement);
    match created {
        Some((organization, key)) if status == 201 => {
            answer.with("location", address(organization, key))
        }
        _ => answer,
    }
}

/// Where an organization, or a key of it, can be read.
fn address(organization: &OrganizationId, key: Option<KeyId>) -> String {
    match key {
        Some(key) => format!("{ADMIN_PREFIX}organizations/{organization}/keys/{key}"),
        None => format!("{ADMIN_PREFIX}organizations/{organization}"),
    }
}

/// What came of an order to one of many keys: the key, or why nothing was done to it.
fn result(one: &KeyResult) -> Value {
    match &one.result {
        Ok(key) => json!({ "id": one.id, "key": key }),
        Err(refusal) => {
            let problem = problem_of(refusal.clone());
            json!({ "id": one.id, "problem": {
                "code": problem.code.as_str(),
                "title": problem.code.title(),
                "status": problem.status(),
                "detail": problem.detail.as_deref().unwrap_or_else(|| problem.code.advice()),
            } })
        }
    }
}

/// A key that was looked up, and whether the secret that was sent with it is its own.
#[must_use]
pub fn lookup_answer(key: &KeyView, secret_matches: Option<bool>) -> Answer {
    plain(&json!({ "key": key, "secret_matches": secret_matches }))
}

/// An object under its name, with `enforced` and `effective_at` beside it.
fn beside(
    status: u16,
    members: &[(&'static str, Value)],
    revision: Option<Revision>,
    enforcement: [(&'static str, Value); 2],
) -> Answer {
    let body: serde_json::Map<String, Value> = members
        .iter()
        .cloned()
        .chain(enforcement)
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    match revision {
        Some(revision) => tagged(status, &body, revision),
        None => Answer::json(status, &body).with("cache-control", "no-store"),
    }
}

/// Who is signed in, and which scopes their pages have to offer. The token goes into
/// the cookie, never into the body.
#[must_use]
pub fn session_answer(status: u16, session: &Session, client_scopes: &[DescribedScope]) -> Answer {
    let body = json!({
        "key_id": session.id,
        "name": session.record.name,
        "scopes": session.record.scopes,
        "bound_organization": session.record.bound_organization,
        "client_scopes": client_scopes,
        "csrf_token": session.csrf_token,
        "expires_at": session.expires_at.to_rfc3339(),
    });
    Answer::json(status, &body).with("cache-control", "no-store")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Place;
    use crate::http::admin::{Facts, as_lines, ask, query_after};
    use crate::registry::message::{Command, ListAudit};
    use crate::time::Timestamp;

    fn page(next_after: Option<u64>) -> Outcome {
        Outcome::Audit(AuditPage {
            lines: vec![r#"{"seq":1}"#.to_owned(), r#"{"seq":2}"#.to_owned()],
            next_after,
        })
    }

    #[test]
    fn lines_that_have_more_after_them_are_no_whole_answer() {
        let text = "{\"seq\":1}\n{\"seq\":2}\n".to_owned();
        assert_eq!(
            answer_to(page(Some(2)), true).body,
            Body::Lines(text.clone(), "2".to_owned())
        );
        assert_eq!(answer_to(page(None), true).body, Body::Text(NDJSON, text));
        let Body::Text(JSON, text) = answer_to(page(Some(2)), false).body else {
            panic!("a page is JSON")
        };
        assert!(text.ends_with(r#""next_cursor":"2"}"#), "{text}");
    }

    #[test]
    fn lines_go_on_where_the_page_before_ended() {
        let listing = |path: &str, next: &str| {
            let Place::Admin(place) = Place::of(path) else {
                panic!("{path}")
            };
            let facts = Facts {
                method: "GET",
                query: &query_after("", next),
                body: &[],
                if_match: None,
                if_none_match: None,
                now: Timestamp(0),
            };
            let mut asked = ask(&place, &facts).unwrap().unwrap();
            assert!(as_lines(&mut asked.command));
            asked.command
        };
        assert!(matches!(
            listing("/admin/v1/organizations/acme/audit", "200"),
            Command::ListAudit(ListAudit { after: 200, limit, .. }) if limit.get() == 200
        ));
        assert!(matches!(
            listing("/admin/v1/organizations/acme/export", "7"),
            Command::Export { cursor: Some(cursor), limit } if cursor == "7" && limit.get() == 200
        ));
        let mut other = Command::AuditHead {};
        assert!(!as_lines(&mut other));
    }
}
