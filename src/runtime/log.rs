//! One JSON object a line. Never a secret, a digest or a root key: no text gets into
//! a line but through [`redacted`].

use serde_json::{Value, json};

use crate::http::{AdminPlace, Problem};
use crate::key::redacted;
use crate::runtime::incoming::Incoming;
use crate::runtime::isolate;
use crate::runtime::metrics;
use crate::settings::SettingsError;
use crate::verify::shown_id;

fn shown_key(incoming: &Incoming) -> Option<String> {
    Some(shown_id(incoming.authorization.as_deref()?)?.into())
}

/// A request was refused. It is counted; where it is worth a line, and chosen
/// for the sample, it gets one.
pub(crate) fn refused(incoming: &Incoming, problem: &Problem) {
    metrics::refused(problem.code);
    if !problem.is_notable() {
        return;
    }
    let percent = isolate::known().map_or(100, |settings| settings.log_sample_percent);
    if js_sys::Math::random() * 100.0 >= f64::from(percent) {
        return;
    }
    let line = line(json!({
        "event": "refused",
        "code": problem.code.as_str(),
        "status": problem.status(),
        "method": incoming.method(),
        "key": shown_key(incoming),
        "request_id": incoming.request_id(),
    }));
    worker::console_warn!("{line}");
}

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
    worker::console_log!("{line}");
}

fn error(members: Value) {
    worker::console_error!("{}", line(members));
}

/// A line, without what looks like a secret in any of its texts.
fn line(mut members: Value) -> Value {
    for value in members
        .as_object_mut()
        .into_iter()
        .flat_map(|line| line.values_mut())
    {
        if let Value::String(text) = value {
            *text = redacted(text).into_owned();
        }
    }
    members
}

/// The Worker cannot serve as it is set up.
pub(crate) fn misconfigured(reason: &SettingsError) {
    error(json!({ "event": "misconfigured", "reason": reason.to_string() }));
}

/// An object's storage failed.
pub(crate) fn storage_failed(class: &str, reason: &crate::sql::SqlError) {
    error(json!({ "event": "storage_failed", "class": class, "reason": reason.to_string() }));
}
