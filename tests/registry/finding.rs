//! Finding keys, and giving one order to many.

use katalo_keys::key::{KeyId, KeyState};
use katalo_keys::registry::message::{
    Actor, Changed, Command, KeyResult, KeyView, Object, Outcome, Page, Refusal,
};
use katalo_keys::registry::outbox;
use serde_json::{Value, json};

use crate::world::{
    DAY, World, admin, admin_of, body, disable, issue, organization, patch, revoke, root, rotate,
};

fn disable_keys(ids: &[KeyId]) -> Command {
    Command::DisableKeys(body(json!({"ids": ids})))
}

fn revoke_keys(ids: &[KeyId]) -> Command {
    Command::RevokeKeys(body(
        json!({"ids": ids, "reason": "superseded", "note": "moved"}),
    ))
}

fn results(changed: &Changed) -> &[KeyResult] {
    match &changed.object {
        Object::Keys(results) => results,
        other => panic!("{other:?}"),
    }
}

fn refusal(result: &KeyResult) -> &Refusal {
    result.result.as_ref().unwrap_err()
}

/// Without an organization's id the key's own id leads to its registry.
#[test]
fn a_key_is_found_by_its_id_alone() {
    let mut world = World::acme();
    let id = world.key("a").id;
    let mut found = |actor: Actor| {
        let mut request = world.request(Command::GetKey { id });
        (request.organization, request.actor) = (None, actor);
        world.send(&request)
    };
    let Ok(Outcome::Key(key)) = found(admin(&["keys:read"])) else {
        panic!()
    };
    assert_eq!((key.id, key.organization.as_str()), (id, "acme"));
    let lacks = found(admin(&["keys:write"]));
    assert!(matches!(lacks, Err(Refusal::InsufficientScope { .. })));
    let Actor::Key(mut tied) = root() else {
        panic!()
    };
    tied.bound_organization = Some(organization("beta"));
    assert!(matches!(
        found(Actor::Key(tied.clone())),
        Err(Refusal::NotFound)
    ));
    tied.bound_organization = Some(organization("acme"));
    assert!(found(Actor::Session(tied)).is_ok());

    let (mut platform, first) = World::platform();
    let mut request = platform.request(Command::GetKey { id: first.id });
    (request.organization, request.actor) = (None, admin(&["keys:read"]));
    let refused = platform.send(&request);
    assert!(matches!(refused, Err(Refusal::InsufficientScope { scope })
        if scope.as_str() == "admins:write"));
}

#[test]
fn each_key_of_an_order_has_its_own_result() {
    let mut world = World::acme();
    let ids = ["a", "b", "c", "d"].map(|name| world.key(name).id);
    let strange = World::empty("beta").key_elsewhere();
    world.changed_key(revoke(ids[1], "unspecified"));
    world.changed_key(disable(ids[2]));
    world.settle();
    let before = world.audit().len();
    let named = [ids[0], strange, ids[1], ids[2], ids[0], ids[3]];
    let changed = world.changed(disable_keys(&named));
    let results = results(&changed);
    let told: Vec<KeyId> = results.iter().map(|one| one.id).collect();
    assert_eq!(told, [ids[0], strange, ids[1], ids[2], ids[3]]);
    assert_eq!(refusal(&results[1]), &Refusal::NotFound);
    assert_eq!(refusal(&results[2]), &Refusal::AlreadyRevoked);
    for place in [0, 3, 4] {
        let key = results[place].result.as_ref().unwrap();
        assert_eq!(key.state, KeyState::Disabled, "{place}");
        assert_eq!(**key, world.get(key.id), "{place}");
    }
    // What was so before makes no entry, and waits for nothing.
    let entries = world.audit().split_off(before);
    let written: Vec<_> = entries
        .iter()
        .map(|entry| (entry["action"].clone(), entry["subject"]["id"].clone()))
        .collect();
    let disabled = |id: KeyId| (json!("key.disable"), json!(id));
    assert_eq!(written, [disabled(ids[0]), disabled(ids[3])]);
    assert_eq!(changed.awaits.len(), 2);
    assert!(!changed.enforced());
    assert_eq!(changed.effective_at(), None);
}

/// One wait enforces all of them: nothing more is awaited once the log has the last.
#[test]
fn they_are_enforced_together() {
    let mut world = World::acme();
    let ids = ["a", "b", "c"].map(|name| world.key(name).id);
    world.settle();
    let mut changed = world.changed(revoke_keys(&ids));
    assert_eq!(changed.awaits.len(), 3);
    let rows = outbox::pending_appends(&world.sql, 0).unwrap();
    assert_eq!(rows.len(), 3);
    for (place, row) in rows.iter().enumerate() {
        outbox::refresh(&world.sql, &world.keyring, &mut changed, world.now).unwrap();
        assert!(!changed.enforced(), "{place}");
        world.later(1);
        outbox::mark_enforced(&world.sql, row.subject, row.revision, world.now).unwrap();
    }
    outbox::refresh(&world.sql, &world.keyring, &mut changed, world.now).unwrap();
    assert!(changed.enforced());
    assert_eq!(changed.effective_at(), Some(world.now), "of the last one");
    for id in ids {
        let key = world.get(id);
        assert_eq!(key.state, KeyState::Revoked);
        assert_eq!(key.revocation_reason.unwrap().as_str(), "superseded");
    }
    let entry = world.audit().pop().unwrap();
    assert_eq!(entry["after"]["note"], "moved");
    // A repeat is the same answer.
    let again = world.changed(revoke_keys(&ids));
    assert!(again.enforced());
    assert!(results(&again).iter().all(|one| one.result.is_ok()));
}

#[test]
fn where_the_storage_fails_nothing_is_done() {
    let mut world = World::acme();
    let ids = ["a", "b", "c"].map(|name| world.key(name).id);
    world.settle();
    let request = world.request(disable_keys(&ids));
    let dump = world.sql.dump();
    let mut failed = 0;
    for statements in 0..200 {
        world.sql.fail_after(statements);
        if world.handle(&request).is_ok() {
            break;
        }
        world.sql.heal();
        assert_eq!(world.sql.dump(), dump, "after {statements} statements");
        failed += 1;
    }
    assert!(failed > 20, "{failed}");
    world.sql.heal();
    assert!(
        ids.iter()
            .all(|id| world.get(*id).state == KeyState::Disabled)
    );
}

#[test]
fn an_order_to_all_admins_leaves_one() {
    let (mut world, first) = World::platform();
    let order = json!({"name": "x", "environment": "admin", "scopes": ["admins:write"]});
    let second = world.issued(issue(order)).key;
    world.actor = admin_of(&first);
    let changed = world.changed(revoke_keys(&[first.id, second.id]));
    let results = results(&changed);
    assert!(results[0].result.is_ok());
    assert_eq!(refusal(&results[1]), &Refusal::LastAdmin);
    assert_eq!(world.get(second.id).state, KeyState::Active);
}

#[test]
fn an_order_names_one_to_a_hundred_keys() {
    let mut world = World::acme();
    let id = world.key("a").id;
    let read = |ids: Vec<KeyId>| {
        let order: Result<Command, _> =
            serde_json::from_value(json!({"disable_keys": {"ids": ids}}));
        order.is_ok()
    };
    assert!(!read(Vec::new()));
    assert!(read(vec![id; 100]));
    assert!(!read(vec![id; 101]));
    assert!(matches!(
        world.ask_if(7, disable_keys(&[id])),
        Err(Refusal::RevisionMismatch { current: 1 })
    ));
}

fn names(world: &mut World, asked: Value) -> Vec<String> {
    let listed: Page<KeyView> = match world.ask(Command::ListKeys(body(asked))) {
        Ok(Outcome::Keys(page)) => page,
        other => panic!("{other:?}"),
    };
    listed.items.into_iter().map(|key| key.name).collect()
}

#[test]
fn lists_are_filtered_by_what_is_to_be_done() {
    let mut world = World::acme();
    let order = |name: &str, more: Value| {
        let mut order = json!({"name": name, "environment": "live", "scopes": ["read"]});
        for (member, value) in more.as_object().unwrap() {
            order[member] = value.clone();
        }
        issue(order)
    };
    let soon = world.now.plus(3 * DAY).to_rfc3339();
    let late = world.now.plus(30 * DAY).to_rfc3339();
    let plain = world.issued(order("plain", json!({}))).key.id;
    world.issued(order("soon", json!({"expires_at": soon})));
    world.issued(order("late", json!({"expires_at": late})));
    let gone = world.issued(order("gone", json!({"expires_at": soon})));
    world.changed_key(revoke(gone.key.id, "unspecified"));
    world.issued(order("test", json!({"environment": "test"})));
    for (name, notes) in [
        ("web", json!({"team": "web"})),
        (
            "mixed",
            json!({"team": "ops", "n": 7, "on": true, "off": false, "none": null, "deep": {"team": "web"}}),
        ),
        ("odd", json!({"a=b": "c=d", "$.team": "web"})),
    ] {
        world.issued(order(name, json!({"metadata": notes})));
    }
    world.issued(rotate(plain, 86_400));

    let by = |world: &mut World, filter: Value| names(world, filter);
    let days = |days: u32| json!({"expires_within_days": days});
    // `plain` is in its overlap.
    assert_eq!(by(&mut world, days(1)), ["plain"]);
    assert_eq!(by(&mut world, days(3)), ["soon", "plain"]);
    assert_eq!(by(&mut world, days(30)), ["late", "soon", "plain"]);
    assert_eq!(by(&mut world, json!({"environment": "test"})), ["test"]);
    let note =
        |name: &str, value: Option<&str>| json!({"metadata": {"name": name, "value": value}});
    for (name, value, expected) in [
        ("team", None, vec!["mixed", "web"]),
        ("team", Some("web"), vec!["web"]),
        ("team", Some("we"), vec![]),
        ("n", Some("7"), vec!["mixed"]),
        ("on", Some("true"), vec!["mixed"]),
        ("on", Some("1"), vec![]),
        ("off", Some("false"), vec!["mixed"]),
        ("none", Some("null"), vec!["mixed"]),
        ("deep", None, vec!["mixed"]),
        ("deep", Some("web"), vec![]),
        ("a=b", Some("c=d"), vec!["odd"]),
        ("$.team", Some("web"), vec!["odd"]),
        ("nothing", None, vec![]),
    ] {
        assert_eq!(
            by(&mut world, note(name, value)),
            expected,
            "{name} {value:?}"
        );
    }
    let both = json!({"environment": "live", "metadata": {"name": "team"}, "exposed": false});
    assert_eq!(by(&mut world, both), ["mixed", "web"]);

    assert!(by(&mut world, json!({"exposed": true})).is_empty());
    let seen = Command::MarkExposed {
        key: plain.public,
        origin: "https://page.example".to_owned(),
    };
    world.ask_as(Actor::System, seen).unwrap();
    assert_eq!(by(&mut world, json!({"exposed": true})), ["plain"]);
    let others = by(&mut world, json!({"exposed": false}));
    let plain = others.iter().filter(|name| *name == "plain");
    assert_eq!((others.len(), plain.count()), (8, 1), "its successor");
}

#[test]
fn the_audit_of_one_key_is_what_was_done_to_it() {
    let mut world = World::acme();
    let (a, b) = (world.key("a").id, world.key("b").id);
    world.changed_key(patch(a, json!({"name": "c"})));
    // Another key's notes say nothing of this one.
    world.changed_key(patch(
        b,
        json!({"metadata": {"subject": {"id": a, "kind": "key"}, "id": a}}),
    ));
    let successor = world.issued(rotate(a, 60)).key.id;
    world.changed_key(disable(successor));
    let actions = |world: &mut World, key: KeyId, limit: u64| {
        let mut actions = Vec::new();
        let mut after = Some(0);
        while let Some(from) = after {
            let asked = body(json!({"after": from, "key": key, "limit": limit}));
            let Ok(Outcome::Audit(page)) = world.ask(Command::ListAudit(asked)) else {
                panic!()
            };
            assert!(page.lines.len() as u64 <= limit);
            for line in &page.lines {
                let entry: Value = serde_json::from_str(line).unwrap();
                actions.push(entry["action"].as_str().unwrap().to_owned());
            }
            after = page.next_after;
        }
        actions
    };
    for limit in [1, 2, 200] {
        let of_a = actions(&mut world, a, limit);
        assert_eq!(of_a, ["key.issue", "key.change", "key.rotate"]);
        assert_eq!(actions(&mut world, b, limit), ["key.issue", "key.change"]);
        let of_successor = actions(&mut world, successor, limit);
        assert_eq!(of_successor, ["key.rotate", "key.disable"]);
    }
    // A page looks at 2,000 entries, and its cursor leads on from there.
    for turn in 0..2_000 {
        world.changed_key(patch(b, json!({"name": format!("b{turn}")})));
    }
    world.changed_key(disable(a));
    assert_eq!(actions(&mut world, a, 200).len(), 4);
    let asked = body(json!({"after": 7, "key": a}));
    let Ok(Outcome::Audit(page)) = world.ask(Command::ListAudit(asked)) else {
        panic!()
    };
    assert!(page.lines.is_empty());
    assert_eq!(page.next_after, Some(2_007));
}
