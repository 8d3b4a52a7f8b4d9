//! A record as an isolate's memory holds it.

use std::rc::Rc;

use crate::freshness::Revision;
use crate::freshness::records::Record;
use crate::key::{KeyRecord, OrganizationRecord};
use crate::limits::policy::Policy;

/// A record of the view. Shared, so that a request that decides on it copies
/// nothing.
#[derive(Clone, Debug)]
pub enum CachedRecord {
    /// A key's.
    Key(Rc<KeyRecord>),
    /// An organization's.
    Organization(Rc<OrganizationRecord>),
}

impl CachedRecord {
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

impl Record for CachedRecord {
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
                    size_of::<OrganizationRecord>()
                        + organization.id.as_str().len()
                        + organization
                            .limits
                            .iter()
                            .map(Policy::weight)
                            .sum::<usize>()
                }
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{KeyDigest, OrganizationId, RECORD_VERSION, Scopes};
    use crate::time::Timestamp;

    #[test]
    fn a_record_is_of_one_kind_and_counted_whole() {
        let key = Rc::new(KeyRecord {
            revision: 7,
            name: String::with_capacity(100),
            ..KeyRecord::issued(
                3,
                Timestamp(1),
                KeyDigest::from_text(&"A".repeat(43)).unwrap(),
                Scopes::default(),
            )
        });
        let organization = Rc::new(OrganizationRecord {
            v: RECORD_VERSION,
            revision: 5,
            id: OrganizationId::parse("acme").unwrap(),
            api_access: true,
            keys_revoked_through: 0,
            limits: Vec::new(),
        });
        let shared = size_of::<CachedRecord>() + 2 * size_of::<usize>();

        let record = CachedRecord::Key(Rc::clone(&key));
        assert!(Rc::ptr_eq(record.key().unwrap(), &key));
        assert!(record.organization().is_none());
        assert_eq!(record.revision(), Revision(7));
        let weight = shared + size_of::<KeyRecord>() + 100;
        assert_eq!(record.weight_bytes(), weight);

        let record = CachedRecord::Organization(Rc::clone(&organization));
        assert!(Rc::ptr_eq(record.organization().unwrap(), &organization));
        assert!(record.key().is_none());
        assert_eq!(record.revision(), Revision(5));
        let weight = shared + size_of::<OrganizationRecord>() + 4;
        assert_eq!(record.weight_bytes(), weight);
    }
}
