//! One JSON object a line. Never a secret, a digest or a root key: no text gets into
//! a line but through [`redacted`].

use crate::http::Problem;
use crate::json::ObjectWriter;
use crate::key::redacted;
use crate::runtime::bindings;
use crate::runtime::incoming::Incoming;
use crate::runtime::isolate;
use crate::runtime::metrics;
use crate::settings::SettingsError;
use crate::verify::shown_id;

/// A line as it grows.
pub(crate) struct Line(ObjectWriter);

impl Line {
    pub(crate) fn of(event: &str) -> Self {
        Self(ObjectWriter::new().text("event", event))
    }

    /// A text, without what looks like a secret in it.
    pub(crate) fn text(self, name: &str, text: &str) -> Self {
        Self(self.0.text(name, &redacted(text)))
    }

    /// The same, or `null`.
    pub(crate) fn text_or_null(self, name: &str, text: Option<&str>) -> Self {
        let text = text.map(redacted);
        Self(self.0.text_or_null(name, text.as_deref()))
    }

    pub(crate) fn number(self, name: &str, number: u16) -> Self {
        Self(self.0.number(name, number.into()))
    }

    pub(crate) fn end(self) -> String {
        self.0.end()
    }
}

/// The id of the key that a request shows, whether it is genuine or not.
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
    let line = Line::of("refused")
        .text("code", problem.code.as_str())
        .number("status", problem.status())
        .text("method", incoming.method())
        .text_or_null("key", shown_key(incoming).as_deref())
        .text("request_id", incoming.request_id());
    bindings::console_warn(&line.end());
}

/// The Worker cannot serve as it is set up.
pub(crate) fn misconfigured(reason: &SettingsError) {
    let line = Line::of("misconfigured").text("reason", &reason.to_string());
    bindings::console_error(&line.end());
}
