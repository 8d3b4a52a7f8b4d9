//! What the operator sets for all registries.

use std::collections::BTreeSet;

use crate::freshness::{Bound, Millis};
use crate::key::Scope;

/// Settings of a registry.
#[derive(Clone)]
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
    /// Which time zones there are.
    pub time_zones: TimeZones,
}

/// Knows by name which time zones there are.
#[derive(Clone, Copy)]
pub struct TimeZones(pub fn(&str) -> bool);

impl TimeZones {
    /// Whether there is such a time zone.
    #[must_use]
    pub fn have(self, zone: &str) -> bool {
        (self.0)(zone)
    }
}

/// UTC alone.
impl Default for TimeZones {
    fn default() -> Self {
        Self(|zone| zone == "UTC")
    }
}

impl Default for RegistrySettings {
    fn default() -> Self {
        Self {
            transfer: false,
            client_scopes: BTreeSet::new(),
            wait: Bound::DEFAULT.wait(),
            retention_days: 400,
            audit_retention_days: None,
            time_zones: TimeZones::default(),
        }
    }
}
