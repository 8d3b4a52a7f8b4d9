//! What the control plane adds to the log.

use serde_json::json;

use crate::http::AdminPlace;
use crate::runtime::bindings;
use crate::runtime::incoming::Incoming;
use crate::runtime::log::{error, line, shown_key};

/// An administrator changed something. The audit tells what; this line leads to
/// its entry by the request's id.
pub(crate) fn act(incoming: &Incoming, place: &AdminPlace<'_>, status: u16) {
    let (route, organization, key) = place.parts();
    let line = line(json!({
        "event": "act",
        "method": incoming.method(),
        "route": route,
        "organization": organization,
        "key": key,
        "status": status,
        "actor": shown_key(incoming),
        "request_id": incoming.request_id(),
    }));
    bindings::console_log(&line.to_string());
}

/// An object's storage failed.
pub(crate) fn storage_failed(class: &str, reason: &crate::sql::SqlError) {
    error(json!({ "event": "storage_failed", "class": class, "reason": reason.to_string() }));
}
