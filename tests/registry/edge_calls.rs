//! What the data plane writes and reads, held against the registry's own messages: a
//! call is the registry's request, an answer is what the registry wrote.

use katalo_keys::edge_call::{EdgeCall, EdgeRefusal, EdgeResponse, PreflightCount};
use katalo_keys::json;
use katalo_keys::key::{KeyId, OrganizationId, Subject};
use katalo_keys::registry::message::{
    Command, ListUsage, Refusal, RegistryResponse, Reply, Request, RequiredRevisions, Span,
};
use serde_json::{Value, json};

use crate::usage::count;
use crate::world::{HOUR, START, World, body, organization, revoke, root};

fn listing() -> ListUsage {
    ListUsage {
        from: START,
        to: START.plus(HOUR),
        by: Span::Day,
        key: None,
        cursor: Some("c".to_owned()),
        limit: 7.try_into().unwrap(),
    }
}

fn calls(id: KeyId) -> Vec<EdgeCall> {
    let key = id.public;
    vec![
        EdgeCall::ReadRecords {
            key,
            required: RequiredRevisions {
                key: 2,
                organization: 1,
            },
        },
        EdgeCall::CountUsage {
            organization: key.organization_tag(),
            batch: "b1".to_owned(),
            rows: vec![
                count(key, "read", "allowed", 3, START),
                count(key, "", "revoked_key", 1, START),
            ],
        },
        EdgeCall::MarkExposed {
            key,
            origin: "https://page.example".to_owned(),
        },
        EdgeCall::NotePreflights {
            preflights: vec![PreflightCount {
                origin: "https://page.example".to_owned(),
                count: 4,
            }],
        },
        EdgeCall::ReportStale {
            subject: Subject::from(key.organization_tag()),
        },
        EdgeCall::Revoke {
            key: id,
            request_id: "r1".to_owned(),
        },
        EdgeCall::ListUsage {
            organization: organization("acme"),
            holder: id,
            request_id: "r2".to_owned(),
            listing: listing(),
        },
    ]
}

fn written(call: &EdgeCall) -> Value {
    serde_json::to_value(call).unwrap()
}

#[test]
fn a_call_is_written_so() {
    let id = World::acme().key("a").id;
    let key = id.public;
    let rows = json!([
        {"key": key, "scope": "read", "outcome": "allowed", "count": 3,
            "last_at": 1_795_478_400_000_u64},
        {"key": key, "outcome": "revoked_key", "count": 1, "last_at": 1_795_478_400_000_u64},
    ]);
    let system =
        |command: Value| json!({"v": 1, "actor": "system", "request_id": "", "command": command});
    let expected = [
        system(json!({"records": {"key": key, "required": {"key": 2, "organization": 1}}})),
        system(json!({"count_usage": {"batch": "b1", "rows": rows}})),
        system(json!({"mark_exposed": {"key": key, "origin": "https://page.example"}})),
        json!({"v": 1, "organization": "_platform", "actor": "system", "request_id": "",
            "command": {"note_preflights": {"preflights": [
                {"origin": "https://page.example", "count": 4}]}}}),
        system(json!({"report_behind": {"subject": key.organization_tag().as_str()}})),
        json!({"v": 1, "actor": {"holder": {"id": id}}, "request_id": "r1",
            "command": {"revoke_self": {"key": key}}}),
        json!({"v": 1, "organization": "acme", "actor": {"holder": {"id": id}},
            "request_id": "r2", "command": {"list_usage": {"from": 1_795_478_400_000_u64,
                "to": 1_795_482_000_000_u64, "by": "day", "cursor": "c", "limit": 7}}}),
    ];
    for (call, expected) in calls(id).iter().zip(&expected) {
        assert_eq!(written(call), *expected);
    }
    assert_eq!(calls(id).len(), expected.len());
}

/// The registry reads each as the request that it would have written itself, and sheds
/// the same ones.
#[test]
fn a_call_is_the_registrys_request() {
    let id = World::acme().key("a").id;
    let platform = OrganizationId::platform().tag();
    for call in calls(id) {
        let text = serde_json::to_string(&call).unwrap();
        let request: Request = json::from_str(&text).unwrap();
        let is_expected = match (&call, &request.command) {
            (
                EdgeCall::ReadRecords { key, required },
                Command::Records {
                    key: k,
                    required: r,
                },
            ) => (key, required) == (k, r),
            (
                EdgeCall::CountUsage { batch, rows, .. },
                Command::CountUsage { batch: b, rows: r },
            ) => (batch, rows) == (b, r),
            (EdgeCall::MarkExposed { key, origin }, Command::MarkExposed { key: k, origin: o }) => {
                (key, origin) == (k, o)
            }
            (
                EdgeCall::NotePreflights { preflights },
                Command::NotePreflights { preflights: p },
            ) => preflights == p,
            (EdgeCall::ReportStale { subject }, Command::ReportBehind { subject: s }) => {
                subject == s
            }
            (EdgeCall::Revoke { key, .. }, Command::RevokeSelf { key: k }) => key.public == *k,
            (EdgeCall::ListUsage { .. }, Command::ListUsage(asked)) => asked.limit.get() == 7,
            _ => false,
        };
        assert!(is_expected, "{request:?}");
        assert_eq!(serde_json::to_value(&request).unwrap(), written(&call));
        assert_eq!(call.is_sheddable(), request.is_sheddable(), "{request:?}");
        let expected = match call {
            EdgeCall::NotePreflights { .. } => platform,
            _ => id.public.organization_tag(),
        };
        assert_eq!(call.registry(), expected, "{request:?}");
    }
}

/// What the object writes, as the edge reads it; with members of a later version.
fn read(reply: Option<Reply>, may_keep: bool) -> EdgeResponse {
    let response = RegistryResponse { reply, may_keep };
    let mut written = serde_json::to_value(&response).unwrap();
    add_unknown_members(&mut written);
    json::from_str(&written.to_string()).unwrap()
}

fn add_unknown_members(value: &mut Value) {
    match value {
        // The name of a variant stands alone.
        Value::Object(members) if members.len() > 1 => {
            members.values_mut().for_each(add_unknown_members);
            members.insert("of_a_later_version".to_owned(), json!({"x": [1]}));
        }
        Value::Object(members) => members.values_mut().for_each(add_unknown_members),
        Value::Array(items) => items.iter_mut().for_each(add_unknown_members),
        _ => {}
    }
}

fn answer(world: &mut World, call: &EdgeCall) -> Reply {
    let request: Request = json::from_str(&serde_json::to_string(call).unwrap()).unwrap();
    world.send(&request)
}

#[test]
fn records_are_read_with_whether_they_may_be_kept() {
    let mut world = World::acme();
    let key = world.key("a").id.public;
    let required = RequiredRevisions::default();
    let call = EdgeCall::ReadRecords { key, required };
    let expected = serde_json::to_value(world.records(key)).unwrap();
    for may_keep in [true, false] {
        let response = read(Some(answer(&mut world, &call)), may_keep);
        assert!(response.is_taken());
        let found = response.into_records().unwrap();
        assert_eq!(serde_json::to_value(&found.records).unwrap(), expected);
        assert_eq!(found.may_keep, may_keep);
    }
    // No such organization: no such key, and nothing to keep.
    let none = read(Some(Err(Refusal::NotFound)), true)
        .into_records()
        .unwrap();
    assert!(none.records.key.is_none() && none.records.organization.is_none());
    assert!(!none.may_keep);
    assert!(read(None, true).into_records().is_none());
    assert!(!read(None, true).is_taken());
    let newer = read(Some(Err(Refusal::UnsupportedVersion)), false);
    assert!(newer.into_records().is_none());
}

#[test]
fn a_revocation_is_done_once_it_is_enforced() {
    let mut world = World::acme();
    let id = world.key("a").id;
    let call = EdgeCall::Revoke {
        key: id,
        request_id: "r".to_owned(),
    };
    let reply = answer(&mut world, &call);
    assert_eq!(read(Some(reply), false).is_revoked(), Ok(false));
    world.settle();
    let again = answer(&mut world, &call);
    assert_eq!(read(Some(again), false).is_revoked(), Ok(true));
    // Nothing is left to revoke.
    let gone = read(Some(Err(Refusal::NotFound)), false);
    assert_eq!(gone.is_revoked(), Ok(true));
    assert!(!gone.is_enforced(), "it may come back by an import");
    for unknown in [
        None,
        Some(Err(Refusal::UnsupportedVersion)),
        Some(Err(Refusal::RevisionMismatch { current: 7 })),
    ] {
        let unknown = read(unknown, false);
        assert_eq!(unknown.is_revoked(), Err(EdgeRefusal::Unavailable));
    }
    world.actor = root();
    assert_eq!(
        world.get(id).revocation_reason.unwrap().as_str(),
        "unspecified"
    );
}

#[test]
fn usage_is_read_as_it_was_written() {
    let mut world = World::acme();
    let id = world.key("a").id;
    let counts = EdgeCall::CountUsage {
        organization: id.public.organization_tag(),
        batch: "b1".to_owned(),
        rows: vec![count(id.public, "read", "allowed", 3, START)],
    };
    let counted = answer(&mut world, &counts);
    assert!(read(Some(counted), false).is_taken());
    let mut asked: ListUsage = body(json!({"from": 0, "to": 1_u64 << 50, "by": "hour"}));
    let mut list = |asked: &ListUsage| {
        let call = EdgeCall::ListUsage {
            organization: organization("acme"),
            holder: id,
            request_id: "r".to_owned(),
            listing: asked.clone(),
        };
        read(Some(answer(&mut world, &call)), false).into_usage()
    };
    let page = list(&asked).unwrap();
    assert_eq!(
        serde_json::to_value(&page).unwrap(),
        json!({"items": [{"start": "2026-11-24T00:00:00.000Z", "by": "hour", "key": id,
            "scope": "read", "outcome": "allowed", "count": 3}], "next_cursor": null})
    );
    asked.cursor = Some("nonsense".to_owned());
    let Err(EdgeRefusal::InvalidRequest { field, detail }) = list(&asked) else {
        panic!("a cursor that no list gave")
    };
    assert_eq!(field, "cursor");
    assert!(!detail.is_empty());
    assert_eq!(
        read(None, false).into_usage(),
        Err(EdgeRefusal::Unavailable)
    );
    let other = read(Some(Err(Refusal::NoSession)), false).into_usage();
    assert_eq!(other, Err(EdgeRefusal::Unavailable));
    let other = read(Some(Err(Refusal::NotFound)), false).into_usage();
    assert_eq!(other, Err(EdgeRefusal::NotFound));
}
