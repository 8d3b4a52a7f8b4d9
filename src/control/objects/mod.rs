//! The Durable Objects. Each file opens with its atomicity argument.

mod alarm;
pub(crate) mod change_log;
pub(crate) mod directory;
mod registry;
mod relay;
mod sql;
