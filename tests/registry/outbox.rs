//! From the commit to the change log and Workers KV.

use katalo_keys::key::{KeyRecord, KeyState, OrganizationRecord, Subject};
use katalo_keys::registry::directory::{self, Listed, Order};
use katalo_keys::registry::message::{Actor, Command, Object};
use katalo_keys::registry::outbox::Entry;
use katalo_keys::registry::{self, outbox};
use katalo_keys::time::Timestamp;
use serde_json::json;

use crate::sqlite::Sqlite;
use crate::world::{HOUR, SECOND, START, World, disable, enable, patch, revoke, revoke_all};

const FAR: Timestamp = Timestamp(1 << 52);

fn appends(world: &World) -> Vec<Entry> {
    outbox::pending_appends(&world.sql, 0).unwrap()
}

fn publications(world: &World) -> Vec<Entry> {
    outbox::pending_publications(&world.sql, FAR, 100).unwrap()
}

#[test]
fn issuing_is_appended_without_a_wait() {
    let mut world = World::acme();
    world.settle();
    let key = world.key("a");
    assert!(key.enforced);
    let subject = Subject::from(key.id.public);
    let entry = Entry {
        subject,
        revision: key.revision,
        decides: false,
        keys_revoked_through: None,
    };
    assert_eq!(appends(&world), [entry]);
    assert_eq!(publications(&world), [entry]);
    assert!(outbox::mark_enforced(&world.sql, subject, key.revision, world.now).unwrap());
    assert!(outbox::mark_published(&world.sql, subject, key.revision, world.now).unwrap());
    assert_eq!(publications(&world), []);
}

#[test]
fn the_greatest_revision_wins() {
    let mut world = World::acme();
    let key = world.key("a");
    world.settle();
    let subject = Subject::from(key.id.public);
    let disabled = world.changed_key(disable(key.id)).revision;
    let enabled = world.changed_key(enable(key.id)).revision;
    assert_eq!(
        appends(&world),
        [Entry {
            subject,
            revision: enabled,
            decides: true,
            keys_revoked_through: None,
        }]
    );
    assert!(!outbox::mark_enforced(&world.sql, subject, disabled, world.now).unwrap());
    assert!(!outbox::mark_published(&world.sql, subject, disabled, world.now).unwrap());
    assert!(!world.get(key.id).enforced);
    assert!(outbox::mark_enforced(&world.sql, subject, enabled, world.now).unwrap());
    assert!(!outbox::mark_enforced(&world.sql, subject, enabled, FAR).unwrap());
    assert_eq!(world.get(key.id).effective_at, Some(world.now));
    assert_eq!(publications(&world).len(), 1);
    assert!(outbox::mark_published(&world.sql, subject, enabled, world.now).unwrap());
    assert_eq!(publications(&world), []);
}

#[test]
fn a_new_name_never_hides_a_pending_decision() {
    let mut world = World::acme();
    let key = world.key("a");
    world.settle();
    world.changed_key(disable(key.id));
    let renamed = world.changed(patch(key.id, json!({"name": "b"})));
    assert!(!renamed.enforced());
    assert_eq!(renamed.awaits.len(), 1);
    world.settle();
    let again = world.changed_key(patch(key.id, json!({"name": "c"})));
    assert!(again.enforced, "a name alone does not wait");
    assert_eq!(appends(&world).len(), 1, "but the log hears of it");
    world.settle();
    assert_eq!(world.get(key.id).effective_at, Some(START));
}

#[test]
fn a_reply_is_brought_up_to_date_after_the_wait() {
    let mut world = World::acme();
    let key = world.key("a");
    world.settle();
    let mut changed = world.changed(revoke(key.id, "unspecified"));
    assert!(!changed.enforced() && changed.effective_at().is_none());
    world.later(SECOND);
    for awaited in changed.awaits.clone() {
        outbox::mark_enforced(&world.sql, awaited.subject, awaited.revision, world.now).unwrap();
    }
    outbox::refresh(&world.sql, &world.keyring, &mut changed, world.now).unwrap();
    assert!(changed.enforced() && changed.awaits.is_empty());
    assert_eq!(changed.effective_at(), Some(START.plus(SECOND)));

    let mut switched = world.put(json!({"name": "Acme", "api_access": "disabled"}));
    assert!(!switched.enforced());
    world.settle();
    outbox::refresh(&world.sql, &world.keyring, &mut switched, world.now).unwrap();
    assert!(switched.enforced());
}

#[test]
fn values_for_workers_kv_are_pinned() {
    let mut world = World::acme();
    let key = world.key("Webshop");
    let value = |world: &World, subject| outbox::kv_value(&world.sql, subject).unwrap().unwrap();
    assert_eq!(
        value(&world, world.subject()),
        r#"{"v":1,"revision":1,"id":"acme","api_access":true,"keys_revoked_through":0}"#
    );
    let subject = Subject::from(key.id.public);
    let text = value(&world, subject);
    let record: KeyRecord = serde_json::from_str(&text).unwrap();
    assert_eq!(
        text,
        format!(
            r#"{{"v":1,"revision":2,"issued":2,"issued_at":1795478400000,"digest":"{}","environment":"live","name":"Webshop","scopes":["read"]}}"#,
            record.digest.to_text()
        )
    );
    world.changed_key(patch(
        key.id,
        json!({"expires_at": "2027-01-01T00:00:00Z", "allowed_ips": ["192.0.2.0/24"]}),
    ));
    world.changed_key(revoke(key.id, "unspecified"));
    assert_eq!(
        value(&world, subject),
        format!(
            r#"{{"v":1,"revision":4,"issued":2,"issued_at":1795478400000,"digest":"{}","environment":"live","name":"Webshop","scopes":["read"],"revoked":true,"expires_at":1798761600000,"allowed_ips":["192.0.2.0/24"]}}"#,
            record.digest.to_text()
        )
    );
    serde_json::from_str::<OrganizationRecord>(&value(&world, world.subject())).unwrap();
    assert_eq!(subject.kv_name(), format!("key/{}", key.id.public));
    assert_eq!(world.subject().kv_name(), "org/BAssrdJ8UvA");
}

#[test]
fn a_failed_publication_holds_up_no_other() {
    let mut world = World::acme();
    world.settle();
    let (a, b) = (world.key("a"), world.key("b"));
    let first = Subject::from(a.id.public);
    let mut pauses = Vec::new();
    for _ in 0..10 {
        outbox::put_off(&world.sql, first, world.now).unwrap();
        let due = outbox::pending_publications(&world.sql, world.now, 10).unwrap();
        assert_eq!(due.len(), 1);
        assert_eq!(due[0].subject, Subject::from(b.id.public));
        world.sql.heal();
        let after = (0..)
            .find(|&seconds| {
                let then = world.now.plus(seconds * SECOND);
                outbox::pending_publications(&world.sql, then, 10)
                    .unwrap()
                    .len()
                    == 2
            })
            .unwrap();
        pauses.push(after);
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
    assert_eq!(
        outbox::next_publication(&world.sql).unwrap(),
        Some(Timestamp(0))
    );
}

#[test]
fn a_value_found_behind_is_written_again() {
    let mut world = World::acme();
    let key = world.key("a");
    let subject = Subject::from(key.id.public);
    let report = |world: &mut World, subject| {
        world
            .ask_as(Actor::System, Command::ReportBehind { subject })
            .unwrap();
    };
    world.settle();
    report(&mut world, subject);
    assert_eq!(publications(&world), [], "written a moment ago");
    world.later(2 * 60 * SECOND);
    report(&mut world, subject);
    let organization = world.subject();
    report(&mut world, organization);
    assert_eq!(publications(&world).len(), 2);
    assert_eq!(appends(&world), []);
    world.settle();
    report(&mut world, subject);
    assert_eq!(publications(&world), []);
    let unknown = World::empty("beta").subject();
    report(&mut world, unknown);
}

#[test]
fn a_restored_registry_locks_what_it_lost() {
    let mut world = World::acme();
    let (a, b) = (world.key("a"), world.key("b"));
    world.settle();
    let mut elsewhere = World::acme();
    let never_known_here = ["a", "b", "c"].map(|name| elsewhere.key(name))[2].id;
    let unknown = Subject::from(never_known_here.public);
    let lost = [Subject::from(a.id.public), world.subject(), unknown];
    registry::recover(&world.sql, 91, &lost, None, world.now).unwrap();
    assert_eq!(registry::revision(&world.sql).unwrap(), 91);
    let pending = appends(&world);
    assert_eq!(pending.len(), 3);
    assert!(
        pending
            .iter()
            .all(|entry| entry.revision == 91 && entry.decides)
    );
    assert!(!world.get(a.id).enforced);
    assert_eq!(outbox::kv_value(&world.sql, unknown).unwrap(), None);
    world.settle();
    let (of_a, of_b) = (world.records(a.id.public), world.records(b.id.public));
    assert_eq!(
        (
            of_a.key.as_ref().unwrap().revision,
            of_a.key.unwrap().disabled
        ),
        (91, true)
    );
    assert!(!of_b.key.unwrap().disabled);
    let organization = of_b.organization.unwrap();
    assert_eq!(
        (organization.revision, organization.api_access),
        (91, false)
    );
    world.put(json!({"name": "Acme", "api_access": "enabled"}));
    assert_eq!(world.key("c").revision, 93);
    let entry = &world.audit()[3];
    assert_eq!(entry["action"], "registry.recover");
    assert_eq!(entry["before"], json!({"revision": 3}));
    assert_eq!(entry["after"]["locked"], 3);
}

/// What the change log is told, and what a backup from before gets back of it.
#[test]
fn keys_that_were_revoked_at_once_stay_so_in_a_restored_registry() {
    let mut world = World::acme();
    let (a, b) = (world.key("a"), world.key("b"));
    world.changed(revoke_all());
    let through = registry::revision(&world.sql).unwrap();
    let told = |world: &World| -> Vec<_> {
        let organization = world.subject();
        let appends = appends(world).into_iter();
        appends
            .filter(|entry| entry.subject == organization)
            .map(|entry| entry.keys_revoked_through)
            .collect()
    };
    assert_eq!(told(&world), [Some(through)]);

    let mut restored = World::acme();
    assert_eq!(told(&restored), [Some(0)]);
    for key in ["a", "b"] {
        restored.key(key);
    }
    restored.settle();
    let lost = [restored.subject()];
    registry::recover(&restored.sql, 91, &lost, Some(through), restored.now).unwrap();
    assert_eq!(told(&restored), [Some(through)]);
    restored.settle();
    restored.put(json!({"name": "Acme", "api_access": "enabled"}));
    for key in [a, b] {
        let view = restored.get(key.id);
        assert_eq!(view.state, KeyState::Revoked);
        assert!(view.revoked_at.is_some() && view.revocation_reason.is_some());
    }
    let entries = restored.audit();
    let entry = (entries.iter()).find(|entry| entry["action"] == "registry.recover");
    assert_eq!(entry.unwrap()["after"]["keys_revoked_through"], through);

    // One that the backup knows already, and more, takes nothing back.
    registry::recover(&restored.sql, 191, &lost, Some(1), restored.now).unwrap();
    assert_eq!(told(&restored), [Some(through)]);
}

#[test]
fn the_directory_hears_of_each_organization() {
    let listing = |world: &World| match directory::pending_order(&world.sql).unwrap() {
        Some(Order::Put(listed)) => Some(listed),
        other => {
            assert!(other.is_none());
            None
        }
    };
    let directory = Sqlite::in_memory();
    directory::migrate(&directory).unwrap();
    directory::migrate(&directory).unwrap();
    let mut world = World::acme();
    let early = listing(&world).unwrap();
    world.key("a");
    world.later(HOUR);
    world.put(json!({"name": "Ærø"}));
    let late = listing(&world).unwrap();
    assert_eq!((early.revision, late.revision), (1, 3));
    for listed in [late.clone(), early] {
        directory::handle(&directory, &Order::Put(listed)).unwrap();
    }
    directory::mark_told(&world.sql, &Order::Put(late.clone())).unwrap();
    assert_eq!(listing(&world), None);
    for id in ["beta", "alpha"] {
        let other = Listed {
            id: crate::world::organization(id),
            ..late.clone()
        };
        directory::handle(&directory, &Order::Put(other)).unwrap();
    }
    let list = |search: Option<&str>, cursor: Option<String>, limit: u64| {
        let order = Order::List {
            search: search.map(str::to_owned),
            deleted: None,
            cursor,
            limit: limit.try_into().unwrap(),
        };
        let page = directory::handle(&directory, &order).unwrap();
        let ids: Vec<_> = page
            .items
            .iter()
            .map(|listed| listed.id.to_string())
            .collect();
        (ids, page.next_cursor)
    };
    let (ids, cursor) = list(None, None, 2);
    assert_eq!(ids, ["acme", "alpha"]);
    assert_eq!(list(None, cursor, 2).0, ["beta"]);
    assert_eq!(list(Some("ÆRØ"), None, 50).0.len(), 3);
    assert_eq!(
        list(Some("alph"), None, 50),
        (vec!["alpha".to_owned()], None)
    );
    let gone = Order::Remove {
        id: late.id.clone(),
        revision: 3,
    };
    directory::handle(&directory, &gone).unwrap();
    assert_eq!(list(None, None, 50).0, ["alpha", "beta"]);
}

#[test]
fn a_failed_storage_changes_nothing() {
    let mut world = World::acme();
    let key = world.key("a");
    world.settle();
    let before = world.lines();
    for statements in 0.. {
        world.sql.fail_after(statements);
        let request = world.request(revoke(key.id, "unspecified"));
        let reply = world.handle(&request);
        world.sql.heal();
        if let Ok(reply) = reply {
            assert!(statements > 5);
            let changed = crate::world::changed(reply);
            assert!(matches!(changed.object, Object::Key(_)));
            break;
        }
        assert_eq!(world.lines(), before);
        assert_eq!(world.get(key.id).revision, key.revision);
        assert_eq!(appends(&world), []);
    }
    assert_eq!(world.lines().len(), before.len() + 1);
}
