//! A record as an isolate's memory holds it.

use std::rc::Rc;

use crate::freshness::Revision;
use crate::freshness::records::Record;
use crate::key::{KeyRecord, OrganizationRecord};

/// A record of the view. Shared, so that a request that decides on it copies
/// nothing.
#[derive(Clone, Debug)]
pub enum Held {
    /// A key's.
    Key(Rc<KeyRecord>),
    /// An organization's.
    Organization(Rc<OrganizationRecord>),
}

impl Held {
    /// The key's record, if it is one.
    #[must_use]
    pub fn key(&self) -> Option<&Rc<KeyRecord>> {
        match self {
            Self::Key(key) => Some(key),
            Self::Organization(_) => None,
        }
    }

    /// The organization's record, if it is one.
    #[must_use]
    pub fn organization(&self) -> Option<&Rc<OrganizationRecord>> {
        match self {
            Self::Organization(organization) => Some(organization),
            Self::Key(_) => None,
        }
    }
}

impl Record for Held {
    fn revision(&self) -> Revision {
        Revision(match self {
            Self::Key(key) => key.revision,
            Self::Organization(organization) => organization.revision,
        })
    }

    fn weight_bytes(&self) -> usize {
        // The two counters of an `Rc` beside its value.
        2 * size_of::<usize>()
            + size_of::<Self>()
            + match self {
                Self::Key(key) => size_of::<KeyRecord>() + key.weight(),
                Self::Organization(organization) => {
                    size_of::<OrganizationRecord>() + organization.id.as_str().len()
                }
            }
    }
}
