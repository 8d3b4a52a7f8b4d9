//! Canonical bytes of a JSON value: RFC 8785 over I-JSON without fractions.
//!
//! The one hard part of RFC 8785 is how it writes a fraction, and the reason to use a
//! library; nothing here has one. What is left: no spaces, an object's names in the
//! order of their UTF-16 code units, and strings escaped as `serde_json` does it
//! (section 3.2.2.2 and `serde_json` agree: the short forms of `\b \t \n \f \r \" \\`,
//! `\u00xx` in lower case for other control characters, all else as it is).

use std::fmt;

use serde_json::{Map, Value};

/// A number that is no whole one within ±(2⁵³ − 1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotCanonical;

impl fmt::Display for NotCanonical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number that is not whole or lies beyond ±9007199254740991")
    }
}

impl std::error::Error for NotCanonical {}

/// Writes `value` canonically.
///
/// # Errors
/// [`NotCanonical`].
pub fn canonical(value: &Value) -> Result<String, NotCanonical> {
    let mut text = String::new();
    write(value, &mut text)?;
    Ok(text)
}

fn write(value: &Value, text: &mut String) -> Result<(), NotCanonical> {
    match value {
        Value::Array(items) => list('[', ']', items, text, write),
        Value::Object(members) => list('{', '}', in_order(members), text, |member, text| {
            let (name, value) = member;
            write_string(name, text);
            text.push(':');
            write(value, text)
        }),
        Value::String(string) => {
            write_string(string, text);
            Ok(())
        }
        Value::Number(number) => {
            const GREATEST: u64 = (1 << 53) - 1;
            let whole = number.as_i64().ok_or(NotCanonical)?;
            if whole.unsigned_abs() > GREATEST {
                return Err(NotCanonical);
            }
            text.push_str(&whole.to_string());
            Ok(())
        }
        Value::Bool(_) | Value::Null => {
            text.push_str(&value.to_string());
            Ok(())
        }
    }
}

fn in_order(members: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut members: Vec<_> = members.iter().collect();
    members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
    members
}

fn list<T>(
    open: char,
    close: char,
    items: impl IntoIterator<Item = T>,
    text: &mut String,
    write: impl Fn(T, &mut String) -> Result<(), NotCanonical>,
) -> Result<(), NotCanonical> {
    text.push(open);
    for (place, item) in items.into_iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        write(item, text)?;
    }
    text.push(close);
    Ok(())
}

fn write_string(string: &str, text: &mut String) {
    text.push_str(&Value::from(string).to_string());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From RFC 8785 section 3.2.3, and escapes of section 3.2.2.2.
    #[test]
    fn names_go_by_utf16_and_strings_are_escaped() {
        let value: Value = serde_json::from_str(
            r#"{"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"\u0080":6,"\u00f6":7,
                "z":["\u000f\n\"\\\/\u007f\u0008",null,true,-7,9007199254740991]}"#,
        )
        .unwrap();
        assert_eq!(
            canonical(&value).unwrap(),
            "{\"\\r\":2,\"1\":4,\"z\":[\"\\u000f\\n\\\"\\\\/\u{7f}\\b\",null,true,-7,9007199254740991],\
             \"\u{80}\":6,\"\u{f6}\":7,\"\u{20ac}\":1,\"\u{1f600}\":5,\"\u{fb33}\":3}"
        );
    }

    #[test]
    fn what_readers_would_round_has_no_canonical_form() {
        for text in ["1.5", "1e3", "9007199254740992", "-9007199254740992"] {
            let value: Value = serde_json::from_str(text).unwrap();
            assert_eq!(canonical(&value), Err(NotCanonical), "{text}");
        }
    }
}
