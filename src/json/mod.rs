//! JSON text to Rust types, by serde, over a tree that serde_json parses.
//!
//! serde_json would compile each of our hundred types once for each kind of input
//! it reads from (text, bytes, values, and text with the path to a mistake), each
//! time with code for lists in the place of objects. That was a third of the
//! module. This is one reader for all of them: it takes members by name only, and
//! says where a mistake is.

#[cfg(feature = "control")]
mod mistakes;
mod node;
mod object;
mod reader;
mod words;

use serde::de::{DeserializeOwned, Expected, Unexpected};
use std::fmt;

#[cfg(feature = "control")]
pub use mistakes::{MOST_MISTAKES, object_from_slice};
pub use object::ObjectWriter;

use node::Node;
use reader::Reader;

/// What is wrong with a text, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error {
    pointer: String,
    message: String,
    is_missing: bool,
}

impl Error {
    /// A JSON Pointer (RFC 6901): `/keys/2/name`; empty where it is the whole text.
    #[must_use]
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// The same as people write it: `keys[2].name`.
    #[must_use]
    pub fn path(&self) -> String {
        let mut path = String::new();
        for step in self.steps() {
            if step.bytes().all(|byte| byte.is_ascii_digit()) {
                path.extend(["[", &step, "]"]);
            } else {
                let dot = if path.is_empty() { "" } else { "." };
                path.extend([dot, &step]);
            }
        }
        path
    }

    /// Where the text is a list: the place of the item that is wrong, from 0.
    #[must_use]
    pub fn item(&self) -> Option<usize> {
        self.pointer.split('/').nth(1)?.parse().ok()
    }

    /// What is wrong there. It may quote the names of members.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Names and places from the outside in.
    fn steps(&self) -> impl Iterator<Item = String> {
        let steps = self.pointer.split('/').skip(1);
        steps.map(|step| step.replace("~1", "/").replace("~0", "~"))
    }

    fn new(message: &dyn fmt::Display) -> Self {
        Self {
            pointer: String::new(),
            message: message.to_string(),
            is_missing: false,
        }
    }

    /// The same, seen from the list around it.
    #[inline(never)]
    fn within_item(self, place: usize) -> Self {
        self.within(&place.to_string())
    }

    /// The same, seen from the object around it.
    #[inline(never)]
    fn within(mut self, step: &str) -> Self {
        let mut pointer = "/".to_owned();
        for character in step.chars() {
            match character {
                '~' => pointer.push_str("~0"),
                '/' => pointer.push_str("~1"),
                other => pointer.push(other),
            }
        }
        pointer.push_str(&self.pointer);
        self.pointer = pointer;
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.pointer.is_empty() {
            write!(f, "{}: ", self.path())?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// In words for whoever wrote the text, not in serde's, and without a value of theirs.
/// (Serde's own would format numbers with fractions too, which takes 15 kB of code.)
impl serde::de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(&message)
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = words::expected(expected);
        Self::new(&format_args!(
            "expected {expected}, not {}",
            words::found(found)
        ))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(&format_args!("expected {}", words::expected(expected)))
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        let expected = words::expected(expected);
        Self::new(&format_args!("expected {expected}, not {length} items"))
    }

    fn unknown_variant(_: &str, known: &'static [&'static str]) -> Self {
        Self::new(&format_args!("expected one of {}", words::list(known)))
    }

    fn unknown_field(name: &str, known: &'static [&'static str]) -> Self {
        #[cfg(feature = "control")]
        let meant = crate::http::did_you_mean(name, known.iter().copied());
        #[cfg(not(feature = "control"))]
        let meant = "";
        let known = words::list(known);
        Self::new(&format_args!(
            "there is no member `{name}`{meant}, only {known}"
        ))
        .within(name)
    }

    fn missing_field(name: &'static str) -> Self {
        Self {
            is_missing: true,
            ..Self::new(&format_args!("the member `{name}` is missing")).within(name)
        }
    }

    fn duplicate_field(name: &'static str) -> Self {
        Self::new(&format_args!("the member `{name}` is there twice")).within(name)
    }
}

/// Reads a text.
///
/// # Errors
/// It is no JSON, has more behind it, is nested more than 128 levels deep, or is
/// not what the type takes.
pub fn from_str<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    from_slice(text.as_bytes())
}

/// The same from UTF-8.
///
/// # Errors
/// As those of [`from_str`].
pub fn from_slice<T: DeserializeOwned>(text: &[u8]) -> Result<T, Error> {
    let tree = parse(text).map_err(|error| Error::new(&not_json("this is no JSON", &error)))?;
    T::deserialize(Reader::of(tree))
}

fn parse(text: &[u8]) -> Result<Node<'_>, serde_json::Error> {
    serde_json::from_slice(text)
}

/// What is wrong and where, in place of the words of serde_json.
fn not_json(what: &str, error: &serde_json::Error) -> String {
    format!("{what} (line {}, column {})", error.line(), error.column())
}

/// An enumeration's variant without content, by the name that serde has for it.
///
/// # Errors
/// There is no such variant.
pub fn from_word<T: DeserializeOwned>(word: &str) -> Result<T, Error> {
    T::deserialize(Reader::of(Node::Text(word.into())))
}

#[cfg(test)]
mod tests;
