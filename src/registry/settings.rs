//! What the operator sets for all registries.

use crate::key::Scopes;

/// Settings of a registry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RegistrySettings {
    /// Whether keys may be exported with their digests, and imported.
    pub transfer: bool,
    /// The scopes that clients' keys may have; any where `None`.
    pub client_scopes: Option<Scopes>,
    /// How long a deleted organization's records are kept, in days.
    pub retention_days: u32,
    /// How long entries of the audit are kept, in days; for ever where `None`.
    pub audit_retention_days: Option<u32>,
}

impl Default for RegistrySettings {
    fn default() -> Self {
        Self {
            transfer: false,
            client_scopes: None,
            retention_days: 400,
            audit_retention_days: None,
        }
    }
}
