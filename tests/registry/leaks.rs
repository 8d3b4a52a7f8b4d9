//! What a report of a leak does, by the organization's policy.

use katalo_keys::key::{KeyId, KeyState};
use katalo_keys::registry::message::{
    Actor, Command, KeyView, LeakSource, Object, Outcome, Refusal,
};
use serde_json::{Value, json};

use crate::world::{
    DAY, SECOND, World, admin, changed, issue, patch, revoke, revoke_all, rotate, scopes,
};

const PLACE: &str = "https://github.com/acme/shop/blob/1/.env";

fn report(key: KeyId) -> Command {
    Command::ReportLeak {
        key: key.public,
        source: LeakSource::Github,
        url: PLACE.to_owned(),
    }
}

/// Reports a key that its organization's policy does something about.
fn leak(world: &mut World, key: KeyId) -> KeyView {
    match changed(world.ask_as(Actor::System, report(key))).object {
        Object::Key(key) => *key,
        other => panic!("{other:?}"),
    }
}

/// Reports a key that nothing is done about.
fn note(world: &mut World, key: KeyId) {
    let reply = world.ask_as(Actor::System, report(key));
    assert!(matches!(reply, Ok(Outcome::Done {})), "{reply:?}");
}

fn leaks_on_record(world: &mut World) -> Vec<Value> {
    let mut entries = world.audit();
    entries.retain(|entry| entry["action"] == "key.leaked");
    entries
}

fn under(policy: &Value) -> (World, KeyView) {
    let mut world = World::acme();
    world.put(json!({"name": "Acme", "leak_policy": policy}));
    let key = world
        .issued(issue(json!({
            "name": "a", "environment": "live", "scopes": ["create", "read", "usage"]
        })))
        .key;
    world.settle();
    (world, key)
}

fn quarantine() -> (World, KeyView) {
    under(&json!({"action": "quarantine", "scopes": ["billing", "read"]}))
}

#[test]
fn a_report_is_on_record_and_shown() {
    let mut world = World::acme();
    let key = world.key("a");
    world.settle();
    note(&mut world, key.id);
    let shown = world.get(key.id);
    assert_eq!(shown.leaked_at, Some(world.now));
    assert_eq!(shown.leak_url.as_deref(), Some(PLACE));
    assert_eq!(shown.restriction, None);
    assert_eq!((shown.revision, shown.state), (key.revision, key.state));
    let entries = leaks_on_record(&mut world);
    assert_eq!(entries[0]["actor"], json!({"kind": "system"}));
    assert_eq!(
        entries[0]["after"],
        json!({"policy": "report", "source": "github", "url": PLACE})
    );
    // The same place is found again and again.
    world.later(60 * SECOND - 1);
    note(&mut world, key.id);
    assert_eq!(leaks_on_record(&mut world).len(), 1);
    world.later(1);
    note(&mut world, key.id);
    assert_eq!(leaks_on_record(&mut world).len(), 2);
}

/// Whoever publishes a key over and over adds a bounded number of entries, hides no
/// other key, and what was left out is told.
#[test]
fn a_flood_of_reports_is_bounded_and_what_it_left_out_is_told() {
    let mut world = World::acme();
    let (a, b) = (world.key("a").id, world.key("b").id);
    world.settle();
    let minutes = DAY / (60 * SECOND);
    for minute in 0..minutes {
        note(&mut world, a);
        assert_eq!(world.get(a).leaked_at, Some(world.now));
        if minute == 1_000 {
            note(&mut world, b);
        }
        world.later(60 * SECOND);
    }
    let of_b = |entry: &&Value| entry["subject"]["id"] == json!(b);
    let entries = leaks_on_record(&mut world);
    assert_eq!(entries.iter().filter(of_b).count(), 1);
    assert_eq!(entries.len(), 1 + 100 + 1);
    for _ in 0..2 {
        katalo_keys::registry::housekeeping(&world.sql, &world.keyring, &world.settings, world.now)
            .unwrap();
        let mut told = world.audit();
        told.retain(|entry| entry["action"] == "key.leaks_suppressed");
        assert_eq!(told.len(), 1);
        assert_eq!(
            told[0]["after"],
            json!({"count": minutes - 101, "day": "2026-11-24T00:00:00.000Z"})
        );
    }
    // There is room again.
    note(&mut world, a);
    assert_eq!(leaks_on_record(&mut world).len(), entries.len() + 1);
}

#[test]
fn a_policy_is_the_organizations_own_and_checked() {
    let mut world = World::acme();
    let policy = |world: &mut World| match world.ask(Command::GetOrganization {}) {
        Ok(Outcome::Organization(organization)) => json!(organization.leak_policy),
        other => panic!("{other:?}"),
    };
    assert_eq!(policy(&mut world), json!({"action": "report"}));
    let before = world.audit().len();
    let held = json!({"action": "quarantine", "scopes": ["read"]});
    world.put(json!({"name": "Acme", "leak_policy": held}));
    assert_eq!(policy(&mut world), held);
    world.put(json!({"name": "Acme"}));
    assert_eq!(policy(&mut world), held, "what is not said stays");
    let entries = world.audit();
    assert_eq!(entries.len(), before + 1);
    assert_eq!(entries[before]["after"]["leak_policy"], held);
    for bad in [
        json!(null),
        json!("revoke"),
        json!({"action": "delete"}),
        json!({"action": "quarantine"}),
        json!({"action": "revoke", "scopes": ["read"]}),
        json!({"action": "quarantine", "scopes": ["a b"]}),
    ] {
        let order = json!({"name": "Acme", "leak_policy": bad});
        let read = serde_json::from_value::<katalo_keys::registry::message::PutOrganization>(order);
        assert!(read.is_err(), "{bad}");
    }
}

#[test]
fn quarantine_leaves_the_scopes_that_the_policy_names() {
    let (mut world, key) = quarantine();
    let held = leak(&mut world, key.id);
    assert_eq!(
        serde_json::to_value(&held.restriction).unwrap(),
        json!({"reason": "leak", "since": world.now.to_rfc3339(), "scopes": ["billing", "read"]})
    );
    assert_eq!(held.state, KeyState::Active);
    assert_eq!(held.scopes, key.scopes, "what it was given stays");
    assert!(!held.enforced, "edges must hear of it");
    let record = world.records(key.id.public).key.unwrap();
    assert_eq!(record.scopes, scopes(&["read"]));
    assert!(record.restricted);
    let entries = leaks_on_record(&mut world);
    assert_eq!(entries[0]["after"]["policy"], "quarantine");
    assert_eq!(entries[0]["before"]["restriction"], json!(null));
    // A scope that it is given now is held back too.
    world.changed(patch(
        key.id,
        json!({"scopes": ["create", "read", "regenerate"]}),
    ));
    let record = world.records(key.id.public).key.unwrap();
    assert_eq!(record.scopes, scopes(&["read"]));
    // Found once more, it is as it was.
    world.later(DAY);
    let revision = world.get(key.id).revision;
    note(&mut world, key.id);
    assert_eq!(world.get(key.id).revision, revision);
    // Its successor has another secret.
    let successor = world.issued(rotate(key.id, 60)).key;
    assert_eq!(successor.restriction, None);
    let record = world.records(successor.id.public).key.unwrap();
    assert_eq!(record.scopes, scopes(&["create", "read", "regenerate"]));
    assert!(!record.restricted);
}

#[test]
fn an_administrator_lifts_a_quarantine_and_nobody_sets_one() {
    let (mut world, key) = quarantine();
    leak(&mut world, key.id);
    world.settle();
    let lift = || patch(key.id, json!({"restriction": null}));
    let reader = admin(&["keys:read"]);
    assert!(matches!(
        world.ask_as(reader, lift()).unwrap_err(),
        Refusal::InsufficientScope { .. }
    ));
    let lifted = world.changed_key(lift());
    assert_eq!(lifted.restriction, None);
    assert!(!lifted.enforced, "rights given are waited for as well");
    assert!(lifted.leaked_at.is_some(), "it leaked all the same");
    let record = world.records(key.id.public).key.unwrap();
    assert_eq!(record.scopes, key.scopes);
    let entry = world.audit().pop().unwrap();
    assert_eq!(entry["action"], "key.change");
    assert_eq!(entry["before"]["restriction"]["reason"], "leak");
    for value in [json!({"scopes": []}), json!("leak"), json!(1)] {
        let order = json!({"restriction": value});
        let read = serde_json::from_value::<katalo_keys::registry::message::PatchKey>(order);
        assert!(read.is_err(), "{value}");
    }
    // It is still where it was found.
    leak(&mut world, key.id);
    assert!(world.get(key.id).restriction.is_some());
}

#[test]
fn a_narrower_policy_narrows_and_a_wider_one_does_not_widen() {
    let (mut world, key) = quarantine();
    leak(&mut world, key.id);
    let policy = |world: &mut World, names: &[&str]| {
        world
            .put(json!({"name": "Acme", "leak_policy": {"action": "quarantine", "scopes": names}}));
    };
    policy(&mut world, &["create", "read", "billing"]);
    note(&mut world, key.id);
    policy(&mut world, &["create"]);
    let held = leak(&mut world, key.id);
    assert_eq!(held.restriction.unwrap().scopes, scopes(&[]));
    let record = world.records(key.id.public).key.unwrap();
    assert!(record.scopes.is_empty() && record.restricted);
}

#[test]
fn revoke_ends_the_key_for_ever() {
    let (mut world, key) = under(&json!({"action": "revoke"}));
    let ended = leak(&mut world, key.id);
    assert_eq!(ended.state, KeyState::Revoked);
    assert_eq!(
        serde_json::to_value(ended.revocation_reason).unwrap(),
        "key_compromise"
    );
    assert_eq!(ended.leak_url.as_deref(), Some(PLACE));
    world.later(60 * SECOND);
    note(&mut world, key.id);
    assert_eq!(world.get(key.id).revoked_at, ended.revoked_at);
    // What was revoked before stays with its reason.
    let other = world.key("b");
    world.changed(revoke(other.id, "superseded"));
    note(&mut world, other.id);
    let shown = world.get(other.id);
    assert_eq!(
        serde_json::to_value(shown.revocation_reason).unwrap(),
        "superseded"
    );
    assert!(shown.leaked_at.is_some());
    let swept = world.key("c");
    world.changed(revoke_all());
    note(&mut world, swept.id);
}

#[test]
fn a_leaked_admin_key_is_revoked_even_the_last() {
    let (mut world, first) = World::platform();
    let refused = world.ask(revoke(first.id, "unspecified"));
    assert_eq!(refused.unwrap_err(), Refusal::LastAdmin);
    let ended = leak(&mut world, first.id);
    assert_eq!(ended.state, KeyState::Revoked);
}

#[test]
fn only_the_system_reports() {
    let (mut world, key) = quarantine();
    for actor in [world.actor.clone(), Actor::Holder { id: key.id }] {
        let refused = world.ask_as(actor, report(key.id));
        assert_eq!(refused.unwrap_err(), Refusal::NotFound);
    }
    let unknown = World::platform().1.id;
    let refused = world.ask_as(Actor::System, report(unknown));
    assert_eq!(refused.unwrap_err(), Refusal::NotFound);
    assert_eq!(world.get(key.id), key);
}

#[test]
fn a_restriction_goes_along_with_an_export() {
    let (mut world, key) = quarantine();
    leak(&mut world, key.id);
    world.settings.transfer = true;
    let limit = 1.try_into().unwrap();
    let exported = match world.ask(Command::Export {
        cursor: None,
        limit,
    }) {
        Ok(Outcome::Export(page)) => serde_json::to_value(page.items).unwrap(),
        other => panic!("{other:?}"),
    };
    let mut other = World::acme();
    other.settings.transfer = true;
    let import = serde_json::from_value(json!({"keys": exported})).unwrap();
    other.changed(Command::Import(import));
    assert_eq!(other.get(key.id).restriction, world.get(key.id).restriction);
    assert!(other.records(key.id.public).key.unwrap().restricted);
}

/// Failing at any statement, a report leaves nothing behind.
#[test]
fn a_report_is_done_whole_or_not_at_all() {
    let (mut world, key) = quarantine();
    let before = world.get(key.id);
    let entries = world.audit().len();
    let request = {
        world.actor = Actor::System;
        world.request(report(key.id))
    };
    for statements in 0..100 {
        world.sql.fail_after(statements);
        let failed = world.handle(&request).is_err();
        world.sql.heal();
        world.actor = crate::world::root();
        if !failed {
            assert!(statements > 5, "{statements}");
            assert_eq!(world.audit().len(), entries + 1);
            return;
        }
        assert_eq!(world.get(key.id), before, "{statements}");
        assert_eq!(world.audit().len(), entries);
    }
    panic!("it never succeeded");
}
