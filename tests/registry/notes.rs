//! What browsers, strangers and holders tell.

use katalo_keys::key::KeyId;
use katalo_keys::registry::message::{
    Actor, Command, Object, Outcome, PreflightCount, Refusal, Status,
};
use serde_json::{Value, json};

use crate::world::{DAY, HOUR, SECOND, World, changed, disable, revoke};

pub fn of_action(world: &mut World, action: &str) -> Vec<Value> {
    let mut entries = world.audit();
    entries.retain(|entry| entry["action"] == action);
    entries
}

pub fn status(world: &mut World, unused_for_days: u32) -> Status {
    match world.ask_as(Actor::System, Command::Status { unused_for_days }) {
        Ok(Outcome::Status(status)) => status,
        other => panic!("{other:?}"),
    }
}

pub fn done(world: &mut World, command: Command) {
    let reply = world.ask_as(Actor::System, command);
    assert!(matches!(reply, Ok(Outcome::Done {})), "{reply:?}");
}

#[test]
fn an_exposed_key_is_marked_at_most_once_a_minute() {
    let mut world = World::acme();
    let key = world.key("a");
    world.settle();
    let show = |world: &mut World, origin: &str| {
        let origin = origin.to_owned();
        let key = key.id.public;
        done(world, Command::MarkExposed { key, origin });
    };
    show(&mut world, "https://shop.example");
    let marked = world.get(key.id);
    assert_eq!(marked.exposed_at, Some(world.now));
    assert_eq!(
        marked.exposed_origin.as_deref(),
        Some("https://shop.example")
    );
    assert_eq!(marked.revision, key.revision, "no change");
    assert!(marked.enforced);
    let first = world.now;
    world.later(60 * SECOND - 1);
    show(&mut world, "https://other.example");
    assert_eq!(world.get(key.id).exposed_at, Some(first));
    world.later(1);
    show(&mut world, "<script>\"æ' \u{202e}");
    assert_eq!(
        world.get(key.id).exposed_origin.as_deref(),
        Some("?script??????")
    );
    world.later(60 * SECOND);
    show(&mut world, &"-".repeat(100_000));
    assert_eq!(world.get(key.id).exposed_origin.unwrap().len(), 256);
    world.later(60 * SECOND);
    show(&mut world, "");
    assert_eq!(world.get(key.id).exposed_origin, None);
    // A secret that somebody sent as an origin: before the text is cut, too.
    world.later(60 * SECOND);
    let secret = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklm";
    show(
        &mut world,
        &format!("{}.{}.{secret}", "x".repeat(30), key.id),
    );
    assert_eq!(
        world.get(key.id).exposed_origin,
        Some(format!("{}.{}.[secret]", "x".repeat(30), key.id))
    );
    world.later(60 * SECOND);
    show(
        &mut world,
        &format!("{}.{}.{secret}", "x".repeat(30), "-".repeat(200)),
    );
    assert!(!world.sql.dump().contains(&secret[10..24]));
    assert_eq!(of_action(&mut world, "key.exposed").len(), 6);
    assert_eq!(status(&mut world, 90).exposed_keys, 1);
    let unknown = World::platform().1.id.public;
    let reply = world.ask_as(
        Actor::System,
        Command::MarkExposed {
            key: unknown,
            origin: String::new(),
        },
    );
    assert_eq!(reply.unwrap_err(), Refusal::NotFound);
}

/// Whoever shows a key all day long adds a bounded number of entries, hides no other
/// key, and what was left out is told.
#[test]
fn a_flood_of_exposures_is_bounded_and_what_it_left_out_is_told() {
    let mut world = World::acme();
    let (a, b) = (world.key("a").id, world.key("b").id);
    world.settle();
    let show = |world: &mut World, id: KeyId| {
        let (key, origin) = (id.public, "https://shop.example".to_owned());
        done(world, Command::MarkExposed { key, origin });
    };
    let keep = |world: &World| {
        katalo_keys::registry::housekeeping(&world.sql, &world.keyring, &world.settings, world.now)
            .unwrap();
    };
    let on_record = |world: &mut World, id: KeyId| {
        let mut entries = of_action(world, "key.exposed");
        entries.retain(|entry| entry["subject"]["id"] == json!(id));
        entries.len()
    };
    let minutes = DAY / (60 * SECOND);
    for minute in 0..minutes {
        show(&mut world, a);
        if minute == 1_000 {
            show(&mut world, b);
        }
        assert_eq!(world.get(a).exposed_at, Some(world.now));
        keep(&world);
        world.later(60 * SECOND);
    }
    assert_eq!(on_record(&mut world, a), 101);
    assert_eq!(on_record(&mut world, b), 1);
    let told = |world: &mut World| {
        let entries = of_action(world, "key.exposures_suppressed");
        let told = entries.iter().map(|entry| entry["after"].clone());
        told.collect::<Vec<_>>()
    };
    // The day is over: told by the housekeeping, once.
    let first = json!({"count": minutes - 101, "day": "2026-11-24T00:00:00.000Z"});
    assert_eq!(told(&mut world), Vec::<Value>::new());
    for _ in 0..2 {
        keep(&world);
        assert_eq!(told(&mut world), std::slice::from_ref(&first));
    }
    // Or by the next mark, of which there is room again.
    for _ in 0..102 {
        show(&mut world, a);
        world.later(60 * SECOND);
    }
    assert_eq!(on_record(&mut world, a), 201);
    world.later(2 * DAY);
    show(&mut world, b);
    assert_eq!(on_record(&mut world, b), 2);
    let second = json!({"count": 2, "day": "2026-11-25T00:00:00.000Z"});
    assert_eq!(told(&mut world), [first, second]);
}

#[test]
fn preflights_are_counted_for_a_bounded_number_of_origins() {
    let (mut world, _) = World::platform();
    let counted = |origin: &str| PreflightCount {
        origin: origin.to_owned(),
        count: 1,
    };
    let note = |world: &mut World, preflights: Vec<PreflightCount>| {
        done(world, Command::NotePreflights { preflights });
    };
    note(&mut world, vec![counted("https://shop.example"); 2]);
    // One of an older edge.
    let origin = "https://shop.example".to_owned();
    done(&mut world, Command::NotePreflight { origin, count: 1 });
    for tens in 0..50 {
        world.later(1);
        let ten = (0..10).map(|place| counted(&format!("https://{tens}{place}.example")));
        note(&mut world, ten.collect());
    }
    let command = Command::NotePreflights {
        preflights: vec![counted("https://shop.example"); 101],
    };
    assert!(world.ask_as(Actor::System, command).is_err());
    let seen = status(&mut world, 90).preflights;
    assert_eq!(seen.len(), 100);
    assert_eq!(seen[0].origin, "https://shop.example");
    assert_eq!(seen[0].count, 3);
    assert_eq!(seen[1].origin, "https://490.example");
    world.later(31 * DAY);
    katalo_keys::registry::housekeeping(&world.sql, &world.keyring, &world.settings, world.now)
        .unwrap();
    assert_eq!(status(&mut world, 90).preflights, []);
    let mut acme = World::acme();
    let origin = String::new();
    let elsewhere = acme.ask_as(Actor::System, Command::NotePreflight { origin, count: 1 });
    assert_eq!(elsewhere.unwrap_err(), Refusal::NotFound);
}

#[test]
fn whoever_holds_a_key_can_end_it_and_no_other() {
    let mut world = World::acme();
    let (a, b) = (world.key("a"), world.key("b"));
    let holder = Actor::Holder { id: a.id };
    let ends = |world: &mut World| {
        let key = a.id.public;
        changed(world.ask_as(holder.clone(), Command::RevokeSelf { key }))
    };
    let first = ends(&mut world);
    assert_eq!(first.awaits.len(), 1);
    world.settle();
    world.later(HOUR);
    let again = ends(&mut world);
    assert!(again.enforced());
    let (Object::Key(first), Object::Key(again)) = (first.object, again.object) else {
        panic!()
    };
    assert_eq!(first.revoked_at, again.revoked_at);
    assert_eq!(first.revision, again.revision);
    let entries = of_action(&mut world, "key.revoke");
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["actor"], json!({"kind": "holder", "id": a.id}));
    for (actor, id) in [
        (holder, b.id),
        (Actor::System, b.id),
        (world.actor.clone(), b.id),
    ] {
        let key = id.public;
        let refused = world.ask_as(actor, Command::RevokeSelf { key });
        assert_eq!(refused.unwrap_err(), Refusal::NotFound);
    }
    // The last admin too.
    let (mut platform, first) = World::platform();
    let holder = Actor::Holder { id: first.id };
    let key = first.id.public;
    changed(platform.ask_as(holder, Command::RevokeSelf { key }));
    assert_eq!(
        platform.ask(revoke(first.id, "unspecified")).map(|_| ()),
        Ok(())
    );
}

#[test]
fn the_status_counts_what_could_still_open_something() {
    let mut world = World::acme();
    let before = world.key("a");
    world.later(40 * DAY);
    let (paused, dead) = (world.key("b"), world.key("c"));
    world.settle();
    world.changed(disable(paused.id));
    world.changed(revoke(dead.id, "unspecified"));
    let now = status(&mut world, 30);
    assert_eq!(now.keys_per_ring_entry, [("2".to_owned(), 2)].into());
    assert_eq!(now.unused_keys, 1);
    assert_eq!((now.outbox.appends, now.outbox.publications), (2, 2));
    assert_eq!(now.revision, 6);
    assert_eq!(world.get(before.id).state.as_str(), "active");
}
