//! Texts that people write.

use serde::{Deserialize, Serialize};

/// What people call a key or an organization: 1 to 100 characters without
/// control characters, spaces around them cut off.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    /// Most characters.
    pub const MAX: usize = 100;

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let trimmed = text.trim();
        let fits = (1..=Self::MAX).contains(&trimmed.chars().count());
        if fits && !text.chars().any(char::is_control) {
            Ok(Self(trimmed.to_owned()))
        } else {
            Err("a name must have 1 to 100 characters and no control characters")
        }
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

/// Why something was revoked, in full: at most 500 characters; line breaks are
/// the only control characters.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Note(String);

impl Note {
    /// Most characters.
    pub const MAX: usize = 500;

    /// The note.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Note {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let fits = text.chars().count() <= Self::MAX;
        if fits && !text.chars().any(|c| c.is_control() && c != '\n') {
            Ok(Self(text))
        } else {
            Err(
                "a note must have at most 500 characters, and no control characters but line breaks",
            )
        }
    }
}

impl From<Note> for String {
    fn from(note: Note) -> Self {
        note.0
    }
}
