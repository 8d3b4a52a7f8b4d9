//! What a registry says, as it leaves.

use serde_json::json;

use super::{key_id, key_view, members, organization, organization_view, scopes};
use crate::http::DescribedScope;
use crate::http::admin::{answer_to, as_lines, problem_of, query_after, session_answer};
use crate::http::{Answer, Body, Code, JSON, NDJSON};
use crate::key::{Environment, KeyDigest, KeyRecord, Scope, SecretText};
use crate::registry::message::{
    AuditHead, AuditPage, Awaited, Changed, Command, Impact, Issued, Limit, ListAudit, Object,
    OutboxDepth, Outcome, Page, Refusal, Secret, Session, Status, WindowUse,
};
use crate::time::Timestamp;

fn text(answer: &Answer) -> (&'static str, &str) {
    match &answer.body {
        Body::Text(kind, text) => (kind, text),
        Body::Empty | Body::Lines(..) => panic!("no text"),
    }
}

fn changed(object: Object, created: bool) -> Answer {
    let changed = Changed {
        object,
        created,
        awaits: Vec::new(),
    };
    answer_to(Outcome::Changed(Box::new(changed)), false)
}

#[test]
fn an_object_carries_its_revision_as_entity_tag() {
    let key = answer_to(Outcome::Key(Box::new(key_view(7, Some(0)))), false);
    assert_eq!(key.status, 200);
    assert_eq!(key.header("etag"), Some("\"7\""));
    assert_eq!(key.header("cache-control"), Some("no-store"));
    assert_eq!(members(&key)["id"], key_id().to_string());
    let view = organization_view(9, Some(0));
    let organization = answer_to(Outcome::Organization(Box::new(view)), false);
    assert_eq!(organization.header("etag"), Some("\"9\""));
    assert_eq!(members(&organization)["id"], "acme");
}

#[test]
fn a_change_is_accepted_until_it_is_enforced() {
    let key = |effective_at| Object::Key(Box::new(key_view(7, effective_at)));
    let waiting = changed(key(None), false);
    assert_eq!(waiting.status, 202);
    assert_eq!(waiting.header("etag"), Some("\"7\""));
    assert_eq!(members(&waiting)["enforced"], false);
    assert_eq!(members(&waiting)["effective_at"], json!(null));
    assert_eq!(changed(key(None), true).status, 202);
    let enforced = changed(key(Some(0)), false);
    assert_eq!(enforced.status, 200);
    assert_eq!(members(&enforced)["enforced"], true);
    assert_eq!(
        members(&enforced)["effective_at"],
        "1970-01-01T00:00:00.000Z"
    );
    assert_eq!(members(&enforced)["key"]["revision"], 7);
    assert_eq!(changed(key(Some(0)), true).status, 201);
}

#[test]
fn a_new_key_leaves_once_with_its_secret() {
    let issued = |effective_at, replaced| {
        let secret = Secret::new(SecretText::new(b"kat_live_x.y").unwrap());
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        let key = key_view(7, effective_at);
        Object::Issued(Box::new(Issued {
            key,
            secret,
            replaced,
        }))
    };
    let answer = changed(issued(Some(1), None), true);
    assert_eq!(answer.status, 201);
    assert_eq!(answer.header("etag"), Some("\"7\""));
    assert_eq!(members(&answer)["secret"], "kat_live_x.y");
    let at = format!("/admin/v1/organizations/acme/keys/{}", key_id());
    assert_eq!(answer.header("location"), Some(at.as_str()));
    assert_eq!(members(&answer).get("replaced"), None);
    // By rotation both must be enforced, and the older key says since when.
    let answer = changed(issued(Some(1), Some(key_view(8, Some(2)))), true);
    assert_eq!(members(&answer)["replaced"]["revision"], 8);
    assert_eq!(members(&answer)["effective_at"], "1970-01-01T00:00:00.002Z");
    for (key, replaced) in [(None, Some(2)), (Some(1), None)] {
        let answer = changed(issued(key, Some(key_view(8, replaced))), true);
        assert_eq!(answer.status, 202);
    }
}

#[test]
fn an_organization_is_enforced_when_all_that_it_awaits_is() {
    let object = || Object::Organization(Box::new(organization_view(9, Some(0))));
    let created = changed(object(), true);
    let at = Some("/admin/v1/organizations/acme");
    assert_eq!((created.status, created.header("location")), (201, at));
    let answer = changed(object(), false);
    assert_eq!((answer.status, answer.header("location")), (200, None));
    assert_eq!(answer.header("etag"), Some("\"9\""));
    assert_eq!(members(&answer)["organization"]["id"], "acme");
    assert_eq!(members(&answer)["effective_at"], "1970-01-01T00:00:00.000Z");
    let awaits = vec![Awaited {
        subject: organization().tag().into(),
        revision: 9,
        from: None,
    }];
    let waiting = Changed {
        object: object(),
        created: false,
        awaits,
    };
    let answer = answer_to(Outcome::Changed(Box::new(waiting)), false);
    assert_eq!(answer.status, 202);
    let imported = Object::Imported {
        imported: 3,
        skipped: 4,
        organization: Box::new(organization_view(9, Some(0))),
    };
    let answer = changed(imported, false);
    assert_eq!(members(&answer)["imported"], 3);
    assert_eq!(members(&answer)["skipped"], 4);
    assert_eq!(answer.header("etag"), Some("\"9\""));
}

#[test]
fn audit_entries_leave_as_the_bytes_that_were_hashed() {
    let page = |next_after| AuditPage {
        lines: vec![r#"{"b":1,"a":2}"#.to_owned(), "{ }".to_owned()],
        next_after,
    };
    let answer = answer_to(Outcome::Audit(page(Some(17))), false);
    let whole = r#"{"items":[{"b":1,"a":2},{ }],"next_cursor":"17"}"#;
    assert_eq!(text(&answer), (JSON, whole));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let answer = answer_to(Outcome::Audit(page(None)), false);
    assert!(text(&answer).1.ends_with(r#""next_cursor":null}"#));
    let answer = answer_to(Outcome::Audit(page(None)), true);
    let lines = "{\"b\":1,\"a\":2}\n{ }\n";
    assert_eq!(text(&answer), (NDJSON, lines));
    // With more of them to come, the answer is their first page.
    let answer = answer_to(Outcome::Audit(page(Some(17))), true);
    assert_eq!(answer.body, Body::Lines(lines.to_owned(), "17".to_owned()));
}

#[test]
fn listings_leave_as_json_that_nobody_may_store() {
    let page = || Page {
        items: Vec::new(),
        next_cursor: Some("n".to_owned()),
    };
    let head = AuditHead {
        organization: organization(),
        count: 2,
        hash: "h".to_owned(),
        signature: "s".to_owned(),
        checkpoint: None,
    };
    let status = Status {
        revision: 9,
        outbox: OutboxDepth::default(),
        keys_per_ring_entry: Default::default(),
        unused_keys: 0,
        exposed_keys: 0,
        preflights: Vec::new(),
        failures_suppressed: 0,
    };
    let impact = Impact {
        key: key_id(),
        last_used_at: None,
        last_hour: WindowUse::default(),
        last_day: WindowUse::default(),
        last_30_days: WindowUse::default(),
        successor: None,
    };
    for (outcome, member, value) in [
        (Outcome::AuditHead(head), "count", json!(2)),
        (Outcome::Usage(page_of(&page)), "next_cursor", json!("n")),
        (Outcome::Keys(page_of(&page)), "next_cursor", json!("n")),
        (Outcome::Status(status), "revision", json!(9)),
        (Outcome::Impact(impact), "key", json!(key_id())),
    ] {
        let answer = answer_to(outcome, false);
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(members(&answer)[member], value);
    }
    let done = answer_to(Outcome::Done {}, false);
    assert_eq!((done.status, done.body), (204, Body::Empty));
    let exported = answer_to(Outcome::Export(page_of(&page)), false);
    assert_eq!(members(&exported)["next_cursor"], "n");
    let exported = answer_to(Outcome::Export(page_of(&page)), true);
    assert_eq!(exported.body, Body::Lines(String::new(), "n".to_owned()));
}

fn page_of<T>(page: &dyn Fn() -> Page<()>) -> Page<T> {
    Page {
        items: Vec::new(),
        next_cursor: page().next_cursor,
    }
}

#[test]
fn a_session_shows_its_token_in_no_body() {
    let record = KeyRecord {
        revision: 7,
        environment: Environment::Admin,
        name: "Ada".to_owned(),
        bound_organization: Some(organization()),
        ..KeyRecord::issued(
            3,
            Timestamp(1),
            KeyDigest::from_text(&"A".repeat(43)).unwrap(),
            scopes(),
        )
    };
    let session = Session {
        token: None,
        csrf_token: "c".to_owned(),
        expires_at: Timestamp(0),
        id: key_id(),
        record,
    };
    let scopes =
        r#"[{"name":"read","description":{"en":"Read"},"dangerous":true},{"name":"usage"}]"#;
    let scopes: Vec<DescribedScope> = crate::json::from_str(scopes).unwrap();
    let answer = session_answer(201, &session, &scopes);
    assert_eq!(answer.status, 201);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let expected = json!({
        "key_id": key_id().to_string(),
        "name": "Ada",
        "scopes": ["read"],
        "bound_organization": "acme",
        "client_scopes": [
            { "name": "read", "description": { "en": "Read" }, "dangerous": true },
            { "name": "usage", "description": {}, "dangerous": false },
        ],
        "csrf_token": "c",
        "expires_at": "1970-01-01T00:00:00.000Z",
    });
    assert_eq!(members(&answer), expected);
}

#[test]
fn each_refusal_is_a_problem() {
    for (refusal, code) in [
        (Refusal::NotFound, Code::NotFound),
        (Refusal::IssuingDisabled, Code::IssuingDisabled),
        (Refusal::NotRotatable, Code::NotRotatable),
        (Refusal::AlreadyRevoked, Code::AlreadyRevoked),
        (Refusal::AlreadyBootstrapped, Code::AlreadyBootstrapped),
        (Refusal::LastAdmin, Code::LastAdmin),
        (Refusal::OrganizationIdTaken, Code::OrganizationIdTaken),
        (Refusal::IdempotencyKeyReused, Code::IdempotencyKeyReused),
        (Refusal::NoSession, Code::MissingCredentials),
        (Refusal::UnsupportedVersion, Code::RegistryUnavailable),
    ] {
        assert_eq!(problem_of(refusal).code, code);
    }
    let invalid = problem_of(Refusal::field("name", "is empty"));
    assert_eq!(invalid.field.as_deref(), Some("name"));
    assert_eq!(invalid.detail.as_deref(), Some("is empty"));
    let mismatch = problem_of(Refusal::RevisionMismatch { current: 7 });
    assert_eq!(mismatch.code, Code::RevisionMismatch);
    assert_eq!(
        mismatch.extension,
        Some(("current_revision", "7".to_owned()))
    );
    let scope = Scope::parse("keys:write").unwrap();
    let lacks = problem_of(Refusal::InsufficientScope { scope });
    assert_eq!(lacks.code, Code::InsufficientScope);
    assert_eq!(lacks.scope.as_deref(), Some("keys:write"));
    assert!(lacks.detail.unwrap().contains("`keys:write`"));
    let key = Box::new(key_view(7, None));
    let shown = problem_of(Refusal::SecretAlreadyShown { key });
    let (name, value) = shown.extension.unwrap();
    let value: serde_json::Value = serde_json::from_str(&value).unwrap();
    assert_eq!((name, &value["revision"]), ("key", &json!(7)));
}

#[test]
fn a_listing_goes_on_where_its_page_ended() {
    assert_eq!(query_after("", "17"), "cursor=17");
    assert_eq!(query_after("cursor=3&limit=2", "17"), "cursor=17");
    let of_key = format!("key={}&cursor=17", key_id());
    assert_eq!(
        query_after(&format!("cursor=3&key={}", key_id()), "17"),
        of_key
    );
    let mut audit = Command::ListAudit(ListAudit {
        after: 5,
        key: None,
        limit: Limit::default(),
    });
    assert!(as_lines(&mut audit));
    let Command::ListAudit(ListAudit {
        after: 5, limit, ..
    }) = &audit
    else {
        panic!("{audit:?}")
    };
    assert_eq!(*limit, Limit::MAX);
    let mut export = Command::Export {
        cursor: None,
        limit: Limit::default(),
    };
    assert!(as_lines(&mut export));
    let Command::Export { limit, .. } = &export else {
        panic!("{export:?}")
    };
    assert_eq!(*limit, Limit::MAX);
    assert!(!as_lines(&mut Command::AuditHead {}));
}
