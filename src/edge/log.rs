//! One JSON object a line. Never a secret, a digest or a root key.

use crate::settings::SettingsError;
use serde_json::json;

fn error(line: &serde_json::Value) {
    worker::console_error!("{line}");
}

/// The Worker cannot serve as it is set up.
pub(super) fn misconfigured(reason: &SettingsError) {
    error(&json!({ "event": "misconfigured", "reason": reason.to_string() }));
}

/// An object's storage failed.
pub(super) fn storage_failed(class: &str, reason: &crate::sql::SqlError) {
    error(&json!({ "event": "storage_failed", "class": class, "reason": reason.to_string() }));
}
