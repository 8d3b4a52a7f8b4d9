//! The operator's settings: variables and secrets, read once per isolate.
//!
//! | file | what it holds |
//! |---|---|
//! | [`bindings`] | the names of all bindings |
//! | `edge` | what both planes need, or the data plane alone |
//! | `control` | what the control plane alone needs |
//! | `file` | the same as `katalo.toml` has it, for the build |
//! | `weakened` | which of them weaken a guarantee |
//! | `value`, `error` | how one setting is read, and why it cannot be |

pub mod bindings;
#[cfg(feature = "control")]
mod control;
mod edge;
mod error;
#[cfg(feature = "schema")]
mod file;
mod value;
#[cfg(feature = "control")]
mod weakened;

#[cfg(feature = "control")]
pub use control::{ControlSettings, RawControlSettings};
pub use edge::{RawSettings, Settings, Target, Upstream};
pub use error::SettingsError;
#[cfg(feature = "schema")]
pub use file::{SettingsFile, SettingsFileUpstream};
#[cfg(feature = "control")]
pub use weakened::Weakened;

#[cfg(test)]
mod tests;
