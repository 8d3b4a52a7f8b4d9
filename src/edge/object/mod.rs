//! The Durable Objects. Each file opens with its atomicity argument.

mod alarm;
pub(super) mod change_log;
pub(super) mod directory;
mod registry;
mod relay;
mod sql;
