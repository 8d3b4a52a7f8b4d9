//! From the deletion of an organization to the last of its records.

use katalo_keys::key::{KeyState, Subject};
use katalo_keys::registry::directory::{self, Order};
use katalo_keys::registry::message::{
    Actor, Command, KeyView, Object, OrganizationView, Outcome, Refusal, RevocationReason,
};
use katalo_keys::registry::{self, deletion, housekeeping, outbox};
use katalo_keys::time::Timestamp;
use serde_json::json;

use crate::usage::count;
use crate::world::{DAY, World, body, issue, patch, revoke, rotate};

fn delete() -> Command {
    Command::DeleteOrganization(body(json!({})))
}

fn undelete() -> Command {
    Command::UndeleteOrganization(body(json!({})))
}

fn organization(object: Object) -> OrganizationView {
    match object {
        Object::Organization(organization) => *organization,
        other => panic!("{other:?}"),
    }
}

fn keep(world: &World) -> Option<Timestamp> {
    housekeeping(&world.sql, &world.keyring, &world.settings, world.now).unwrap()
}

/// `acme` with two keys, deleted now.
fn deleted() -> (World, [KeyView; 2]) {
    let mut world = World::acme();
    world.settings.retention_days = 30;
    let keys = [world.key("a"), world.key("b")];
    world.settle();
    world.changed(delete());
    (world, keys)
}

#[test]
fn everything_is_revoked_first() {
    let mut world = World::acme();
    let key = world.key("a");
    world.settle();
    let mismatch = world.ask_if(7, delete());
    assert!(matches!(mismatch, Err(Refusal::RevisionMismatch { .. })));
    let change = world.changed(delete());
    assert!(!change.enforced());
    assert_eq!(change.awaits.len(), 1);
    let view = organization(change.object);
    assert_eq!(view.deleted_at, Some(world.now));
    assert_eq!((view.keys.revoked, view.revision), (1, 3));
    let records = world.records(key.id.public);
    let of = records.organization.unwrap();
    assert_eq!((of.api_access, of.keys_revoked_through), (false, 3));
    assert_eq!(
        records.key.unwrap().state(
            &world.records(key.id.public).organization.unwrap(),
            world.now
        ),
        KeyState::Revoked
    );
    let shown = world.get(key.id);
    assert_eq!(
        shown.revocation_reason,
        Some(RevocationReason::CessationOfOperation)
    );
    let again = world.changed(delete());
    assert_eq!(again.awaits.len(), 1, "a repeat joins the wait");
    world.settle();
    assert!(world.changed(delete()).enforced());
    let actions: Vec<_> = world.audit().iter().map(|e| e["action"].clone()).collect();
    assert_eq!(actions.last().unwrap(), "organization.delete");
    assert_eq!(actions.len(), 3);
    // It can be read, and no more.
    for command in [
        issue(json!({"name": "b", "environment": "live", "scopes": ["read"]})),
        patch(key.id, json!({"name": "b"})),
        crate::world::revoke_all(),
        crate::world::enable(key.id),
    ] {
        assert_eq!(world.refused(command), Refusal::NotFound);
    }
    // Nothing is kept for longer than no day.
    let put = || Command::PutOrganization(body(json!({"name": "x"})));
    world.settings.retention_days = 0;
    assert_eq!(world.refused(put()), Refusal::OrganizationIdTaken);
    assert_eq!(world.refused(undelete()), Refusal::NotFound);
    world.settings.retention_days = 30;
    let deleted_at = world.now;
    assert_eq!(
        world.refused(put()),
        Refusal::OrganizationDeleted {
            deleted_at,
            purge_at: deleted_at.plus(30 * DAY)
        }
    );
    let (mut platform, _) = World::platform();
    let refusal = platform.refused(delete());
    assert!(matches!(refusal, Refusal::InvalidRequest { field, .. } if field == "organization"));
}

#[test]
fn it_is_on_record_in_platform_once() {
    let (world, _) = deleted();
    let (mut platform, _) = World::platform();
    let note = deletion::pending_note(&world.sql).unwrap().unwrap();
    for _ in 0..2 {
        let noted = platform.ask_as(Actor::System, note.clone());
        assert!(matches!(noted, Ok(Outcome::Done {})));
    }
    let entries = platform.audit();
    let last = entries.last().unwrap();
    assert_eq!(entries.len(), 2);
    assert_eq!(last["action"], "organization.delete");
    assert_eq!(
        last["subject"],
        json!({"kind": "organization", "id": "acme"})
    );
    assert_eq!(last["after"], json!({"revision": 4}));
    deletion::mark_noted(&world.sql, 4).unwrap();
    assert!(deletion::pending_note(&world.sql).unwrap().is_none());
}

/// An admin key that reaches a deleted organization alone ends with it, in the
/// transaction that puts the deletion on record, and so before the id can be used
/// again.
#[test]
fn the_admin_keys_tied_to_it_end() {
    let (world, _) = deleted();
    let (mut platform, first) = World::platform();
    let tied = |platform: &mut World, to: &str| {
        let order = json!({"name": "k", "environment": "admin", "scopes": ["keys:read"],
            "bound_organization": to});
        platform.issued(issue(order)).key
    };
    let (a, b) = (tied(&mut platform, "acme"), tied(&mut platform, "acme"));
    let c = platform.issued(rotate(b.id, 3_600)).key;
    let (gone, other) = (tied(&mut platform, "acme"), tied(&mut platform, "beta"));
    platform.changed_key(revoke(gone.id, "key_compromise"));
    platform.settle();
    let before = registry::revision(&platform.sql).unwrap();

    let note = deletion::pending_note(&world.sql).unwrap().unwrap();
    let mut request = platform.request(note.clone());
    request.actor = Actor::System;
    // All of it, or nothing: not a revocation without the deletion, nor the other way.
    for statements in 0..40 {
        let dump = platform.sql.dump();
        platform.sql.fail_after(statements);
        let failed = platform.handle(&request);
        platform.sql.heal();
        if failed.is_ok() {
            break;
        }
        assert_eq!(platform.sql.dump(), dump, "after {statements}");
    }
    for _ in 0..2 {
        platform.ask_as(Actor::System, note.clone()).unwrap();
    }
    for key in [&a, &b, &c] {
        let shown = platform.get(key.id);
        assert_eq!(shown.state, KeyState::Revoked);
        assert_eq!(
            shown.revocation_reason,
            Some(RevocationReason::CessationOfOperation)
        );
        assert!(!shown.enforced);
    }
    assert_eq!(platform.get(other.id), other);
    assert_eq!(platform.get(first.id), first);
    assert_eq!(
        platform.get(gone.id).revocation_reason,
        Some(RevocationReason::KeyCompromise)
    );
    // Each is a revision, told the change log and waited for.
    assert_eq!(registry::revision(&platform.sql).unwrap(), before + 3);
    let appends = outbox::pending_appends(&platform.sql, 0).unwrap();
    assert_eq!(appends.len(), 3);
    assert!(appends.iter().all(|row| row.decides));
    let entries = platform.audit();
    let ends = &entries[entries.len() - 3..];
    for end in ends {
        assert_eq!(end["action"], "key.revoke");
        assert_eq!(end["actor"]["kind"], "system");
        assert_eq!(end["after"]["deleted"], "acme");
    }
    assert_eq!(entries[entries.len() - 4]["action"], "organization.delete");
    // A key made for whoever has the id next is theirs, until they go too.
    let next = tied(&mut platform, "acme");
    platform.ask_as(Actor::System, note).unwrap();
    assert_eq!(platform.get(next.id).state, KeyState::Active);
    let again = Command::NoteDeletion {
        organization: world.organization,
        revision: 9,
    };
    platform.ask_as(Actor::System, again).unwrap();
    assert_eq!(platform.get(next.id).state, KeyState::Revoked);
}

#[test]
fn the_records_go_once_the_retention_is_over() {
    let (mut world, [a, b]) = deleted();
    let at = world.now;
    let rows = vec![count(a.id.public, "read", "allowed", 1, at)];
    let counted = world.ask_as(
        Actor::System,
        Command::CountUsage {
            batch: "late".to_owned(),
            rows,
        },
    );
    assert!(matches!(counted, Ok(Outcome::Done {})));
    assert_eq!(world.sql.count("usage"), 0);
    let lines = world.lines().len();
    world.now = Timestamp(at.plus(30 * DAY).0 - 1);
    assert_eq!(keep(&world), Some(at.plus(30 * DAY)));
    assert_eq!(world.lines().len(), lines);
    world.now = at.plus(30 * DAY);
    // Nothing goes before the deletion is on record.
    assert!(keep(&world) > Some(world.now));
    assert_eq!(world.sql.count("keys"), 2);
    deletion::mark_noted(&world.sql, 4).unwrap();
    assert_eq!(keep(&world), Some(world.now.plus(1_000)));
    assert_eq!(world.sql.count("keys"), 0);
    // The values in Workers KV go, and the directory is told.
    for subject in [a.id, b.id]
        .map(|id| Subject::from(id.public))
        .into_iter()
        .chain([world.subject()])
    {
        assert_eq!(outbox::kv_value(&world.sql, subject).unwrap(), None);
    }
    let far = Timestamp(1 << 52);
    let pending = outbox::pending_publications(&world.sql, far, 10).unwrap();
    assert_eq!(pending.len(), 3);
    keep(&world);
    assert_eq!(world.sql.count("organization"), 1, "still to be told");
    world.settle();
    keep(&world);
    assert_eq!(world.sql.count("organization"), 1, "the directory too");
    let order = directory::pending_order(&world.sql).unwrap().unwrap();
    assert!(matches!(&order, Order::Remove { revision: 4, .. }));
    directory::mark_told(&world.sql, &order).unwrap();
    assert!(directory::pending_order(&world.sql).unwrap().is_none());
    keep(&world);
    for table in ["organization", "keys", "audit", "sweeps", "outbox", "usage"] {
        assert_eq!(world.sql.count(table), 0, "{table}");
    }
    assert_eq!(keep(&world), None);
    assert_eq!(
        world.refused(Command::GetOrganization {}),
        Refusal::NotFound
    );
    // The id may be used again, above all that any edge remembers.
    let again = organization(world.put(json!({"name": "Acme"})).object);
    assert_eq!((again.revision, again.deleted_at), (5, None));
    assert!(!again.enforced);
    let records = world.records(a.id.public);
    assert!(records.key.is_none());
    assert_eq!(records.organization.unwrap().keys_revoked_through, 4);
    assert!(deletion::pending_note(&world.sql).unwrap().is_none());
    assert!(matches!(
        directory::pending_order(&world.sql).unwrap(),
        Some(Order::Put(_))
    ));
}

#[test]
fn many_keys_go_step_by_step() {
    let mut world = World::acme();
    world.settings.retention_days = 0;
    for _ in 0..1_201 {
        world.key("a");
    }
    world.changed(delete());
    world.settle();
    let revision = katalo_keys::registry::revision(&world.sql).unwrap();
    deletion::mark_noted(&world.sql, revision).unwrap();
    let mut left = Vec::new();
    for _ in 0..3 {
        keep(&world);
        left.push(world.sql.count("keys"));
    }
    assert_eq!(left, [701, 201, 0]);
}

#[test]
fn idempotency_keys_are_forgotten() {
    let mut world = World::acme();
    let order = json!({"name": "a", "environment": "live", "scopes": ["read"]});
    world.ask_once("k", "d", issue(order.clone())).unwrap();
    world.later(DAY - 1);
    keep(&world);
    assert_eq!(world.sql.count("idempotency"), 1);
    world.later(1);
    assert_eq!(keep(&world), Some(world.now.plus(DAY)));
    assert_eq!(world.sql.count("idempotency"), 0);
    world.ask_once("k", "d", issue(order)).unwrap();
}

/// What a deletion revoked stays revoked, whoever brings the organization back; all else
/// is there again.
#[test]
fn a_deletion_can_be_taken_back_while_the_records_are_kept() {
    let (mut world, [a, _]) = deleted();
    let purge_at = world.now.plus(30 * DAY);
    let shown = |world: &mut World| match world.ask(Command::GetOrganization {}) {
        Ok(Outcome::Organization(view)) => *view,
        other => panic!("{other:?}"),
    };
    assert_eq!(shown(&mut world).purge_at, Some(purge_at));
    world.settle();
    world.later(30 * DAY - 1);
    let mismatch = world.ask_if(1, undelete());
    assert!(matches!(mismatch, Err(Refusal::RevisionMismatch { .. })));
    let change = world.changed(undelete());
    assert!(change.enforced(), "nothing is taken and nothing given");
    let view = organization(change.object);
    assert_eq!((view.deleted_at, view.purge_at), (None, None));
    assert_eq!((view.name.as_str(), view.keys.revoked), ("Acme", 2));
    let record = world.records(a.id.public).organization.unwrap();
    assert_eq!((record.api_access, record.keys_revoked_through), (false, 4));
    assert_eq!(world.get(a.id).state, KeyState::Revoked);
    let entry = world.audit().pop().unwrap();
    assert_eq!(entry["action"], "organization.undelete");
    assert_eq!(entry["after"]["deleted_at"], json!(null));

    // A repeat finds nothing to do, and keys can be issued once access is on.
    let before = world.lines();
    world.changed(undelete());
    assert_eq!(world.lines(), before);
    world.put(json!({"name": "Acme", "api_access": "enabled"}));
    let fresh = world.key("c");
    world.settle();
    world.later(31 * DAY);
    keep(&world);
    assert_eq!(world.get(fresh.id).state, KeyState::Active, "nothing goes");
    assert_eq!(world.get(a.id).state, KeyState::Revoked);
}

#[test]
fn what_goes_cannot_be_brought_back() {
    let (mut world, _) = deleted();
    world.settle();
    world.later(30 * DAY);
    assert_eq!(world.refused(undelete()), Refusal::NotFound);
    let put = Command::PutOrganization(body(json!({"name": "x"})));
    assert_eq!(world.refused(put), Refusal::OrganizationIdTaken);
    // However long the operator keeps records from now on.
    deletion::mark_noted(&world.sql, 4).unwrap();
    keep(&world);
    world.settings.retention_days = 90;
    assert_eq!(world.refused(undelete()), Refusal::NotFound);
}

/// `_platform` hears of a deletion that was taken back before it had: the admin keys
/// that are tied to the organization ended by it.
#[test]
fn a_deletion_that_was_taken_back_is_on_record_all_the_same() {
    let (mut world, _) = deleted();
    let note = deletion::pending_note(&world.sql).unwrap().unwrap();
    world.changed(undelete());
    assert_eq!(
        format!("{:?}", deletion::pending_note(&world.sql).unwrap()),
        format!("{:?}", Some(note))
    );
    deletion::mark_noted(&world.sql, 4).unwrap();
    assert!(deletion::pending_note(&world.sql).unwrap().is_none());
    // And of the next one.
    world.changed(delete());
    let Some(Command::NoteDeletion { revision, .. }) = deletion::pending_note(&world.sql).unwrap()
    else {
        panic!()
    };
    assert_eq!(revision, 6);
}

#[test]
fn the_directory_tells_the_deleted_ones_apart() {
    let (mut world, _) = deleted();
    let directory = crate::sqlite::Sqlite::in_memory();
    directory::migrate(&directory).unwrap();
    let tell = |world: &World| {
        let order = directory::pending_order(&world.sql).unwrap().unwrap();
        directory::handle(&directory, &order).unwrap();
        directory::mark_told(&world.sql, &order).unwrap();
    };
    let listed = |deleted: Option<bool>| {
        let order = Order::List {
            search: None,
            deleted,
            cursor: None,
            limit: 50.try_into().unwrap(),
        };
        directory::handle(&directory, &order).unwrap().items.len()
    };
    tell(&world);
    assert_eq!([None, Some(true), Some(false)].map(listed), [1, 1, 0]);
    world.changed(undelete());
    tell(&world);
    assert_eq!([None, Some(true), Some(false)].map(listed), [1, 0, 1]);
}
