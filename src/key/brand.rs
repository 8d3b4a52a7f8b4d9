//! The part before the first underscore, and the environment after it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What every key of this installation begins with: 2 to 8 of `a-z`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Brand {
    letters: [u8; Brand::MAX_LENGTH],
    length: u8,
}

impl Brand {
    /// Longest brand, in letters.
    pub const MAX_LENGTH: usize = 8;

    /// Katalo's own, and the default.
    pub const KATALO: Self = Self {
        letters: *b"kat\0\0\0\0\0",
        length: 3,
    };

    /// Reads a brand; `None` unless it is 2 to 8 lower-case letters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (2..=Self::MAX_LENGTH).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_lowercase());
        if !fits {
            return None;
        }
        let mut letters = [0; Self::MAX_LENGTH];
        for (place, byte) in letters.iter_mut().zip(text.bytes()) {
            *place = byte;
        }
        Some(Self {
            letters,
            length: u8::try_from(text.len()).ok()?,
        })
    }

    /// The letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.letters
            .get(..usize::from(self.length))
            .and_then(|letters| std::str::from_utf8(letters).ok())
            .unwrap_or_default()
    }
}

impl fmt::Display for Brand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who a key is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// A client's production calls.
    Live,
    /// A client's calls against the test upstream.
    Test,
    /// The admin routes; only in the organization `_platform`, and alone there.
    Admin,
}

impl Environment {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Live, Self::Test, Self::Admin];

    /// As it stands in a key.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
            Self::Admin => "admin",
        }
    }

    /// Whether clients' routes take such a key.
    #[must_use]
    pub const fn is_for_clients(self) -> bool {
        matches!(self, Self::Live | Self::Test)
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brands() {
        assert_eq!(Brand::parse("kat"), Some(Brand::KATALO));
        assert_eq!(Brand::KATALO.as_str(), "kat");
        for bad in ["", "k", "Kat", "k4t", "kat_", "toolongbrand"] {
            assert_eq!(Brand::parse(bad), None, "{bad}");
        }
    }
}
