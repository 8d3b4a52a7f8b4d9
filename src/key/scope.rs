//! What a key may do.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One scope: 1 to 64 characters of RFC 6749 section 3.3's `scope-token`
/// (visible ASCII without `"` and `\`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Scope(String);

impl Scope {
    /// Most characters.
    pub const MAX: usize = 64;

    /// Reads a scope; `None` where it has another form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=Self::MAX).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'));
        fits.then(|| Self(text.to_owned()))
    }

    /// The scope as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> Self {
        scope.0
    }
}

impl TryFrom<String> for Scope {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("a scope is 1 to 64 visible ASCII characters without \" and \\")
    }
}

/// A key's scopes: sorted, none twice, at most [`Scopes::MAX`].
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<Scope>", into = "Vec<Scope>")]
pub struct Scopes(Vec<Scope>);

impl Scopes {
    /// Most scopes of one key.
    pub const MAX: usize = 50;

    /// Sorts them and drops repeats; `None` where there are too many.
    #[must_use]
    pub fn new(mut scopes: Vec<Scope>) -> Option<Self> {
        if scopes.len() > Self::MAX {
            return None;
        }
        scopes.sort();
        scopes.dedup();
        Some(Self(scopes))
    }

    /// Whether `scope` is among them.
    #[must_use]
    pub fn contains(&self, scope: &str) -> bool {
        self.0.iter().any(|held| held.as_str() == scope)
    }

    /// Whether every one of `others` is among them.
    #[must_use]
    pub fn cover(&self, others: &Self) -> bool {
        others.iter().all(|scope| self.contains(scope.as_str()))
    }

    /// Those that are among `others` too.
    #[must_use]
    pub fn within(&self, others: &Self) -> Self {
        let both = |scope: &&Scope| others.contains(scope.as_str());
        Self(self.iter().filter(both).cloned().collect())
    }

    /// Those that are not among `others`.
    #[must_use]
    pub fn without(&self, others: &Self) -> Self {
        let alone = |scope: &&Scope| !others.contains(scope.as_str());
        Self(self.iter().filter(alone).cloned().collect())
    }

    /// In order.
    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes held, for the memory limit of a view.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.0
            .iter()
            .map(|scope| scope.0.capacity() + size_of::<Scope>())
            .sum()
    }
}

impl fmt::Display for Scopes {
    /// With single spaces between, as RFC 6749 section 3.3 writes them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for scope in &self.0 {
            if !first {
                f.write_str(" ")?;
            }
            first = false;
            f.write_str(scope.as_str())?;
        }
        Ok(())
    }
}

impl From<Scopes> for Vec<Scope> {
    fn from(scopes: Scopes) -> Self {
        scopes.0
    }
}

impl TryFrom<Vec<Scope>> for Scopes {
    type Error = &'static str;
    fn try_from(scopes: Vec<Scope>) -> Result<Self, Self::Error> {
        Self::new(scopes).ok_or("at most 50 scopes")
    }
}
