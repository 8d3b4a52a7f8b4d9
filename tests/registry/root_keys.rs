//! The rehearsal of a new root key, as docs/operations.md tells it: an entry is
//! added, made current, and the old one taken out.

use katalo_keys::key::{Brand, Keyring, Unreadable};
use katalo_keys::registry::message::{Command, Outcome, Refusal, SessionToken};

use crate::notes::status;
use crate::world::{World, admin_of, body, issue, keyring};
use serde_json::json;

const OLD: &str = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";
const NEW: &str = "QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8=";

fn ring(current: &str, entries: &[(&str, &str)]) -> Keyring {
    let keys: serde_json::Map<String, serde_json::Value> = entries
        .iter()
        .map(|(name, key)| ((*name).to_owned(), json!(key)))
        .collect();
    let text = json!({"current": current, "keys": keys}).to_string();
    Keyring::parse(Brand::KATALO, &text).unwrap()
}

fn before() -> Keyring {
    ring("2", &[("2", OLD)])
}

fn both() -> Keyring {
    ring("3", &[("2", OLD), ("3", NEW)])
}

fn after() -> Keyring {
    ring("3", &[("3", NEW)])
}

fn presented(world: &mut World, name: &str) -> String {
    let order = json!({"name": name, "environment": "live", "scopes": ["read"]});
    let secret = world.issued(issue(order)).secret;
    serde_json::from_value(json!(secret)).unwrap()
}

#[test]
fn old_keys_go_on_new_ones_are_under_the_new_entry_and_a_removed_entry_ends_its_own() {
    let mut world = World::acme();
    world.keyring = before();
    let old = presented(&mut world, "old");
    world.keyring = both();
    let new = presented(&mut world, "new");
    assert_eq!(status(&mut world, 90).keys_per_ring_entry, {
        let counts = [("2".to_owned(), 1), ("3".to_owned(), 1)];
        counts.into()
    });
    for key in [&old, &new] {
        let read = both().read(key).ok().unwrap();
        let digest = both().digest(&read).unwrap();
        let record = world.records(read.id().public).key.unwrap();
        assert!(record.digest.matches(&digest));
    }
    // Refused before any look-up.
    assert_eq!(after().read(&old).err(), Some(Unreadable::Forged));
    assert!(after().read(&new).is_ok());
    // An entry of the same name with another root key is another entry.
    let reused = ring("2", &[("2", NEW)]);
    assert_eq!(reused.read(&old).err(), Some(Unreadable::Forged));
}

#[test]
fn a_rotated_key_moves_to_the_new_entry() {
    let mut world = World::acme();
    world.keyring = before();
    let old = world.key("a");
    world.keyring = both();
    let successor = world.issued(crate::world::rotate(old.id, 0)).key;
    assert_eq!(successor.id.public.ring(), b'3');
    world.settle();
    assert_eq!(
        status(&mut world, 90).keys_per_ring_entry,
        [("3".to_owned(), 1)].into(),
        "no key is left on the old one"
    );
}

#[test]
fn seals_move_with_the_current_entry() {
    let sealed = before().seal("key/x", "{}").unwrap();
    assert_eq!(both().open("key/x", &sealed), Some("{}"));
    assert!(!both().is_sealed_by_current(&sealed));
    let again = both().seal("key/x", "{}").unwrap();
    assert!(both().is_sealed_by_current(&again));
    assert_eq!(after().open("key/x", &again), Some("{}"));
    assert_eq!(after().open("key/x", &sealed), None);
}

#[test]
fn a_session_outlives_the_change_and_ends_with_its_entry() {
    let (mut world, first) = World::platform();
    world.actor = admin_of(&first);
    world.keyring = ring("2", &[("2", OLD)]);
    let (token, csrf) = match world.ask(Command::OpenSession {}) {
        Ok(Outcome::Session(session)) => (session.token.unwrap(), session.csrf_token),
        other => panic!("{other:?}"),
    };
    let text = token.expose().to_owned();
    let mut read = |keyring: Keyring| {
        world.keyring = keyring;
        let token = SessionToken::try_from(text.clone()).unwrap();
        let system = katalo_keys::registry::message::Actor::System;
        world.ask_as(system, Command::ReadSession { token })
    };
    match read(both()) {
        Ok(Outcome::Session(session)) => assert_eq!(session.csrf_token, csrf, "pages go on"),
        other => panic!("{other:?}"),
    }
    assert_eq!(read(after()).unwrap_err(), Refusal::NoSession);
    // Signing out works on the way, too.
    let closed = {
        world.keyring = both();
        let token = SessionToken::try_from(text.clone()).unwrap();
        let system = katalo_keys::registry::message::Actor::System;
        world.ask_as(system, Command::CloseSession { token })
    };
    assert!(matches!(closed, Ok(Outcome::Done {})));
    assert_eq!(world.sql.count("sessions"), 0);
}

/// What an organization exported stands alone: with the same root keys its keys
/// are verified elsewhere, and what was revoked stays so.
#[test]
fn an_organization_restored_from_its_export_verifies_the_same_keys() {
    let mut world = World::acme();
    world.settings.transfer = true;
    let kept = presented(&mut world, "kept");
    let gone = world.key("gone");
    world.changed(crate::world::revoke(gone.id, "key_compromise"));
    let limit = 200.try_into().unwrap();
    let lines = match world.ask(Command::Export {
        cursor: None,
        limit,
    }) {
        Ok(Outcome::Export(page)) => serde_json::to_value(page.items).unwrap(),
        other => panic!("{other:?}"),
    };
    let mut restored = World::acme();
    restored.settings.transfer = true;
    restored.changed(Command::Import(body(json!({"keys": lines}))));
    let read = keyring().read(&kept).ok().unwrap();
    let digest = keyring().digest(&read).unwrap();
    let record = restored.records(read.id().public).key.unwrap();
    assert!(record.digest.matches(&digest) && !record.revoked);
    assert!(restored.records(gone.id.public).key.unwrap().revoked);
}
