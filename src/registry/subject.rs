//! What a revision belongs to: a key or the organization.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::key::{OrganizationTag, PublicKeyId, kv_name_of_key, kv_name_of_organization};

/// A public key id or an organization tag; as text 30 or 11 digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Subject {
    /// A key.
    Key(PublicKeyId),
    /// The organization.
    Organization(OrganizationTag),
}

impl Subject {
    /// Reads either; their lengths tell them apart.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() == OrganizationTag::LENGTH {
            OrganizationTag::parse(text).map(Self::Organization)
        } else {
            PublicKeyId::parse(text.as_bytes()).map(Self::Key)
        }
    }

    /// The tag of the organization that it belongs to.
    #[must_use]
    pub fn organization_tag(&self) -> OrganizationTag {
        match self {
            Self::Key(id) => id.organization_tag(),
            Self::Organization(tag) => *tag,
        }
    }

    /// Its name in Workers KV.
    #[must_use]
    pub fn kv_name(&self) -> String {
        match self {
            Self::Key(id) => kv_name_of_key(id),
            Self::Organization(tag) => kv_name_of_organization(*tag),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => id.fmt(f),
            Self::Organization(tag) => tag.fmt(f),
        }
    }
}

impl From<Subject> for String {
    fn from(subject: Subject) -> Self {
        subject.to_string()
    }
}

impl TryFrom<String> for Subject {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("neither a public key id nor an organization tag")
    }
}
