//! The dashboard's sessions.

use katalo_keys::key::KeyId;
use katalo_keys::registry::message::{
    Actor, Command, KeyView, Outcome, Refusal, Reply, Session, SessionToken,
};
use serde_json::json;

use crate::world::{
    HOUR, SECOND, WAIT, World, admin_of, disable, enable, issue, patch, revoke, rotate,
};

fn session(reply: Reply) -> Session {
    match reply {
        Ok(Outcome::Session(session)) => *session,
        other => panic!("{other:?}"),
    }
}

fn open(world: &mut World, key: &KeyView) -> (SessionToken, Session) {
    let mut opened = session(world.ask_as(admin_of(key), Command::OpenSession {}));
    (opened.token.take().unwrap(), opened)
}

fn read(world: &mut World, token: &SessionToken) -> Reply {
    let token = token.clone();
    world.ask_as(Actor::System, Command::ReadSession { token })
}

fn is_over(world: &mut World, token: &SessionToken) -> bool {
    match read(world, token) {
        Ok(_) => false,
        Err(refusal) => {
            assert_eq!(refusal, Refusal::NoSession);
            true
        }
    }
}

fn second(world: &mut World) -> KeyView {
    let order = json!({"name": "Second", "environment": "admin", "scopes": ["keys:read"]});
    world.issued(issue(order)).key
}

#[test]
fn a_session_lasts_an_hour_and_is_no_secret_here() {
    let (mut world, first) = World::platform();
    let revision = first.revision;
    let (token, opened) = open(&mut world, &first);
    assert_eq!(opened.id, first.id);
    assert_eq!(opened.expires_at, world.now.plus(HOUR));
    let again = session(read(&mut world, &token));
    assert_eq!(again.csrf_token, opened.csrf_token);
    assert!(again.token.is_none(), "shown once");
    assert_eq!(again.record.name, first.name);
    let (other, of_other) = open(&mut world, &first);
    assert_ne!(other.expose(), token.expose());
    assert_ne!(of_other.csrf_token, opened.csrf_token);
    let stored = world.sql.dump();
    for secret in [token.expose(), &opened.csrf_token] {
        assert!(!stored.contains(secret));
    }
    assert!(!format!("{opened:?} {token:?}").contains(token.expose()));
    assert_eq!(world.get(first.id).revision, revision);
    let entries = world.audit();
    assert_eq!(entries.last().unwrap()["action"], "session.open");
    assert_eq!(entries.last().unwrap()["subject"]["id"], json!(first.id));
    world.later(HOUR - 1);
    assert!(!is_over(&mut world, &token));
    world.later(1);
    assert!(is_over(&mut world, &token));
}

#[test]
fn it_ends_with_its_key_and_comes_back_with_it() {
    type Way = fn(KeyId) -> Command;
    let ways: [Way; 4] = [
        |id| revoke(id, "unspecified"),
        disable,
        |id| patch(id, json!({"expires_at": "2026-11-24T00:00:01Z"})),
        |id| rotate(id, 1),
    ];
    for way in ways {
        let (mut world, _) = World::platform();
        let key = second(&mut world);
        let (token, _) = open(&mut world, &key);
        world.changed_key(patch(
            key.id,
            json!({"scopes": ["keys:read", "audit:read"]}),
        ));
        assert!(
            session(read(&mut world, &token))
                .record
                .scopes
                .contains("audit:read"),
            "the key as it stands now"
        );
        world.changed(way(key.id));
        world.later(SECOND + WAIT);
        assert!(is_over(&mut world, &token));
        let refused = world.ask_as(admin_of(&key), Command::OpenSession {});
        assert_eq!(refused.unwrap_err(), Refusal::NoSession);
    }
    let (mut world, _) = World::platform();
    let key = second(&mut world);
    let (token, _) = open(&mut world, &key);
    world.changed(disable(key.id));
    assert!(is_over(&mut world, &token));
    world.changed(enable(key.id));
    assert!(!is_over(&mut world, &token), "a pause is no end");
}

#[test]
fn it_is_closed_for_good() {
    let (mut world, first) = World::platform();
    let (token, _) = open(&mut world, &first);
    let (kept, _) = open(&mut world, &first);
    for _ in 0..2 {
        let token = token.clone();
        let closed = world.ask_as(Actor::System, Command::CloseSession { token });
        assert!(matches!(closed, Ok(Outcome::Done {})));
    }
    assert!(is_over(&mut world, &token));
    assert!(!is_over(&mut world, &kept));
    let closes = |entry: &&serde_json::Value| entry["action"] == "session.close";
    assert_eq!(world.audit().iter().filter(closes).count(), 1);
}

#[test]
fn their_number_is_bounded() {
    let (mut world, first) = World::platform();
    let other = second(&mut world);
    let (of_other, _) = open(&mut world, &other);
    let mut tokens = Vec::new();
    for _ in 0..12 {
        tokens.push(open(&mut world, &first).0);
        world.later(1);
    }
    let over: Vec<_> = tokens
        .iter()
        .map(|token| is_over(&mut world, token))
        .collect();
    assert_eq!(over.iter().filter(|over| **over).count(), 2);
    assert!(over[0] && over[1], "the oldest go");
    assert!(!is_over(&mut world, &of_other));
    world.later(HOUR);
    open(&mut world, &first);
    assert_eq!(world.sql.count("sessions"), 1, "those that are over go");
}

#[test]
fn only_keys_open_them_and_only_in_platform() {
    let (mut world, first) = World::platform();
    let (token, _) = open(&mut world, &first);
    let Actor::Key(admin) = admin_of(&first) else {
        panic!()
    };
    for actor in [Actor::Session(admin), Actor::System, Actor::Bootstrap] {
        let refused = world.ask_as(actor, Command::OpenSession {});
        assert_eq!(refused.unwrap_err(), Refusal::NotFound);
    }
    let shown = token.clone();
    let refused = world.ask_as(admin_of(&first), Command::ReadSession { token: shown });
    assert_eq!(refused.unwrap_err(), Refusal::NotFound, "not for admins");
    let mut acme = World::acme();
    for reply in [
        acme.ask(Command::OpenSession {}),
        acme.ask_as(
            Actor::System,
            Command::ReadSession {
                token: token.clone(),
            },
        ),
        acme.ask_as(Actor::System, Command::CloseSession { token }),
    ] {
        assert_eq!(reply.unwrap_err(), Refusal::NotFound);
    }
}
