//! What a command costs does not grow with the number of keys.
//!
//! Counted are the steps of SQLite's own machine, not time: each row that is
//! read takes some, and going down a taller tree takes none more.

use std::collections::BTreeMap;

use katalo_keys::key::KeyId;
use katalo_keys::registry::message::{Actor, Command, ListUsage, Span};
use katalo_keys::registry::{KEYS_TESTED, housekeeping, outbox};
use katalo_keys::time::Timestamp;
use serde_json::{Value, json};

use crate::usage::count;
use crate::world::{HOUR, World, body, disable, enable, issue, patch, read, revoke, rotate};

fn list(asked: Value) -> Command {
    Command::ListKeys(body(asked))
}

fn asked_usage(key: Option<KeyId>, by: Span) -> Command {
    Command::ListUsage(ListUsage {
        from: Timestamp(0),
        to: Timestamp(1 << 50),
        by,
        key: key.map(|id| id.public),
        cursor: None,
        limit: 50.try_into().unwrap(),
    })
}

type Costs = BTreeMap<&'static str, u64>;

/// The steps of each command, on one key in the middle.
fn costs(world: &mut World, id: KeyId) -> Costs {
    let mut costs = Costs::new();
    let middle = world.get(id).revision.to_string();
    let order = json!({"name": "new", "environment": "live", "scopes": ["read"]});
    let at = world.now;
    let rows = vec![count(id.public, "read", "allowed", 1, at)];
    let batch = format!("b{middle}");
    let commands = [
        ("count usage", Command::CountUsage { batch, rows }),
        ("records", read(id.public)),
        ("get", Command::GetKey { id }),
        ("list", list(json!({"limit": 50}))),
        ("list on", list(json!({"limit": 50, "cursor": middle}))),
        ("list by name", list(json!({"limit": 50, "name": "nobody"}))),
        (
            "list by state",
            list(json!({"limit": 50, "state": "disabled"})),
        ),
        (
            "list unused",
            list(json!({"limit": 50, "unused_for_days": 400})),
        ),
        (
            "list by note",
            list(json!({"limit": 50, "metadata": {"name": "nobody"}})),
        ),
        (
            "list expiring",
            list(json!({"limit": 50, "expires_within_days": 400})),
        ),
        ("audit", Command::ListAudit(body(json!({"after": 100})))),
        (
            "audit of key",
            Command::ListAudit(body(json!({"after": 100, "key": id}))),
        ),
        ("audit head", Command::AuditHead {}),
        ("usage by hour", asked_usage(None, Span::Hour)),
        ("usage by day", asked_usage(Some(id), Span::Day)),
        ("impact", Command::Impact { id }),
        ("issue", issue(order)),
        ("patch", patch(id, json!({"name": "other"}))),
        ("disable", disable(id)),
        ("enable", enable(id)),
        (
            "disable several",
            Command::DisableKeys(body(json!({"ids": [id]}))),
        ),
        ("enable again", enable(id)),
        ("rotate", rotate(id, 60)),
        ("revoke", revoke(id, "unspecified")),
    ];
    for (name, command) in commands {
        let before = world.sql.steps();
        let actor = match &command {
            Command::Records { .. } | Command::CountUsage { .. } => Actor::System,
            _ => world.actor.clone(),
        };
        world.ask_as(actor, command).unwrap();
        costs.insert(name, world.sql.steps() - before);
    }
    let before = world.sql.steps();
    outbox::pending_publications(&world.sql, world.now, 100).unwrap();
    outbox::next_publication(&world.sql).unwrap();
    housekeeping(&world.sql, &world.keyring, &world.settings, world.now).unwrap();
    costs.insert("alarm", world.sql.steps() - before);
    costs
}

#[test]
fn a_hundred_thousand_keys_cost_no_more_than_five_thousand() {
    const FEW: u64 = 5_000;
    let mut world = World::acme();
    let mut some = Vec::new();
    let mut few = Costs::new();
    for place in 0..KEYS_TESTED {
        let id = world.key("key").id;
        // In the middle of what there is when it is looked at.
        if place == FEW / 2 || place == KEYS_TESTED / 2 {
            some.push(id);
        }
        if place % 1_000 == 999 {
            world.settle();
            world.later(HOUR);
        }
        if place == FEW {
            few = costs(&mut world, some[0]);
            world.settle();
        }
    }
    world.settle();
    let many = costs(&mut world, some[1]);
    for (name, few) in &few {
        let many = many[name];
        assert!(
            many <= few + few / 20 + 20,
            "{name}: {few} steps with few keys, {many} with many"
        );
    }
    assert!(many["records"] < 200, "{many:?}");
}
