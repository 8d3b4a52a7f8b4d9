//! The registry on a real SQLite, through its one entry.
#![allow(unreachable_pub, reason = "one binary of many modules")]

#[path = "../support/sqlite.rs"]
mod sqlite;
mod world;

mod admins;
mod lifecycle;
mod notes;
mod outbox;
mod sessions;
mod usage;
