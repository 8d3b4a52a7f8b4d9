//! What a revision belongs to: a key or an organization.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::id::PublicKeyId;
use super::organization::OrganizationTag;

/// A public key id (30 base62 characters) or an organization tag (11), held
/// in place: a view follows tens of thousands of them.
///
/// A public key id contains the tag of its organization, so nobody has to say
/// whose key it is. Whether a text names anything that exists only its registry
/// knows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subject {
    /// The characters, then zeros. Base62 has no zero byte, so the length
    /// needs no field.
    bytes: [u8; PublicKeyId::LENGTH],
}

/// The text is neither a public key id nor an organization tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotASubject;

impl fmt::Display for NotASubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a subject is 30 or 11 base62 characters")
    }
}

impl std::error::Error for NotASubject {}

impl Subject {
    /// Where the tag stands in a public key id: after ring and jurisdiction.
    const TAG_AT: usize = 2;

    /// Reads a public key id or an organization tag.
    ///
    /// # Errors
    /// If the text is of neither length or has a character outside base62.
    pub fn parse(text: &str) -> Result<Self, NotASubject> {
        let known_length =
            text.len() == PublicKeyId::LENGTH || text.len() == OrganizationTag::LENGTH;
        if !known_length || !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(NotASubject);
        }
        Ok(Self::padded(text.as_bytes()))
    }

    /// The organization this subject is, or belongs to.
    #[must_use]
    pub fn organization(&self) -> Self {
        self.organization_tag().into()
    }

    /// The tag of the organization this subject is, or belongs to.
    #[must_use]
    pub fn organization_tag(&self) -> OrganizationTag {
        let at = if self.is_organization() {
            0
        } else {
            Self::TAG_AT
        };
        let mut tag = [b'0'; OrganizationTag::LENGTH];
        for (digit, byte) in tag.iter_mut().zip(self.bytes.iter().skip(at)) {
            *digit = *byte;
        }
        OrganizationTag::from_digits(tag)
    }

    /// The name of its record in Workers KV.
    #[must_use]
    pub fn kv_name(&self) -> String {
        let prefix = if self.is_organization() {
            "org/"
        } else {
            "key/"
        };
        [prefix, self.as_str()].concat()
    }

    /// Whether this is an organization tag.
    #[must_use]
    pub fn is_organization(&self) -> bool {
        self.bytes.last() == Some(&0)
    }

    /// The characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let length = if self.is_organization() {
            OrganizationTag::LENGTH
        } else {
            PublicKeyId::LENGTH
        };
        let characters = self.bytes.get(..length).unwrap_or_default();
        std::str::from_utf8(characters).unwrap_or_default()
    }

    fn padded(characters: &[u8]) -> Self {
        let mut bytes = [0; PublicKeyId::LENGTH];
        for (slot, character) in bytes.iter_mut().zip(characters) {
            *slot = *character;
        }
        Self { bytes }
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<PublicKeyId> for Subject {
    fn from(id: PublicKeyId) -> Self {
        Self::padded(id.as_str().as_bytes())
    }
}

impl From<OrganizationTag> for Subject {
    fn from(tag: OrganizationTag) -> Self {
        Self::padded(tag.as_str().as_bytes())
    }
}

impl TryFrom<String> for Subject {
    type Error = NotASubject;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Subject> for String {
    fn from(subject: Subject) -> Self {
        subject.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "20abcdefghijkNONCENONCE0TAGTAG";

    #[test]
    fn a_key_belongs_to_the_organization_in_its_id() {
        let key = Subject::parse(KEY).unwrap();
        assert_eq!(key.as_str(), KEY);
        assert_eq!(key.organization().as_str(), "abcdefghijk");
        assert!(!key.is_organization());
        let organization = key.organization();
        assert!(organization.is_organization());
        assert_eq!(organization.organization(), organization);
        assert_eq!(key.kv_name(), format!("key/{KEY}"));
        assert_eq!(organization.kv_name(), "org/abcdefghijk");
    }

    #[test]
    fn other_texts_are_no_subjects() {
        for text in [
            "",
            "abcdefghij",
            "abcdefghijkl",
            "abcdefghij-",
            "ábcdefghij",
            "20abcdefghijkNONCENONCE0TAGTA\0",
        ] {
            assert_eq!(Subject::parse(text), Err(NotASubject), "{text:?}");
        }
    }

    #[test]
    fn it_reads_and_is_written_as_its_text() {
        for text in [KEY, "abcdefghijk"] {
            let subject = Subject::parse(text).unwrap();
            assert_eq!(subject.to_string(), text);
            assert_eq!(format!("{subject:?}"), text);
            let json = format!("{text:?}");
            assert_eq!(serde_json::to_string(&subject).unwrap(), json);
            assert_eq!(serde_json::from_str::<Subject>(&json).unwrap(), subject);
        }
        let refused = serde_json::from_str::<Subject>(r#""abc""#).unwrap_err();
        assert!(refused.to_string().contains("30 or 11"), "{refused}");
    }

    #[test]
    fn it_takes_thirty_bytes() {
        assert_eq!(size_of::<Subject>(), 30);
    }
}
