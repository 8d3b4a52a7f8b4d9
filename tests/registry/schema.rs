//! Tables of an earlier and of a later version.

use katalo_keys::registry::message::KeyView;
use katalo_keys::registry::{self, migrate};
use katalo_keys::sql::Sql as _;

use crate::sqlite::Sqlite;
use crate::world::World;

/// What the second version of the tables brought.
const SECOND: [&str; 5] = ["sessions", "preflights", "deletions", "usage", "batches"];

/// The columns that the third brought.
const THIRD: [(&str, &str); 4] = [
    ("organization", "leak_policy"),
    ("keys", "restriction"),
    ("keys", "leaked_at"),
    ("keys", "leak_url"),
];

/// The table that the fourth brought.
const FOURTH: &str = "audit_checkpoint";

/// The columns that the fifth brought.
const FIFTH: [(&str, &str); 4] = [
    ("organization", "limits"),
    ("keys", "limits"),
    ("organization", "updated_at"),
    ("keys", "updated_at"),
];

#[test]
fn tables_of_the_first_version_are_brought_up_to_date() {
    let mut world = World::acme();
    let key = world.key("a");
    let lines = world.lines();
    for table in SECOND.into_iter().chain([FOURTH]) {
        world
            .sql
            .query(&format!("DROP TABLE {table}"), &[])
            .unwrap();
    }
    for (table, column) in THIRD {
        let drop = format!("ALTER TABLE {table} DROP COLUMN {column}");
        world.sql.query(&drop, &[]).unwrap();
    }
    for (table, column) in FIFTH {
        let drop = format!("ALTER TABLE {table} DROP COLUMN {column}");
        world.sql.query(&drop, &[]).unwrap();
    }
    world.sql.query("DROP INDEX keys_tied", &[]).unwrap();
    let first = "UPDATE meta SET value = 1 WHERE name = 'schema'";
    world.sql.query(first, &[]).unwrap();
    // Failing half-way, it changes nothing.
    for statements in 3..8 {
        world.sql.fail_after(statements);
        assert!(migrate(&world.sql).is_err());
        world.sql.heal();
        assert!(world.sql.query("SELECT * FROM sessions", &[]).is_err());
    }
    for _ in 0..2 {
        migrate(&world.sql).unwrap();
        for table in SECOND.into_iter().chain([FOURTH]) {
            assert_eq!(world.sql.count(table), 0);
        }
    }
    // When it last changed nobody knows any more.
    let unknown = KeyView {
        updated_at: None,
        ..key.clone()
    };
    assert_eq!(world.get(key.id), unknown);
    assert_eq!(world.lines(), lines);
}

#[test]
fn tables_of_a_later_version_are_left_alone() {
    let sql = Sqlite::in_memory();
    migrate(&sql).unwrap();
    let later = "UPDATE meta SET value = 6 WHERE name = 'schema'";
    sql.query(later, &[]).unwrap();
    let error = migrate(&sql).unwrap_err();
    assert!(error.to_string().contains("unknown version 6"), "{error}");
    assert!(registry::exists(&sql).unwrap());
}
