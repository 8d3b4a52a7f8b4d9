//! What the control plane adds to the log.

use crate::http::AdminPlace;
use crate::runtime::bindings;
use crate::runtime::incoming::Incoming;
pub(crate) use crate::runtime::log::refused;
use crate::runtime::log::{Line, shown_key};

/// An administrator changed something. The audit tells what; this line leads to
/// its entry by the request's id.
pub(crate) fn act(incoming: &Incoming, place: &AdminPlace<'_>, status: u16) {
    let (route, organization, key) = place.parts();
    let line = Line::of("act")
        .text("method", incoming.method())
        .text("route", route)
        .text_or_null("organization", organization)
        .text_or_null("key", key)
        .number("status", status)
        .text_or_null("actor", shown_key(incoming).as_deref())
        .text("request_id", incoming.request_id());
    bindings::console_log(&line.end());
}

/// An object's storage failed.
pub(crate) fn storage_failed(class: &str, reason: &crate::sql::SqlError) {
    let line = Line::of("storage_failed")
        .text("class", class)
        .text("reason", &reason.to_string());
    bindings::console_error(&line.end());
}
