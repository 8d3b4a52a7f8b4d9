//! The registry on a real SQLite, through its one entry.

#[path = "../support/sqlite.rs"]
mod sqlite;
mod world;

mod admins;
mod lifecycle;
mod outbox;
