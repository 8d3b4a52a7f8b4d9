//! Counts, last use, and what a revocation would hit.

use katalo_keys::key::{KeyId, PublicKeyId, Scope};
use katalo_keys::registry::housekeeping;
use katalo_keys::registry::message::{
    Actor, Command, Impact, ListUsage, Outcome, Page, Refusal, Span, UsageCount, UsageRow,
};
use katalo_keys::time::Timestamp;

use crate::world::{DAY, HOUR, SECOND, START, World, rotate};

pub fn count(
    key: PublicKeyId,
    scope: &str,
    outcome: &str,
    count: u64,
    at: Timestamp,
) -> UsageCount {
    UsageCount {
        key,
        scope: Scope::parse(scope),
        outcome: outcome.to_owned(),
        count,
        last_at: at,
    }
}

fn send(world: &mut World, batch: &str, rows: Vec<UsageCount>) {
    let batch = batch.to_owned();
    let reply = world.ask_as(Actor::System, Command::CountUsage { batch, rows });
    assert!(matches!(reply, Ok(Outcome::Done {})), "{reply:?}");
}

fn asked(from: u64, to: u64, by: Span) -> ListUsage {
    ListUsage {
        from: Timestamp(from),
        to: Timestamp(to),
        by,
        key: None,
        cursor: None,
        limit: 200.try_into().unwrap(),
    }
}

fn page(world: &mut World, asked: ListUsage) -> Page<UsageRow> {
    match world.ask(Command::ListUsage(asked)) {
        Ok(Outcome::Usage(page)) => page,
        other => panic!("{other:?}"),
    }
}

/// In pages of `limit`, put together.
fn all(world: &mut World, mut asked: ListUsage, limit: u64) -> Vec<UsageRow> {
    asked.limit = limit.try_into().unwrap();
    let mut rows = Vec::new();
    loop {
        let page = page(world, asked.clone());
        assert!(page.items.len() as u64 <= limit);
        rows.extend(page.items);
        asked.cursor = page.next_cursor;
        if asked.cursor.is_none() {
            return rows;
        }
    }
}

fn impact(world: &mut World, id: KeyId) -> Impact {
    match world.ask(Command::Impact { id }) {
        Ok(Outcome::Impact(impact)) => impact,
        other => panic!("{other:?}"),
    }
}

const FOR_EVER: u64 = 1 << 50;

#[test]
fn a_batch_sent_twice_counts_once() {
    let mut world = World::acme();
    let a = world.key("a").id;
    let at = world.now;
    for _ in 0..2 {
        send(
            &mut world,
            "b1",
            vec![count(a.public, "read", "allowed", 3, at)],
        );
    }
    send(
        &mut world,
        "b2",
        vec![count(a.public, "read", "allowed", 4, at)],
    );
    let rows = page(&mut world, asked(0, FOR_EVER, Span::Hour)).items;
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].count, rows[0].start, rows[0].key), (7, START, a));
    assert_eq!(rows[0].scope.as_deref(), Some("read"));
    world.later(HOUR);
    send(&mut world, "b3", vec![]);
    assert_eq!(world.sql.count("batches"), 1, "ids are forgotten");
}

#[test]
fn strange_counts_do_no_harm() {
    let mut world = World::acme();
    let a = world.key("a").id;
    let unknown = World::platform().1.id.public;
    let now = world.now;
    let rows = vec![
        count(unknown, "read", "allowed", 1, now),
        count(a.public, "read", "allowed", 0, now),
        count(a.public, "read", "allowed", 2, now.plus(DAY)),
        count(a.public, "", "allowed", u64::MAX, Timestamp(0)),
        count(a.public, "", "revoked_key", u64::MAX, now),
    ];
    send(&mut world, "b1", rows);
    let rows = page(&mut world, asked(0, FOR_EVER, Span::Hour)).items;
    let counts: Vec<_> = rows.iter().map(|row| (row.count, row.start)).collect();
    assert_eq!(counts, [(1_000_000_000, START), (2, START)]);
    assert_eq!(rows[0].scope, None);
    assert_eq!(world.get(a).last_used_at, Some(now));
    // No key fills the table.
    let many = (0..300).map(|n| count(a.public, &format!("s{n}"), "allowed", 1, now));
    send(&mut world, "b2", many.collect());
    let rows = all(&mut world, asked(0, FOR_EVER, Span::Hour), 200);
    assert_eq!(rows.len(), 65);
    let total: u64 = rows.iter().map(|row| row.count).sum();
    assert_eq!(total, 1_000_000_302);
    for (batch, rows) in [
        ("", vec![]),
        ("a b", vec![]),
        ("b", vec![count(a.public, "read", "<b>", 1, now)]),
        ("b", vec![count(a.public, "read", "allowed", 1, now); 2_001]),
    ] {
        let batch = batch.to_owned();
        let reply = world.ask_as(Actor::System, Command::CountUsage { batch, rows });
        assert!(matches!(reply, Err(Refusal::InvalidRequest { .. })));
    }
    let mut bad = asked(0, 1, Span::Hour);
    bad.cursor = Some("x".to_owned());
    let refusal = world.refused(Command::ListUsage(bad));
    assert!(matches!(refusal, Refusal::InvalidRequest { field, .. } if field == "cursor"));
}

#[test]
fn last_use_moves_forward_only() {
    let mut world = World::acme();
    let a = world.key("a").id;
    world.later(HOUR);
    let now = world.now;
    let used = |world: &mut World, batch: &str, outcome: &str, at: Timestamp| {
        send(world, batch, vec![count(a.public, "read", outcome, 1, at)]);
        world.get(a).last_used_at
    };
    assert_eq!(used(&mut world, "1", "insufficient_scope", now), None);
    assert_eq!(used(&mut world, "2", "allowed", now), Some(now));
    let earlier = Timestamp(now.0 - SECOND);
    assert_eq!(used(&mut world, "3", "allowed", earlier), Some(now));
    world.changed(crate::world::disable(a));
    assert_eq!(world.get(a).last_used_at, Some(now));
}

#[test]
fn hours_become_days_and_days_go() {
    let mut world = World::acme();
    let (a, b) = (world.key("a").id, world.key("b").id);
    let first = world.now;
    let mut batch = 0;
    for _ in 0..10 {
        for hour in [0, 1, 5] {
            let at = world.now.plus(hour * HOUR);
            let rows = vec![
                count(a.public, "read", "allowed", 2, at),
                count(a.public, "read", "expired_key", 1, at),
                count(b.public, "", "allowed", 1, at),
            ];
            batch += 1;
            let now = world.now;
            world.now = at;
            send(&mut world, &format!("b{batch}"), rows);
            world.now = now;
        }
        world.later(DAY);
    }
    let days = all(&mut world, asked(0, FOR_EVER, Span::Day), 200);
    assert_eq!(days.len(), 30);
    assert_eq!(days[0].count, 6);
    for limit in [1, 2, 7, 30] {
        assert_eq!(all(&mut world, asked(0, FOR_EVER, Span::Day), limit), days);
        let hours = all(&mut world, asked(0, FOR_EVER, Span::Hour), limit);
        assert_eq!(hours.len(), 90);
    }
    let mut of_a = asked(first.0 + DAY, first.0 + 3 * DAY, Span::Day);
    of_a.key = Some(a.public);
    let expected: Vec<_> = days
        .iter()
        .filter(|row| row.key == a && (first.plus(DAY)..first.plus(3 * DAY)).contains(&row.start))
        .cloned()
        .collect();
    assert_eq!(expected.len(), 4);
    for limit in [1, 3, 9] {
        assert_eq!(all(&mut world, of_a.clone(), limit), expected);
        let mut hours = of_a.clone();
        hours.by = Span::Hour;
        assert_eq!(all(&mut world, hours, limit).len(), 12);
    }
    // Five days are past their 90th; their hours become days, which list as before.
    world.now = first.plus(95 * DAY);
    assert!(
        housekeeping(&world.sql, &world.keyring, &world.settings, world.now).unwrap()
            > Some(world.now)
    );
    assert_eq!(world.sql.count("usage"), 5 * 9 + 5 * 3);
    assert_eq!(all(&mut world, asked(0, FOR_EVER, Span::Day), 7), days);
    assert_eq!(all(&mut world, asked(0, FOR_EVER, Span::Hour), 7).len(), 45);
    // A late count goes straight to its day.
    let late = count(a.public, "read", "allowed", 10, first);
    send(&mut world, "late", vec![late]);
    let later = all(&mut world, asked(0, FOR_EVER, Span::Day), 200);
    assert_eq!((later.len(), later[0].count), (30, 16));
    world.now = first.plus(405 * DAY);
    housekeeping(&world.sql, &world.keyring, &world.settings, world.now).unwrap();
    assert_eq!(world.sql.count("usage"), 15);
    world.now = first.plus(500 * DAY);
    housekeeping(&world.sql, &world.keyring, &world.settings, world.now).unwrap();
    assert_eq!(world.sql.count("usage"), 0);
}

#[test]
fn the_impact_of_a_revocation_is_known_before() {
    let mut world = World::acme();
    let a = world.key("a").id;
    world.later(60 * DAY);
    let now = world.now;
    let ago = |span: u64| Timestamp(now.0 - span);
    let rows = vec![
        count(a.public, "read", "allowed", 1, now),
        count(a.public, "create", "allowed", 2, ago(HOUR)),
        count(a.public, "read", "allowed", 4, ago(20 * HOUR)),
        count(a.public, "", "allowed", 8, ago(29 * DAY)),
        count(a.public, "read", "allowed", 16, ago(31 * DAY)),
        count(a.public, "read", "expired_key", 32, now),
    ];
    send(&mut world, "b1", rows);
    let hit = impact(&mut world, a);
    let requests = [&hit.last_hour, &hit.last_day, &hit.last_30_days].map(|used| used.requests);
    assert_eq!(requests, [3, 7, 15]);
    assert_eq!(hit.last_day.by_scope["read"], 5);
    assert_eq!(hit.last_30_days.by_scope[""], 8);
    assert_eq!((hit.last_used_at, hit.successor), (Some(now), None));
    let b = world.issued(rotate(a, 3600)).key.id;
    let successor = impact(&mut world, a).successor.unwrap();
    assert_eq!((successor.id, successor.in_use), (b, false));
    send(
        &mut world,
        "b2",
        vec![count(b.public, "read", "allowed", 1, now)],
    );
    let successor = impact(&mut world, a).successor.unwrap();
    assert_eq!(
        (successor.in_use, successor.last_used_at),
        (true, Some(now))
    );
}
