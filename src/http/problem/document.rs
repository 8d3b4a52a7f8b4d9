//! A problem document in the making.

/// A JSON object, written member by member: refusals are the one thing that strangers
/// make a Worker do, and this costs a fraction of a tree of values.
pub(super) struct Document(String);

impl Document {
    pub(super) fn new() -> Self {
        Self(String::with_capacity(512))
    }

    /// A member whose value is text.
    pub(super) fn text(&mut self, name: &str, value: &str) {
        let plain = |byte: &u8| !matches!(byte, 0..0x20 | b'"' | b'\\');
        if value.as_bytes().iter().all(plain) {
            self.name(name);
            self.0.extend(["\"", value, "\""]);
        } else {
            self.raw(name, &serde_json::Value::from(value).to_string());
        }
    }

    /// A member whose value is JSON already.
    pub(super) fn raw(&mut self, name: &str, json: &str) {
        self.name(name);
        self.0.push_str(json);
    }

    fn name(&mut self, name: &str) {
        let before = if self.0.is_empty() { "{\"" } else { ",\"" };
        self.0.extend([before, name, "\":"]);
    }

    pub(super) fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}
