//! Writing an object.

/// A JSON object, written member by member: a fraction of what a tree of values costs
/// and weighs.
pub struct ObjectWriter(String);

impl ObjectWriter {
    /// An object without members.
    #[must_use]
    pub fn new() -> Self {
        Self(String::with_capacity(512))
    }

    /// A member whose value is text.
    #[must_use]
    pub fn text(self, name: &str, value: &str) -> Self {
        let plain = |byte: &u8| !matches!(byte, 0..0x20 | b'"' | b'\\');
        if value.as_bytes().iter().all(plain) {
            let mut written = self.name(name);
            written.0.extend(["\"", value, "\""]);
            written
        } else {
            let quoted = serde_json::to_string(value).unwrap_or_default();
            self.raw(name, &quoted)
        }
    }

    /// A member whose value is text, or `null`.
    #[must_use]
    pub fn text_or_null(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(name, value),
            None => self.raw(name, "null"),
        }
    }

    /// A member whose value is a whole number.
    #[must_use]
    pub fn number(self, name: &str, value: u64) -> Self {
        self.raw(name, &value.to_string())
    }

    /// A member whose value is JSON already.
    #[must_use]
    pub fn raw(self, name: &str, json: &str) -> Self {
        let mut written = self.name(name);
        written.0.push_str(json);
        written
    }

    fn name(mut self, name: &str) -> Self {
        let before = if self.0.is_empty() { "{\"" } else { ",\"" };
        self.0.extend([before, name, "\":"]);
        self
    }

    /// The text.
    #[must_use]
    pub fn end(mut self) -> String {
        self.0.push_str(if self.0.is_empty() { "{}" } else { "}" });
        self.0
    }
}

impl Default for ObjectWriter {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn an_object_is_read_back() {
        let text = ObjectWriter::new()
            .text("plain", "a")
            .text("quoted", "\"\\\u{1}ü")
            .text_or_null("none", None)
            .text_or_null("some", Some("b"))
            .number("number", u64::MAX)
            .raw("raw", "[1]")
            .end();
        let expected = json!({
            "plain": "a", "quoted": "\"\\\u{1}ü", "none": null, "some": "b",
            "number": u64::MAX, "raw": [1],
        });
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
        assert_eq!(ObjectWriter::new().end(), "{}");
    }
}
