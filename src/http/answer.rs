//! An answer before it becomes the runtime's `Response`.

/// RFC 8259.
pub const JSON: &str = "application/json";
/// RFC 9457.
pub const PROBLEM: &str = "application/problem+json";
/// Newline-delimited JSON.
pub const NDJSON: &str = "application/x-ndjson";

/// What an answer carries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Body {
    /// Nothing.
    Empty,
    /// Text with its media type.
    Text(&'static str, String),
    /// The first lines of a listing as [`NDJSON`], and the cursor after which
    /// there are more: they follow page by page as the client reads.
    Lines(String, String),
}

/// Status, headers, body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// What it carries.
    pub body: Body,
}

impl Answer {
    /// An answer without further headers.
    #[must_use]
    pub const fn new(status: u16, body: Body) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body,
        }
    }

    /// JSON.
    #[must_use]
    pub fn json(status: u16, value: &impl serde::Serialize) -> Self {
        Self::new(
            status,
            Body::Text(JSON, serde_json::to_string(value).unwrap_or_default()),
        )
    }

    /// The same with one more header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The first value of a header, by its lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.as_str())
    }
}
