//! What serde calls types and values, in the words of JSON (RFC 8259).

use serde::de::{Expected, Unexpected};
use std::fmt;

/// What would be right.
pub(super) fn expected(expected: &dyn Expected) -> String {
    let text = expected.to_string();
    let known = match text.as_str() {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "usize" => "a whole number, 0 or more",
        "i8" | "i16" | "i32" | "i64" => "a whole number",
        "f32" | "f64" => "a number",
        "a sequence" => "a list",
        "a map" => "an object",
        "unit" => "null",
        _ if text.starts_with("struct ") => "an object",
        _ if text.starts_with("tuple ") || text.starts_with("a tuple ") => "a list",
        _ => return text,
    };
    known.to_owned()
}

/// Of which kind the value is that is there.
pub(super) const fn found(found: Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "a boolean",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => "a number",
        Unexpected::Char(_) | Unexpected::Str(_) | Unexpected::Bytes(_) => "a string",
        Unexpected::Unit => "null",
        Unexpected::Seq => "a list",
        Unexpected::Map => "an object",
        _ => "something else",
    }
}

/// A variant of an enumeration, by its name.
pub(super) struct OneOf(pub(super) &'static [&'static str]);

impl Expected for OneOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "one of {}", list(self.0))
    }
}

/// `` `a`, `b` ``
pub(super) fn list(names: &[&str]) -> String {
    let mut text = String::new();
    for name in names {
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.extend(["`", name, "`"]);
    }
    text
}
