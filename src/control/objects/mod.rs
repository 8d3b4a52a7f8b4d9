//! The Durable Objects. The file of each object opens with its atomicity argument.

mod alarm;
mod answer;
pub(crate) mod change_log;
pub(crate) mod directory;
mod registry;
mod relay;
mod sql;

/// The one directory's name.
pub(crate) const DIRECTORY: &str = "directory";
