//! `ids` of an order to many keys.

use serde::{Deserialize, Serialize};

use crate::key::KeyId;

/// The ids of 1 to 100 keys, in the order in which they were named; a repeat counts once.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Vec<KeyId>", into = "Vec<KeyId>")]
pub struct KeyIds(Vec<KeyId>);

impl KeyIds {
    /// Most keys of one order: it writes a few rows and an audit entry for each, in one
    /// transaction.
    pub const MAX: usize = 100;

    /// The ids.
    pub fn iter(&self) -> impl Iterator<Item = &KeyId> {
        self.0.iter()
    }
}

impl TryFrom<Vec<KeyId>> for KeyIds {
    type Error = &'static str;
    fn try_from(named: Vec<KeyId>) -> Result<Self, Self::Error> {
        if !(1..=Self::MAX).contains(&named.len()) {
            return Err("there must be 1 to 100 key ids");
        }
        let mut ids = Vec::with_capacity(named.len());
        for id in named {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        Ok(Self(ids))
    }
}

impl From<KeyIds> for Vec<KeyId> {
    fn from(ids: KeyIds) -> Self {
        ids.0
    }
}
