//! One JSON object a line. Never a secret, a digest or a root key: no text gets into
//! a line but through [`redacted`].

use serde_json::{Value, json};

use crate::http::Problem;
use crate::key::redacted;
use crate::runtime::bindings;
use crate::runtime::incoming::Incoming;
use crate::runtime::isolate;
use crate::runtime::metrics;
use crate::settings::SettingsError;
use crate::verify::shown_id;

pub(crate) fn shown_key(incoming: &Incoming) -> Option<String> {
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
    bindings::console_warn(&line.to_string());
}

pub(crate) fn error(members: Value) {
    bindings::console_error(&line(members).to_string());
}

/// A line, without what looks like a secret in any of its texts.
pub(crate) fn line(mut members: Value) -> Value {
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
