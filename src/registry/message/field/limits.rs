//! What a key and an organization are held to.

use serde::{Deserialize, Serialize};

use crate::bounded::bounded;
use crate::key::{Scope, Scopes};
use crate::time::{Rfc3339, Timestamp};

/// The scopes a key is given: 1 to 50.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Vec<Scope>", into = "Vec<Scope>")]
pub struct GrantedScopes(Scopes);

impl GrantedScopes {
    /// The scopes.
    #[must_use]
    pub const fn scopes(&self) -> &Scopes {
        &self.0
    }
}

impl TryFrom<Vec<Scope>> for GrantedScopes {
    type Error = &'static str;
    fn try_from(scopes: Vec<Scope>) -> Result<Self, Self::Error> {
        match Scopes::new(scopes) {
            Some(scopes) if !scopes.is_empty() => Ok(Self(scopes)),
            _ => Err("a key must have 1 to 50 scopes"),
        }
    }
}

impl From<GrantedScopes> for Vec<Scope> {
    fn from(granted: GrantedScopes) -> Self {
        granted.0.into()
    }
}

/// An instant as RFC 3339 text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Instant(#[serde(with = "Rfc3339")] pub Timestamp);

bounded! {
    /// For how long a rotated key still works, in seconds: 0 to 30 days; a day
    /// unless said.
    OverlapSeconds, (0..=2_592_000), "an overlap must be between 0 and 2592000 seconds"
}

impl Default for OverlapSeconds {
    fn default() -> Self {
        Self(86_400)
    }
}

bounded! {
    /// Longest life of a key, in days: 1 to 3650.
    KeyLifetimeDays, (1..=3650), "a key lifetime must be between 1 and 3650 days"
}
