//! What the targets share.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "an entry that panics has found something")]

pub mod entries;
#[path = "../tests/support/sqlite.rs"]
mod sqlite;
