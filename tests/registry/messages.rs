//! What Worker and object say to each other, as JSON. During a deployment the
//! two are of different versions: these forms are pinned.

use katalo_keys::key::{KeyId, OrganizationId, Subject};
use katalo_keys::registry::message::{
    Actor, Command, FailedAuthentication, LeakSource, ListUsage, Outcome, PreflightCount, Request,
    RequiredRevisions, SessionToken, Span,
};
use serde_json::{Value, json};

use crate::usage::count;
use crate::world::{HOUR, START, World, admin_of, body, rotate};

/// Written so, and read back as the same.
#[track_caller]
fn pinned(command: &Command, expected: &Value) {
    let text = serde_json::to_value(command).unwrap();
    assert_eq!(text, *expected);
    let back: Command = serde_json::from_value(text).unwrap();
    assert_eq!(serde_json::to_value(&back).unwrap(), *expected);
}

#[test]
fn commands() {
    let mut world = World::acme();
    let id: KeyId = world.key("a").id;
    let key = id.public;
    let digits = "0123456789abcdef".repeat(4);
    let token = || SessionToken::try_from(digits.clone()).unwrap();
    let origin = || "https://page.example".to_owned();
    let required = |key, organization| RequiredRevisions { key, organization };
    pinned(
        &Command::Records {
            key,
            required: required(2, 1),
        },
        &json!({"records": {"key": key, "required": {"key": 2, "organization": 1}}}),
    );
    let of_an_older_edge = json!({"records": {"key": key}});
    assert!(matches!(
        serde_json::from_value(of_an_older_edge).unwrap(),
        Command::Records {
            required: RequiredRevisions {
                key: 0,
                organization: 0
            },
            ..
        }
    ));
    pinned(
        &Command::MarkExposed {
            key,
            origin: origin(),
        },
        &json!({"mark_exposed": {"key": key, "origin": "https://page.example"}}),
    );
    pinned(
        &Command::ReportLeak {
            key,
            source: LeakSource::Github,
            url: "https://github.com/a/b".to_owned(),
        },
        &json!({"report_leak": {"key": key, "source": "github", "url": "https://github.com/a/b"}}),
    );
    pinned(
        &Command::RevokeSelf { key },
        &json!({"revoke_self": {"key": key}}),
    );
    pinned(
        &Command::CountUsage {
            batch: "b1".to_owned(),
            rows: vec![
                count(key, "read", "allowed", 3, START),
                count(key, "", "revoked_key", 1, START),
            ],
        },
        &json!({"count_usage": {"batch": "b1", "rows": [
            {"key": key, "scope": "read", "outcome": "allowed", "count": 3,
                "last_at": 1_795_478_400_000_u64},
            {"key": key, "outcome": "revoked_key", "count": 1, "last_at": 1_795_478_400_000_u64},
        ]}}),
    );
    pinned(
        &Command::ReportBehind {
            subject: Subject::from(key),
        },
        &json!({"report_behind": {"subject": key}}),
    );
    pinned(
        &Command::NotePreflights {
            preflights: vec![PreflightCount {
                origin: origin(),
                count: 2,
            }],
        },
        &json!({"note_preflights": {
            "preflights": [{"origin": "https://page.example", "count": 2}]}}),
    );
    pinned(
        &Command::NotePreflight {
            origin: origin(),
            count: 1,
        },
        &json!({"note_preflight": {"origin": "https://page.example","count":1}}),
    );
    pinned(
        &Command::NoteFailedAuthentication {
            problem: "invalid_key".to_owned(),
            key: Some(id),
            route: "/admin/v1/status".to_owned(),
            address: None,
        },
        &json!({"note_failed_authentication": {
            "problem": "invalid_key", "key": id, "route": "/admin/v1/status"}}),
    );
    pinned(
        &Command::NoteFailures {
            failures: vec![FailedAuthentication {
                problem: "revoked_key".to_owned(),
                key: Some(id),
                route: "GET /admin/v1/status".to_owned(),
                address: Some("192.0.2.1".to_owned()),
                count: 3,
            }],
            beyond_proven: 1,
            beyond_unproven: 2,
        },
        &json!({"note_failures": {"failures": [{"problem": "revoked_key", "key": id,
            "route": "GET /admin/v1/status", "address": "192.0.2.1", "count": 3}],
            "beyond_proven": 1, "beyond_unproven": 2}}),
    );
    pinned(
        &Command::NoteDeletion {
            organization: OrganizationId::parse("acme").unwrap(),
            revision: 7,
        },
        &json!({"note_deletion": {"organization": "acme", "revision": 7}}),
    );
    pinned(&Command::OpenSession {}, &json!({"open_session": {}}));
    pinned(
        &Command::ReadSession { token: token() },
        &json!({"read_session": {"token": digits}}),
    );
    pinned(
        &Command::CloseSession { token: token() },
        &json!({"close_session": {"token": digits}}),
    );
    pinned(
        &Command::ListUsage(ListUsage {
            from: START,
            to: START.plus(HOUR),
            by: Span::Day,
            key: Some(key),
            cursor: None,
            limit: 7.try_into().unwrap(),
        }),
        &json!({"list_usage": {"from": 1_795_478_400_000_u64, "to": 1_795_482_000_000_u64,
            "by": "day", "key": key, "limit": 7}}),
    );
    pinned(&Command::Impact { id }, &json!({"impact": {"id": id}}));
    pinned(
        &Command::Status {
            unused_for_days: 90,
        },
        &json!({"status": {"unused_for_days": 90}}),
    );
    pinned(
        &Command::Export {
            cursor: Some("2".to_owned()),
            limit: 7.try_into().unwrap(),
        },
        &json!({"export": {"cursor": "2", "limit": 7}}),
    );
    pinned(
        &Command::DeleteOrganization(body(json!({}))),
        &json!({"delete_organization": {"wait": true}}),
    );
    pinned(
        &Command::UndeleteOrganization(body(json!({}))),
        &json!({"undelete_organization": {"wait": true}}),
    );
    pinned(
        &Command::DisableKeys(body(json!({"ids": [id], "wait": false}))),
        &json!({"disable_keys": {"ids": [id], "wait": false}}),
    );
    pinned(
        &Command::RevokeKeys(body(
            json!({"ids": [id], "reason": "superseded", "note": "b"}),
        )),
        &json!({"revoke_keys": {"ids": [id], "reason": "superseded", "note": "b", "wait": true}}),
    );
    let asked = json!({"state": "active", "name": "a", "unused_for_days": 1,
        "expires_within_days": 2, "exposed": true, "environment": "live",
        "metadata": {"name": "team", "value": "web"}, "cursor": "3", "limit": 7});
    pinned(
        &Command::ListKeys(body(asked.clone())),
        &json!({"list_keys": asked}),
    );
    pinned(
        &Command::ListKeys(body(json!({}))),
        &json!({"list_keys": {"limit": 50}}),
    );
    pinned(
        &Command::ListAudit(body(json!({"after": 3, "key": id}))),
        &json!({"list_audit": {"after": 3, "key": id, "limit": 50}}),
    );
}

fn said(world: &mut World, actor: Actor, command: Command) -> Value {
    let outcome: Outcome = world.ask_as(actor, command).unwrap();
    serde_json::to_value(&outcome).unwrap()
}

#[test]
fn outcomes() {
    let mut world = World::acme();
    world.settings.transfer = true;
    let actor = world.actor.clone();
    let id = world.key("a").id;
    let rows = vec![count(id.public, "read", "allowed", 3, START)];
    let batch = "b1".to_owned();
    assert_eq!(
        said(
            &mut world,
            Actor::System,
            Command::CountUsage { batch, rows }
        ),
        json!({"done": {}})
    );
    let successor = world.issued(rotate(id, 60)).key.id;
    let asked = body(json!({"from": 0, "to": 1_u64 << 50, "by": "hour"}));
    assert_eq!(
        said(&mut world, actor.clone(), Command::ListUsage(asked)),
        json!({"usage": {"items": [{"start": "2026-11-24T00:00:00.000Z", "by": "hour", "key": id,
            "scope": "read", "outcome": "allowed", "count": 3}], "next_cursor": null}})
    );
    let used = json!({"requests": 3, "by_scope": {"read": 3}});
    assert_eq!(
        said(&mut world, actor.clone(), Command::Impact { id }),
        json!({"impact": {"key": id, "last_used_at": "2026-11-24T00:00:00.000Z",
            "last_hour": used, "last_day": used, "last_30_days": used,
            "successor": {"id": successor, "in_use": false, "last_used_at": null}}})
    );
    assert_eq!(
        said(
            &mut world,
            actor.clone(),
            Command::Status { unused_for_days: 1 }
        ),
        json!({"status": {"revision": 3, "outbox": {"appends": 3, "publications": 3},
            "keys_per_ring_entry": {"2": 2}, "unused_keys": 0, "exposed_keys": 0,
            "preflights": [], "failures_suppressed": 0}})
    );
    let limit = 1.try_into().unwrap();
    let export = said(
        &mut world,
        actor,
        Command::Export {
            cursor: None,
            limit,
        },
    );
    let record = world.records(id.public).key.unwrap();
    let who = world.get(id).created_by;
    assert_eq!(
        export,
        json!({"export": {"items": [{"v": 1, "id": id, "digest": record.digest, "name": "a",
            "scopes": ["read"], "created_at": "2026-11-24T00:00:00.000Z", "created_by": who,
            "expires_at": null, "retires_at": "2026-11-24T00:01:00.000Z", "disabled": false,
            "revoked_at": null, "revocation_reason": null,
            "last_used_at": "2026-11-24T00:00:00.000Z", "replaces": null,
            "replaced_by": successor, "allowed_ips": [], "metadata": {}}], "next_cursor": "2"}})
    );
    let (mut platform, first) = World::platform();
    let opened = said(&mut platform, admin_of(&first), Command::OpenSession {});
    let session = &opened["session"];
    assert_eq!(session["token"].as_str().unwrap().len(), 64);
    assert_eq!(session["csrf_token"].as_str().unwrap().len(), 43);
    assert_eq!(session["expires_at"], "2026-11-24T01:00:00.000Z");
    assert_eq!(session["id"], json!(first.id));
    assert_eq!(session["record"]["environment"], "admin");
    assert_eq!(session.as_object().unwrap().len(), 5);
}

/// What is refused first where a registry has too much to do: what strangers can
/// cause, and what clients read. Orders never are, nor what an administrator asks.
#[test]
fn edges_errands_yield_to_administrators() {
    let mut world = World::acme();
    let id = world.key("a").id;
    let usage = || Command::ListUsage(body(json!({"from": 0, "to": 1, "by": "day"})));
    let mut is_shed = |actor: Actor, command: Command| {
        let request = world.request(command);
        Request { actor, ..request }.is_sheddable()
    };
    let admin = crate::world::root();
    assert!(is_shed(Actor::Holder { id }, usage()), "a client's own use");
    assert!(!is_shed(admin.clone(), usage()));
    let failures = json!({"note_failures": {"failures": []}});
    assert!(is_shed(Actor::System, body(failures)));
    assert!(is_shed(Actor::System, crate::world::read(id.public)));
    let key = id.public;
    assert!(!is_shed(Actor::Holder { id }, Command::RevokeSelf { key }));
    assert!(!is_shed(admin, rotate(id, 60)));
}
