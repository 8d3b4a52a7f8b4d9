//! Failed authentications, put on record within bounds.

use katalo_keys::key::KeyId;
use katalo_keys::registry::message::{Actor, Command, FailedAuthentication, Refusal, Request};
use serde_json::{Value, json};

use crate::notes::{done, of_action, status};
use crate::world::{HOUR, SECOND, World, admin_of};

const ROUTE: &str = "GET /admin/v1/status";

/// A key id of this number, which nobody need hold.
fn key(number: usize) -> KeyId {
    KeyId::parse(&format!("kat_admin_200000000000000000{number:012}")).unwrap()
}

fn failure(problem: &str, key: Option<KeyId>, count: u64) -> FailedAuthentication {
    FailedAuthentication {
        problem: problem.to_owned(),
        key,
        route: ROUTE.to_owned(),
        address: Some("2001:db8::1".to_owned()),
        count,
    }
}

fn batch(failures: Vec<FailedAuthentication>) -> Command {
    Command::NoteFailures {
        failures,
        beyond_proven: 0,
        beyond_unproven: 0,
    }
}

/// Failures of so many keys, `each` of every one.
fn flood(problem: &str, keys: usize, each: usize) -> Vec<Command> {
    (0..each)
        .map(|_| {
            batch(
                (0..keys)
                    .map(|number| failure(problem, Some(key(number)), 1))
                    .collect(),
            )
        })
        .collect()
}

fn failed(world: &mut World) -> Vec<Value> {
    of_action(world, "authentication.failed")
}

#[test]
fn a_flood_of_failures_does_not_fill_the_object() {
    // Before the first admin key too.
    let mut world = World::empty("_platform");
    for command in flood("invalid_key", 250, 4) {
        done(&mut world, command);
        world.later(SECOND);
    }
    assert_eq!(world.sql.count("audit"), 100);
    world.actor = Actor::Bootstrap;
    let first = world.issued(Command::Bootstrap {
        token_digest: "t1".to_owned(),
    });
    world.actor = admin_of(&first.key);
    assert_eq!(status(&mut world, 90).failures_suppressed, 900);
    world.later(HOUR);
    assert_eq!(status(&mut world, 90).failures_suppressed, 0);
    // A flood that is over is told without another attempt, once.
    for _ in 0..2 {
        katalo_keys::registry::housekeeping(&world.sql, &world.keyring, &world.settings, world.now)
            .unwrap();
        let told = of_action(&mut world, "authentication.failures_suppressed");
        assert_eq!(told.len(), 1);
    }
    done(
        &mut world,
        batch(vec![failure("revoked_key", Some(first.key.id), 3)]),
    );
    let summary = of_action(&mut world, "authentication.failures_suppressed");
    assert_eq!(summary.len(), 1);
    assert_eq!(
        summary[0]["after"],
        json!({"count": 900, "proven": 0, "hour": "2026-11-24T00:00:00.000Z"})
    );
    let failed = failed(&mut world);
    assert_eq!(failed.len(), 101);
    assert_eq!(failed[100]["subject"]["id"], json!(first.key.id));
    assert_eq!(
        failed[100]["after"],
        json!({"problem": "revoked_key", "route": ROUTE, "address": "2001:db8::1", "count": 3})
    );
}

#[test]
fn strangers_use_up_no_room_of_proven_secrets_and_no_key_that_of_others() {
    let (mut world, first) = World::platform();
    // One leaked id alone does not fill its class.
    for command in flood("invalid_key", 1, 500) {
        done(&mut world, command);
    }
    assert_eq!(failed(&mut world).len(), 20);
    done(
        &mut world,
        batch(vec![failure("wrong_environment", Some(key(1)), 1)]),
    );
    assert_eq!(failed(&mut world).len(), 21);
    for command in flood("wrong_environment", 250, 1) {
        done(&mut world, command);
    }
    assert_eq!(failed(&mut world).len(), 100);
    // Nor do all of them together leave no room for what a secret was proven of,
    for problem in [
        "revoked_key",
        "expired_key",
        "address_not_allowed",
        "insufficient_scope",
    ] {
        done(&mut world, batch(vec![failure(problem, Some(first.id), 1)]));
    }
    assert_eq!(failed(&mut world).len(), 104);
    // which has its own bounds.
    for command in flood("revoked_key", 250, 30) {
        done(&mut world, command);
    }
    assert_eq!(failed(&mut world).len(), 200);
    let Command::NoteFailures { failures, .. } = &flood("revoked_key", 1, 1)[0] else {
        panic!()
    };
    let beyond = Command::NoteFailures {
        failures: failures.clone(),
        beyond_proven: 7,
        beyond_unproven: 5,
    };
    let before = status(&mut world, 90).failures_suppressed;
    done(&mut world, beyond);
    assert_eq!(status(&mut world, 90).failures_suppressed, before + 13);
    world.later(HOUR);
    done(&mut world, batch(vec![failure("invalid_key", None, 1)]));
    let summary = of_action(&mut world, "authentication.failures_suppressed");
    let proven = 7_500 - 96 + 8;
    assert_eq!(summary[0]["after"]["proven"], proven);
    assert_eq!(summary[0]["after"]["count"], before + 13);
    // Another hour, another room.
    let entries = failed(&mut world);
    assert_eq!(entries.len(), 201);
    assert_eq!(entries[200]["subject"]["kind"], "organization");
    for command in flood("invalid_key", 1, 30) {
        done(&mut world, command);
    }
    assert_eq!(failed(&mut world).len(), 221);
}

/// Once the hour's room is used up, a batch writes a handful of rows whatever is in
/// it.
#[test]
fn a_batch_beyond_the_bounds_costs_the_same_whatever_is_in_it() {
    let (mut world, _) = World::platform();
    for command in flood("invalid_key", 250, 2) {
        done(&mut world, command);
    }
    let mut statements_of = |keys: usize| {
        let before = world.sql.statements();
        for command in flood("invalid_key", keys, 1) {
            done(&mut world, command);
        }
        world.sql.statements() - before
    };
    assert_eq!(statements_of(1), statements_of(250));
}

#[test]
fn a_failure_that_an_older_edge_tells_is_taken_and_its_path_is_cleaned() {
    let (mut world, first) = World::platform();
    let secret = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklm";
    let told = json!({"note_failed_authentication": {
        "problem": "insufficient_scope", "key": first.id, "address": "192.0.2.1",
        "route": format!("GET /admin/v1/organizations/demo/keys/{}.{secret}", first.id)}});
    done(&mut world, serde_json::from_value(told).unwrap());
    let entries = failed(&mut world);
    assert_eq!(
        entries[0]["after"],
        json!({"problem": "insufficient_scope", "address": "192.0.2.1", "count": 1,
            "route": format!("GET /admin/v1/organizations/demo/keys/{}.[secret]", first.id)})
    );
    assert!(!world.sql.dump().contains(secret));
}

#[test]
fn what_is_no_failure_is_refused_whole() {
    let (mut world, _) = World::platform();
    let bad_address = FailedAuthentication {
        address: Some("here".to_owned()),
        ..failure("invalid_key", None, 1)
    };
    for (bad, name) in [
        (failure("a b", None, 1), "problem"),
        (bad_address, "address"),
    ] {
        let command = batch(vec![failure("invalid_key", None, 1), bad]);
        let refusal = world.ask_as(Actor::System, command).unwrap_err();
        assert!(matches!(refusal, Refusal::InvalidRequest { field, .. } if field == name));
    }
    let command = batch(vec![failure("invalid_key", None, 1); 257]);
    assert!(world.ask_as(Actor::System, command).is_err());
    assert_eq!(failed(&mut world), Vec::<Value>::new());
    let mut acme = World::acme();
    let elsewhere = acme.ask_as(Actor::System, batch(vec![]));
    assert_eq!(elsewhere.unwrap_err(), Refusal::NotFound);
}

/// A request id that a client chose is kept without the secret in it.
#[test]
fn a_request_id_is_cleaned() {
    let (mut world, first) = World::platform();
    let secret = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklm";
    let request = Request {
        request_id: format!("{}.{secret}\n{}", first.id, "-".repeat(1_000)),
        ..world.request(Command::OpenSession {})
    };
    world.send(&request).unwrap();
    let entries = of_action(&mut world, "session.open");
    let kept = entries[0]["request_id"].as_str().unwrap();
    assert!(kept.starts_with(&format!("{}.[secret]?---", first.id)));
    assert_eq!(kept.len(), 256);
}
