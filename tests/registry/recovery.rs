//! A registry restored from a backup that a revocation of all keys is not in, and
//! the change log, which has heard of it.
//!
//! Two worlds that were told the same hold the same: one of them goes on, the
//! other is the backup.

use std::rc::Rc;

use katalo_keys::freshness::append::RestoreCheck;
use katalo_keys::freshness::change_log::ChangeLog;
use katalo_keys::freshness::commit_wait::CommitWait;
use katalo_keys::freshness::sql_log::{SqlLog, create_tables};
use katalo_keys::freshness::sync::Version;
use katalo_keys::freshness::{Append, Incarnation, Reading, Revision};
use katalo_keys::key::KeyState;
use katalo_keys::registry::message::{Actor, Command, KeyView, Refusal, RevocationReason};
use katalo_keys::registry::{self, outbox};
use serde_json::json;

use crate::sqlite::Sqlite;
use crate::world::{HOUR, World, admin_of, body, enable, issue, patch, revoke_all, rotate};

type Log = ChangeLog<SqlLog<Sqlite>>;

fn log() -> Log {
    let sql = Rc::new(Sqlite::in_memory());
    create_tables(&*sql).unwrap();
    ChangeLog::start(SqlLog::over(sql), Incarnation::from_stored(1))
}

/// Tells the log all that is pending, as the object does; `says_through` as one of
/// this version does.
fn tell(world: &World, log: &mut Log, says_through: bool) {
    let through = registry::keys_revoked_through(&world.sql).unwrap();
    for entry in outbox::pending_appends(&world.sql, 0).unwrap() {
        let subject = entry.subject;
        let append = Append {
            v: Version::CURRENT,
            subject,
            revision: Revision(entry.revision),
            keys_revoked_through: through
                .filter(|_| says_through && subject.is_organization())
                .map(Revision),
            waits: false,
        };
        log.append(&append, Reading::at(1)).unwrap();
        outbox::mark_enforced(&world.sql, entry.subject, entry.revision, world.now).unwrap();
    }
}

/// The registry starts and asks the log where it stands; what it lost is locked.
fn start(world: &World, log: &Log) {
    let revision = Revision(registry::revision(&world.sql).unwrap());
    let mut wait = CommitWait::start(world.subject(), revision, []);
    while let Some(question) = wait.restore_check() {
        wait.restore_check_answered(&question, &log.check_restored(&question).unwrap());
    }
    let Some(recovery) = wait.recovery().cloned() else {
        return;
    };
    let revision = recovery.revision.0;
    let through = recovery.keys_revoked_through.map(|through| through.0);
    registry::recover(&world.sql, revision, &recovery.lost, through, world.now).unwrap();
    // What is appended next says through which revision keys are revoked now.
    wait.recovered(
        registry::keys_revoked_through(&world.sql)
            .unwrap()
            .map(Revision),
    );
    let through = registry::keys_revoked_through(&world.sql).unwrap();
    while let Some(append) = wait.next_append() {
        let says = append
            .subject
            .is_organization()
            .then_some(through)
            .flatten();
        assert_eq!(append.keys_revoked_through, says.map(Revision));
        let ack = katalo_keys::freshness::Ack {
            v: Version::CURRENT,
            wait_ms: katalo_keys::freshness::Millis(1),
            greatest: append.revision,
            place: None,
            floor: None,
        };
        wait.acknowledged(&append, &ack, Reading::at(1));
    }
}

fn access(world: &mut World) {
    world.put(json!({"name": "Acme", "api_access": "enabled"}));
}

/// `acme` at revision 3 with two keys, all of it told.
fn two_keys(log: &mut Log) -> (World, [KeyView; 2]) {
    let mut world = World::acme();
    let keys = [world.key("a"), world.key("b")];
    tell(&world, log, true);
    (world, keys)
}

fn all_are_revoked(world: &mut World, keys: &[KeyView]) {
    for key in keys {
        let shown = world.get(key.id);
        assert_eq!(shown.state, KeyState::Revoked);
        assert_eq!(shown.revocation_reason, Some(RevocationReason::Unspecified));
        for way in [enable(key.id), patch(key.id, json!({"name": "c"}))] {
            assert_eq!(world.refused(way), Refusal::AlreadyRevoked);
        }
        let records = world.records(key.id.public);
        let of = records.organization.unwrap();
        assert_eq!(
            records.key.unwrap().state(&of, world.now),
            KeyState::Revoked
        );
    }
}

#[test]
fn a_lost_revocation_of_all_keys_does_not_come_back_with_api_access() {
    let mut log = log();
    let (mut lived, keys) = two_keys(&mut log);
    let (mut restored, _) = two_keys(&mut log);
    lived.changed(revoke_all());
    // Access and names change after it, and say nothing of it.
    lived.put(json!({"name": "Acme", "api_access": "disabled"}));
    lived.put(json!({"name": "Acme again", "api_access": "enabled"}));
    tell(&lived, &mut log, true);

    restored.later(HOUR);
    start(&restored, &log);
    assert!(
        !restored
            .records(keys[0].id.public)
            .organization
            .unwrap()
            .api_access
    );
    access(&mut restored);
    all_are_revoked(&mut restored, &keys);
    assert_eq!(restored.get(keys[0].id).revoked_at, Some(restored.now));
    let new = restored.key("c");
    assert_eq!(new.state, KeyState::Active);
    let entries = restored.audit();
    let entry = entries
        .iter()
        .find(|entry| entry["action"] == "registry.recover")
        .unwrap();
    assert_eq!(entry["after"]["keys_revoked_through"], 4);
    // Its own word is the log's from now on: another backup finds it there.
    tell(&restored, &mut log, true);
    let (mut second, _) = two_keys(&mut log);
    start(&second, &log);
    access(&mut second);
    all_are_revoked(&mut second, &keys);
}

#[test]
fn a_lost_change_that_revoked_nothing_leaves_the_keys_to_the_operator() {
    let mut log = log();
    let (mut lived, keys) = two_keys(&mut log);
    let (mut restored, _) = two_keys(&mut log);
    lived.put(json!({"name": "Other"}));
    tell(&lived, &mut log, true);
    start(&restored, &log);
    access(&mut restored);
    for key in keys {
        assert_eq!(restored.get(key.id).state, KeyState::Active);
    }
}

/// A log or a registry of an earlier version took the change and did not say.
#[test]
fn where_the_log_was_not_told_every_key_of_the_backup_is_revoked() {
    let mut log = log();
    let (mut lived, keys) = two_keys(&mut log);
    let (mut restored, _) = two_keys(&mut log);
    lived.put(json!({"name": "Other"}));
    tell(&lived, &mut log, false);
    start(&restored, &log);
    access(&mut restored);
    all_are_revoked(&mut restored, &keys);
    assert_eq!(restored.key("c").state, KeyState::Active);
    // Told again by one that says, the log knows.
    let subject = lived.subject();
    let append = Append {
        v: Version::CURRENT,
        subject,
        revision: Revision(4),
        keys_revoked_through: Some(Revision(0)),
        waits: false,
    };
    log.append(&append, Reading::at(1)).unwrap();
    let question = RestoreCheck {
        v: Version::CURRENT,
        organization: subject,
        above: Revision(3),
        after_subject: None,
    };
    let known = log.check_restored(&question).unwrap();
    assert_eq!(known.keys_revoked_through, Some(Revision(0)));
    // A late repeat of an earlier change says nothing of this one.
    let late = Append {
        revision: Revision(1),
        keys_revoked_through: Some(Revision(1)),
        ..append
    };
    log.append(&late, Reading::at(1)).unwrap();
    assert_eq!(log.check_restored(&question).unwrap(), known);
}

/// In `_platform` the keys are administrators'. What is locked there nobody could
/// unlock: a new bootstrap token is the way in, and all works from then on.
#[test]
fn a_lost_revocation_of_all_admin_keys_does_not_come_back() {
    let mut log = log();
    let platform = |log: &mut Log| {
        let (mut world, first) = World::platform();
        let ends = json!({"name": "k", "environment": "admin", "scopes": ["admins:write"],
            "expires_at": "2027-01-01T00:00:00Z"});
        let second = world.issued(issue(ends)).key;
        tell(&world, log, true);
        (world, [first, second])
    };
    let (mut lived, keys) = platform(&mut log);
    let (mut restored, _) = platform(&mut log);
    // Only without a last admin may all be revoked.
    let holder = Actor::Holder { id: keys[0].id };
    let key = keys[0].id.public;
    lived.ask_as(holder, Command::RevokeSelf { key }).unwrap();
    lived.actor = admin_of(&keys[1]);
    lived.changed(revoke_all());
    tell(&lived, &mut log, true);

    start(&restored, &log);
    all_are_revoked(&mut restored, &keys);
    restored.actor = Actor::Bootstrap;
    let new = restored.issued(Command::Bootstrap {
        token_digest: "t2".to_owned(),
    });
    restored.actor = admin_of(&new.key);
    assert_eq!(restored.get(new.key.id).state, KeyState::Active);
    let order = json!({"name": "k", "environment": "admin", "scopes": ["keys:read"]});
    let other = restored.issued(issue(order)).key;
    restored.issued(rotate(other.id, 0));
    let refused = restored.refused(Command::PutOrganization(body(json!({"name": "x"}))));
    assert!(matches!(refused, Refusal::InvalidRequest { .. }));
}
