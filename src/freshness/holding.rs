//! Who holds a lease, and what it says of itself.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::sync::Cursor;

/// One life of a view or a relay: 96 random bits, drawn anew whenever its memory
/// is lost. Never a relay's name, which outlives the relay's memory.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HolderId(u128);

impl HolderId {
    /// Hexadecimal digits of an id.
    const DIGITS: usize = 24;

    /// An id of random bytes.
    #[must_use]
    pub fn from_random(bytes: [u8; 12]) -> Self {
        let shifted = |id: u128, byte| (id << 8) | u128::from(byte);
        Self(bytes.into_iter().fold(0, shifted))
    }
}

impl fmt::Display for HolderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:024x}", self.0)
    }
}

impl fmt::Debug for HolderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for HolderId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let digits = text.len() == Self::DIGITS && text.bytes().all(|b| b.is_ascii_hexdigit());
        let id = digits
            .then(|| u128::from_str_radix(&text, 16).ok())
            .flatten();
        id.map(Self).ok_or("a holder is 24 hexadecimal digits")
    }
}

impl From<HolderId> for String {
    fn from(id: HolderId) -> Self {
        id.to_string()
    }
}

/// Who asks, and what it no longer decides on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Holding {
    /// The holder of leases.
    pub id: HolderId,
    /// From now on the holder, and all who hold a lease from it, decide nothing
    /// below this place. An edge's is its view's cursor, a relay's the floor of its
    /// account. None: nothing is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<Cursor>,
}
