//! The Durable Objects. Each file opens with its atomicity argument.

mod alarm;
pub(super) mod change_log;
mod directory;
mod registry;
mod relay;
mod sql;
