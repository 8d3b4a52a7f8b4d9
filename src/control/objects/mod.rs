//! The Durable Objects. The file of each object opens with its atomicity argument.

use wasm_bindgen::JsValue;

use crate::runtime::isolate;

mod alarm;
mod answer;
pub(crate) mod change_log;
pub(crate) mod directory;
mod meter;
mod notify;
mod registry;
mod relay;
mod sql;

/// The one directory's name.
pub(crate) const DIRECTORY: &str = "directory";

/// Whether objects enforce changes by confirmation, and by time where that fails.
fn confirm(env: &JsValue) -> bool {
    isolate::settings(env).is_some_and(|settings| settings.confirmations)
}
