//! What the operator sets for all registries.

use std::collections::BTreeSet;

use crate::freshness::{Bound, Millis};
use crate::key::Scope;

/// Settings of a registry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RegistrySettings {
    /// Whether keys may be exported with their digests, and imported.
    pub transfer: bool,
    /// The scopes there are for clients' keys: nobody is given another one.
    pub client_scopes: BTreeSet<Scope>,
    /// How long a change waits once the change log has it: by then it is enforced.
    pub wait: Millis,
    /// How long a deleted organization's records are kept, in days.
    pub retention_days: u32,
    /// How long entries of the audit are kept, in days; for ever where `None`.
    pub audit_retention_days: Option<u32>,
}

impl Default for RegistrySettings {
    fn default() -> Self {
        Self {
            transfer: false,
            client_scopes: BTreeSet::new(),
            wait: Bound::DEFAULT.wait(),
            retention_days: 400,
            audit_retention_days: None,
        }
    }
}
