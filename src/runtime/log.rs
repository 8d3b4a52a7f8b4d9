//! One JSON object a line. Never a secret, a digest or a root key: no text gets into
//! a line but through [`redacted`].

use crate::http::Problem;
use crate::key::redacted;
use crate::runtime::bindings;
use crate::runtime::incoming::Incoming;
use crate::runtime::isolate;
use crate::runtime::metrics;
use crate::settings::SettingsError;
use crate::verify::shown_id;

/// A line as it grows.
pub(crate) struct Line(String);

impl Line {
    pub(crate) fn of(event: &str) -> Self {
        Self(String::from("{")).text("event", event)
    }

    /// A text, without what looks like a secret in it.
    pub(crate) fn text(self, name: &str, text: &str) -> Self {
        let text = redacted(text);
        let quoted = serde_json::to_string(text.as_ref()).unwrap_or_default();
        self.member(name, &quoted)
    }

    /// A text, or `null`.
    pub(crate) fn text_or_null(self, name: &str, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.text(name, text),
            None => self.member(name, "null"),
        }
    }

    pub(crate) fn number(self, name: &str, number: u16) -> Self {
        self.member(name, &number.to_string())
    }

    fn member(mut self, name: &str, value: &str) -> Self {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0.extend(["\"", name, "\":", value]);
        self
    }

    pub(crate) fn end(mut self) -> String {
        self.0.push('}');
        self.0
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
