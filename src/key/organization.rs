//! Who owns keys, and the tag that leads from a key to its registry.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::base62;

/// An organization's id, given by the platform: `[A-Za-z0-9_-]{1,64}`. A leading
/// `_` is reserved; [`OrganizationId::platform`] is the one such id.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OrganizationId(String);

impl OrganizationId {
    /// The reserved organization that holds the admin keys.
    pub const PLATFORM: &str = "_platform";

    /// Reads an id; `None` where it has another form or is reserved (other than
    /// `_platform`).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=64).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
            && (!text.starts_with('_') || text == Self::PLATFORM);
        fits.then(|| Self(text.to_owned()))
    }

    /// `_platform`.
    #[must_use]
    pub fn platform() -> Self {
        Self(Self::PLATFORM.to_owned())
    }

    /// Whether this is `_platform`.
    #[must_use]
    pub fn is_platform(&self) -> bool {
        self.0 == Self::PLATFORM
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The tag that keys of this organization carry.
    #[must_use]
    pub fn tag(&self) -> OrganizationTag {
        let digest = Sha256::digest(self.0.as_bytes());
        let mut first = [0; 8];
        for (place, byte) in first.iter_mut().zip(digest.iter()) {
            *place = *byte;
        }
        OrganizationTag(base62::encode(u64::from_be_bytes(first)))
    }
}

impl fmt::Display for OrganizationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<OrganizationId> for String {
    fn from(id: OrganizationId) -> Self {
        id.0
    }
}

impl TryFrom<String> for OrganizationId {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
            .ok_or("not an organization id: 1 to 64 of A-Z a-z 0-9 _ -, not starting with _")
    }
}

/// The first 64 bits of SHA-256 over the organization's id, in 11 base62 digits.
/// Names the registry object, so a key leads to it without a look-up.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrganizationTag([u8; OrganizationTag::LENGTH]);

impl OrganizationTag {
    /// Digits of a tag.
    pub const LENGTH: usize = 11;

    /// Reads a tag; `None` where it is not canonical.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits: [u8; Self::LENGTH] = text.as_bytes().try_into().ok()?;
        base62::decode(&digits, u64::MAX)?;
        Some(Self(digits))
    }

    /// Takes digits that were checked where they came from.
    pub(super) const fn from_digits(digits: [u8; Self::LENGTH]) -> Self {
        Self(digits)
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for OrganizationTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for OrganizationTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids() {
        for good in ["a", "acme", "A-1_b", &"x".repeat(64), "_platform"] {
            assert!(OrganizationId::parse(good).is_some(), "{good}");
        }
        for bad in ["", "_x", "_", "a b", "a/b", "å", &"x".repeat(65)] {
            assert!(OrganizationId::parse(bad).is_none(), "{bad}");
        }
    }

    /// Pinned, since the tag names stored objects: sha256("acme") begins with
    /// 822b33ad87c148a0; its digits were computed outside this crate.
    #[test]
    fn tag_is_pinned() {
        let tag = OrganizationId::parse("acme").unwrap().tag();
        assert_eq!(tag.as_str().len(), OrganizationTag::LENGTH);
        assert_eq!(OrganizationTag::parse(tag.as_str()), Some(tag));
        assert_eq!(tag.as_str(), "BAssrdJ8UvA");
    }
}
