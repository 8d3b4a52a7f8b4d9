//! The part of a key that is no secret: `kat_live_` and 30 base62 digits.
//!
//! | field | digits | content |
//! |---|---|---|
//! | ring | 1 | which root key made it |
//! | jurisdiction | 1 | `0`; others are reserved for data residency |
//! | organization tag | 11 | which registry to ask |
//! | nonce | 11 | 64 random bits |
//! | id tag | 6 | truncated HMAC over prefix and the fields before |

use std::fmt;

use serde::{Deserialize, Serialize};

use super::base62;
use super::brand::{Brand, Environment};
use super::organization::OrganizationTag;

/// The 30 digits without the prefix. Canonical; whether its tag is genuine only
/// the [keyring](super::Keyring) can say.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKeyId([u8; PublicKeyId::LENGTH]);

impl PublicKeyId {
    /// Digits of a public key id.
    pub const LENGTH: usize = 30;
    /// The one jurisdiction there is today.
    pub const JURISDICTION: u8 = b'0';
    /// Digits that the id tag covers: all before it.
    const TAGGED: usize = 24;

    /// Reads 30 digits; `None` where one is no digit, a field is beyond its
    /// range or the jurisdiction is unknown.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let digits: [u8; Self::LENGTH] = text.try_into().ok()?;
        if !base62::is_base62(&digits) || digits.get(1) != Some(&Self::JURISDICTION) {
            return None;
        }
        base62::decode(digits.get(2..13)?, u64::MAX)?;
        base62::decode(digits.get(13..24)?, u64::MAX)?;
        Some(Self(digits))
    }

    /// Puts the fields together; of `tag` the six lowest digits count.
    pub(super) fn assemble(fields: &[u8; Self::TAGGED], tag: u64) -> Self {
        let mut digits = [b'0'; Self::LENGTH];
        let tag: [u8; 6] = base62::encode(tag);
        for (place, digit) in digits.iter_mut().zip(fields.iter().chain(&tag)) {
            *place = *digit;
        }
        Self(digits)
    }

    /// Ring, jurisdiction, organization tag and nonce, in this order.
    pub(super) fn fields(
        ring: u8,
        organization: OrganizationTag,
        nonce: u64,
    ) -> [u8; Self::TAGGED] {
        let mut fields = [Self::JURISDICTION; Self::TAGGED];
        let nonce: [u8; 11] = base62::encode(nonce);
        let digits = [ring, Self::JURISDICTION]
            .into_iter()
            .chain(organization.as_str().bytes())
            .chain(nonce);
        for (place, digit) in fields.iter_mut().zip(digits) {
            *place = digit;
        }
        fields
    }

    /// The digits that the tag covers.
    pub(super) fn tagged(&self) -> &[u8; Self::TAGGED] {
        // The first 24 of 30: always there.
        self.0.first_chunk().unwrap_or(&[b'0'; Self::TAGGED])
    }

    /// Which root key made it.
    #[must_use]
    pub fn ring(&self) -> u8 {
        let [ring, ..] = self.0;
        ring
    }

    /// Which organization's registry holds it.
    #[must_use]
    pub fn organization_tag(&self) -> OrganizationTag {
        let mut tag = [b'0'; OrganizationTag::LENGTH];
        for (place, digit) in tag.iter_mut().zip(self.0.iter().skip(2)) {
            *place = *digit;
        }
        OrganizationTag::from_digits(tag)
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for PublicKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for PublicKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<PublicKeyId> for String {
    fn from(id: PublicKeyId) -> Self {
        id.as_str().to_owned()
    }
}

impl TryFrom<String> for PublicKeyId {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(text.as_bytes()).ok_or("not a public key id")
    }
}

/// The key id, `kat_live_<publicKeyId>`: safe to log, used in routes and JSON.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId {
    /// What the installation's keys begin with.
    pub brand: Brand,
    /// Who the key is for.
    pub environment: Environment,
    /// The 30 digits.
    pub public: PublicKeyId,
}

impl KeyId {
    /// Longest key id: brand, `_admin_`, 30 digits.
    pub const MAX_LENGTH: usize = Brand::MAX_LENGTH + 7 + PublicKeyId::LENGTH;

    /// Reads a key id; `None` where it has another form. Says nothing about
    /// whether it was ever issued.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > Self::MAX_LENGTH {
            return None;
        }
        let (brand, rest) = text.split_once('_')?;
        let (environment, public) = rest.split_once('_')?;
        Some(Self {
            brand: Brand::parse(brand)?,
            environment: Environment::ALL
                .into_iter()
                .find(|known| known.as_str() == environment)?,
            public: PublicKeyId::parse(public.as_bytes())?,
        })
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from(*self))
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> Self {
        let (brand, environment) = (id.brand.as_str(), id.environment.as_str());
        [brand, "_", environment, "_", id.public.as_str()].concat()
    }
}

impl TryFrom<String> for KeyId {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("not a key id")
    }
}
