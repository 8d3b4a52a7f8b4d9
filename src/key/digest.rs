//! What is stored of a key: HMAC-SHA-256 under a pepper, over all of it.
//!
//! No slow hash (Argon2, bcrypt): those buy time against guessing what people
//! choose. Nobody guesses 256 random bits, however fast the hash; and a slow one
//! would hand every client a way to exhaust the edge. The pepper makes a stolen
//! copy of the records useless even for confirming a key that was found elsewhere.

use std::fmt;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

/// The digest of one presented key; never changes while the key lives.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyDigest([u8; 32]);

impl KeyDigest {
    pub(super) const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Whether both are the same, in time that tells nothing of where they
    /// differ. The only comparison there is: the type has no `==`.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }

    /// The 43 characters of its base64url form, as stored.
    #[must_use]
    pub fn to_text(&self) -> String {
        Base64UrlUnpadded::encode_string(&self.0)
    }

    /// Reads the stored form.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        let read = Base64UrlUnpadded::decode(text.as_bytes(), &mut bytes).ok()?;
        (read.len() == 32).then_some(Self(bytes))
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyDigest(…)")
    }
}

impl From<KeyDigest> for String {
    fn from(digest: KeyDigest) -> Self {
        digest.to_text()
    }
}

impl TryFrom<String> for KeyDigest {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::from_text(&text).ok_or("not a digest")
    }
}
