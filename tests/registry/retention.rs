//! An audit whose beginning is dropped: what is kept verifies, and what was done to it
//! is found.

use katalo_keys::key::{Brand, Keyring};
use katalo_keys::registry::audit::{
    Reason, verify_checkpoint, verify_export, verify_head, verify_kept,
};
use katalo_keys::registry::housekeeping;
use katalo_keys::registry::message::{AuditCheckpoint, AuditHead, Command, Outcome, Refusal};
use katalo_keys::time::Timestamp;
use serde_json::json;

use crate::world::{DAY, HOUR, World, body, issue, organization, patch, revoke};

const DAYS: u32 = 30;
const RETENTION: u64 = 30 * DAY;
/// Entries that go in one step.
const AT_ONCE: u64 = 1_000;

fn acme() -> World {
    let mut world = World::acme();
    world.settings.audit_retention_days = Some(DAYS);
    world
}

fn keep(world: &World) -> Timestamp {
    housekeeping(&world.sql, &world.keyring, &world.settings, world.now)
        .unwrap()
        .unwrap()
}

fn head(world: &mut World) -> AuditHead {
    match world.ask(Command::AuditHead {}) {
        Ok(Outcome::AuditHead(head)) => head,
        other => panic!("{other:?}"),
    }
}

fn checkpoint(world: &mut World) -> AuditCheckpoint {
    head(world).checkpoint.unwrap()
}

fn first_kept(world: &mut World) -> u64 {
    world.audit()[0]["seq"].as_u64().unwrap()
}

/// An audit of seven entries, of which the first three are dropped.
fn sealed() -> World {
    let mut world = acme();
    let order = json!({"name": "Ærø", "environment": "live", "scopes": ["read"]});
    let id = world.issued(issue(order)).key.id;
    world.later(DAY);
    world.changed(patch(id, json!({"name": "Als"})));
    world.later(10 * DAY);
    world.changed(patch(id, json!({"name": "Fanø"})));
    world.changed(revoke(id, "superseded"));
    world.later(RETENTION - 9 * DAY);
    keep(&world);
    world.key("b");
    world
}

/// With `WRITE_AUDIT` set the files are written anew.
#[test]
fn the_form_of_a_sealed_audit_is_pinned() {
    let mut world = sealed();
    let text: String = world
        .lines()
        .iter()
        .map(|line| format!("{line}\n"))
        .collect();
    let head = head(&mut world);
    let kept = format!("{}\n", serde_json::to_string(&head).unwrap());
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/registry/audit");
    for (name, text) in [("sealed.ndjson", &text), ("sealed.head.json", &kept)] {
        let path = format!("{folder}/{name}");
        if std::env::var_os("WRITE_AUDIT").is_some() {
            std::fs::write(&path, text).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), *text);
    }
    let checkpoint = head.checkpoint.as_ref().unwrap();
    assert_eq!((checkpoint.seq, head.count), (3, 7));
    let verified = verify_kept(text.lines(), checkpoint, Some(&head)).unwrap();
    assert_eq!(verified.count, 7);
    assert!(verify_head(&head, &world.keyring));
    assert!(verify_checkpoint(checkpoint, &world.keyring));
    let told = &world.audit()[2];
    assert_eq!(told["action"], "audit.sealed");
    assert_eq!(told["actor"], json!({"kind": "system"}));
    assert_eq!(
        told["after"],
        json!({"seq": 3, "hash": checkpoint.hash, "dropped": 3})
    );
}

#[test]
fn entries_go_once_they_and_all_before_them_are_old() {
    let mut world = acme();
    world.later(HOUR);
    world.key("a");
    world.later(RETENTION - HOUR - 1);
    // The first entry is a month old but for a millisecond.
    assert_eq!(keep(&world), world.now.plus(1));
    assert_eq!(first_kept(&mut world), 1);
    assert_eq!(head(&mut world).checkpoint, None);
    world.later(1);
    keep(&world);
    assert_eq!(first_kept(&mut world), 2);
    assert_eq!(checkpoint(&mut world).at, world.now);
    // The next is old within the hour, yet there is one seal a day, however often it is
    // looked at.
    let sealed = world.now;
    assert_eq!(keep(&world), sealed.plus(HOUR));
    for _ in 0..2 {
        world.later(HOUR);
        assert_eq!(keep(&world), sealed.plus(DAY));
    }
    assert_eq!(world.lines().len(), 2);
    // It stands in nobody's way for ever: the entry of a seal grows old too.
    world.later(RETENTION + DAY);
    keep(&world);
    let lines = world.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(first_kept(&mut world), 4);
    verify_kept(
        lines.iter().map(String::as_str),
        &checkpoint(&mut world),
        None,
    )
    .unwrap();
}

#[test]
fn nothing_goes_unless_the_operator_says_so() {
    let mut world = World::acme();
    world.key("a");
    world.later(4_000 * DAY);
    keep(&world);
    assert_eq!(world.lines().len(), 2);
}

/// A clock that was wrong once drops nothing too early.
#[test]
fn an_entry_of_a_wrong_clock_holds_up_those_after_it() {
    let mut world = acme();
    let right = world.now;
    world.now = right.plus(400 * DAY);
    world.key("of the future");
    world.now = right.plus(1);
    world.key("b");
    world.now = right.plus(RETENTION + DAY);
    keep(&world);
    assert_eq!(checkpoint(&mut world).seq, 1);
    assert_eq!(first_kept(&mut world), 2);
    world.later(10 * DAY);
    keep(&world);
    assert_eq!(first_kept(&mut world), 2);
}

#[test]
fn many_go_step_by_step_and_each_step_costs_the_same() {
    let mut world = acme();
    let id = world.key("a").id;
    while world.sql.count("audit") < 2 * AT_ONCE as i64 + 300 {
        let number = world.sql.count("audit");
        world.changed(patch(id, json!({"metadata": {"n": number}})));
    }
    world.settle();
    world.later(RETENTION);
    let mut costs = Vec::new();
    let mut left = Vec::new();
    for _ in 0..2 {
        let before = world.sql.steps();
        assert_eq!(keep(&world), world.now.plus(1_000));
        costs.push(world.sql.steps() - before);
        left.push(first_kept(&mut world));
        world.later(1_000);
    }
    // The rest is less than a batch, and waits for the next day.
    assert_eq!(keep(&world), checkpoint(&mut world).at.plus(DAY));
    assert_eq!(left, [AT_ONCE + 1, 2 * AT_ONCE + 1]);
    assert_eq!(first_kept(&mut world), 2 * AT_ONCE + 1);
    assert!(costs[1] <= costs[0] + costs[0] / 10, "{costs:?}");
    let before = world.sql.steps();
    keep(&world);
    assert!(world.sql.steps() - before < 500, "a look costs little");
    world.later(DAY);
    keep(&world);
    let lines = world.lines();
    assert_eq!(checkpoint(&mut world).seq, 2 * AT_ONCE + 300);
    assert_eq!(lines.len(), 3, "one entry for each seal");
    let head = head(&mut world);
    let lines = lines.iter().map(String::as_str);
    verify_kept(lines, head.checkpoint.as_ref().unwrap(), Some(&head)).unwrap();
}

/// Failing at any statement, a step leaves all as it was.
#[test]
fn nothing_goes_without_its_checkpoint() {
    let mut world = acme();
    world.key("a");
    let (lines, before) = (world.lines(), head(&mut world));
    world.later(RETENTION);
    for statements in 0..100 {
        world.sql.fail_after(statements);
        let failed = housekeeping(&world.sql, &world.keyring, &world.settings, world.now).is_err();
        world.sql.heal();
        if !failed {
            assert!(statements > 10, "{statements}");
            assert_eq!(checkpoint(&mut world).seq, 2);
            return;
        }
        if head(&mut world).checkpoint.is_none() {
            assert_eq!(world.lines(), lines, "{statements}");
            assert_eq!(head(&mut world), before);
        } else {
            // The step was done; what failed came after it.
            assert_eq!(first_kept(&mut world), 3);
            return;
        }
    }
    panic!("it never succeeded");
}

#[test]
fn who_asks_for_what_was_dropped_is_told() {
    let mut world = sealed();
    let ask = |world: &mut World, after: u64| {
        world.ask(Command::ListAudit(body(json!({"after": after}))))
    };
    for after in [1, 2] {
        let refusal = ask(&mut world, after).unwrap_err();
        assert!(
            matches!(&refusal, Refusal::InvalidRequest { field, detail }
                if field == "cursor" && detail.contains("up to 3")),
            "{refusal:?}"
        );
    }
    for after in [0, 3] {
        let Ok(Outcome::Audit(page)) = ask(&mut world, after) else {
            panic!()
        };
        assert_eq!(page.lines, world.lines());
    }
}

#[test]
fn whatever_is_done_to_a_sealed_audit_is_found() {
    let mut world = sealed();
    let lines = world.lines();
    let head = head(&mut world);
    let checkpoint = head.checkpoint.clone().unwrap();
    let reason = |lines: &[String], checkpoint: &AuditCheckpoint| {
        let lines = lines.iter().map(String::as_str);
        verify_kept(lines, checkpoint, Some(&head)).map_err(|broken| (broken.entry, broken.reason))
    };
    assert!(reason(&lines, &checkpoint).is_ok());
    // Every changed byte, in its entry.
    for (place, seq) in (0..lines.len()).zip(4_u64..) {
        for at in (0..lines[place].len()).filter(|at| lines[place].is_char_boundary(*at)) {
            let mut bytes = lines[place].clone().into_bytes();
            bytes[at] ^= 1;
            let Ok(changed) = String::from_utf8(bytes) else {
                continue;
            };
            let mut lines = lines.clone();
            lines[place] = changed;
            let broken = reason(&lines, &checkpoint).unwrap_err();
            assert_eq!(broken.0, seq, "byte {at}: {broken:?}");
        }
    }
    // Missing ones, the first after the checkpoint among them, and the end cut off.
    for missing in 0..lines.len() {
        let mut left = lines.clone();
        left.remove(missing);
        let broken = reason(&left, &checkpoint).unwrap_err();
        assert_eq!(broken.0, missing as u64 + 4, "{broken:?}");
    }
    let gap = reason(&lines[1..], &checkpoint).unwrap_err();
    assert_eq!(gap, (4, Reason::Sequence { found: 5 }));
    let mut swapped = lines.clone();
    swapped.swap(1, 2);
    assert_eq!(
        reason(&swapped, &checkpoint),
        Err((5, Reason::Sequence { found: 6 }))
    );
    // A checkpoint that was made up: without the signing key, and where the chain
    // does not know it.
    let forged = |change: &dyn Fn(&mut AuditCheckpoint)| {
        let mut forged = checkpoint.clone();
        change(&mut forged);
        forged
    };
    let other = organization("beta");
    for (forged, found) in [
        (
            forged(&|it| it.seq = 2),
            Err((3, Reason::Sequence { found: 4 })),
        ),
        (
            forged(&|it| it.hash = head.hash.clone()),
            Err((4, Reason::Previous)),
        ),
        (
            forged(&|it| it.organization = other.clone()),
            Err((7, Reason::Checkpoint)),
        ),
        (forged(&|it| it.at = Timestamp(0)), Ok(())),
        (forged(&|it| it.signature = head.signature.clone()), Ok(())),
    ] {
        assert!(!verify_checkpoint(&forged, &world.keyring), "{forged:?}");
        let reason = reason(&lines, &forged).map(|_| ());
        if forged.organization == other {
            assert!(reason.is_err());
        } else {
            assert_eq!(reason, found, "{forged:?}");
        }
    }
    // A later beginning, cut by hand: the chain does not tell of it.
    let entry: serde_json::Value = serde_json::from_str(&lines[2]).unwrap();
    let cut = AuditCheckpoint {
        seq: 6,
        hash: entry["hash"].as_str().unwrap().to_owned(),
        ..checkpoint.clone()
    };
    assert_eq!(
        reason(&lines[3..], &cut).unwrap_err(),
        (8, Reason::Unsealed)
    );
    // Nor is a signed head a checkpoint, though it names a number and a hash.
    let head_as_checkpoint = AuditCheckpoint {
        seq: head.count,
        hash: head.hash.clone(),
        signature: head.signature.clone(),
        ..checkpoint.clone()
    };
    assert!(!verify_checkpoint(&head_as_checkpoint, &world.keyring));
    let ring = r#"{"current":"2","keys":{"2":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}}"#;
    let elsewhere = Keyring::parse(Brand::KATALO, ring).unwrap();
    assert!(!verify_checkpoint(&checkpoint, &elsewhere));
}

/// Exports from before and after a seal are one chain, which passes the checkpoint.
#[test]
fn an_archive_goes_on_where_the_audit_was_cut() {
    let mut world = acme();
    world.key("a");
    let mut archive = world.lines();
    world.later(RETENTION + DAY);
    keep(&world);
    world.key("b");
    archive.extend(world.lines());
    let mut head = head(&mut world);
    let verify = |head: &AuditHead| {
        let lines = archive.iter().map(String::as_str);
        verify_export(lines, &world.organization, Some(head))
    };
    assert_eq!(verify(&head).unwrap().count, 4);
    head.checkpoint.as_mut().unwrap().hash = head.hash.clone();
    let broken = verify(&head).unwrap_err();
    assert_eq!((broken.entry, broken.reason), (2, Reason::Checkpoint));
}

#[test]
fn it_goes_with_its_organization() {
    let mut world = sealed();
    world.settings.retention_days = 30;
    world.changed(Command::DeleteOrganization(body(json!({}))));
    world.settle();
    let revision = katalo_keys::registry::revision(&world.sql).unwrap();
    katalo_keys::registry::deletion::mark_noted(&world.sql, revision).unwrap();
    world.later(31 * DAY);
    for _ in 0..4 {
        let _ = housekeeping(&world.sql, &world.keyring, &world.settings, world.now);
        world.settle();
        if let Ok(Some(order)) = katalo_keys::registry::directory::pending_order(&world.sql) {
            katalo_keys::registry::directory::mark_told(&world.sql, &order).unwrap();
        }
    }
    assert_eq!(world.sql.count("audit_checkpoint"), 0);
    world.put(json!({"name": "Acme"}));
    assert_eq!(first_kept(&mut world), 1);
    assert_eq!(head(&mut world).checkpoint, None);
}
