//! What the control plane alone needs.

use zeroize::Zeroizing;

use super::bindings;
use super::error::SettingsError;
use super::value::{number, secret, switch, value};
use crate::freshness::Bound;
use crate::http::leaks::SigningKey;
use crate::http::{DescribedScope, RouteTable, described_scopes};
use crate::key::Scope;
use crate::registry::{RegistrySettings, TimeZones};

/// The control plane's settings as the bindings hold them.
#[derive(Default)]
pub struct RawControlSettings {
    /// [`bindings::BOOTSTRAP_TOKEN`]
    pub bootstrap_token: Option<String>,
    /// [`bindings::KEY_TRANSFER`]
    pub key_transfer: Option<String>,
    /// [`bindings::CLIENT_SCOPES`]
    pub client_scopes: Option<String>,
    /// [`bindings::SCOPES`], as JSON.
    pub scopes: Option<String>,
    /// [`bindings::RETENTION_DAYS`]
    pub retention_days: Option<String>,
    /// [`bindings::AUDIT_RETENTION_DAYS`]
    pub audit_retention_days: Option<String>,
    /// [`bindings::GITHUB_PUBLIC_KEYS`], as JSON.
    pub github_public_keys: Option<String>,
    /// Which time zones the runtime knows.
    pub time_zones: TimeZones,
}

/// The control plane's own settings. No `Debug`: they hold a secret.
pub struct ControlSettings {
    /// The one-time token, unless the operator took it away.
    pub bootstrap_token: Option<Zeroizing<String>>,
    /// The scopes that clients' keys can be given, as they are shown.
    pub client_scopes: Vec<DescribedScope>,
    /// What the registries are told.
    pub registry: RegistrySettings,
    /// The keys that sign leak reports, where the operator fixed them.
    pub github_public_keys: Option<Vec<SigningKey>>,
}

impl RawControlSettings {
    /// What each binding holds, as `variable` tells it.
    pub(super) fn of(variable: &dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            bootstrap_token: variable(bindings::BOOTSTRAP_TOKEN),
            key_transfer: variable(bindings::KEY_TRANSFER),
            client_scopes: variable(bindings::CLIENT_SCOPES),
            scopes: variable(bindings::SCOPES),
            retention_days: variable(bindings::RETENTION_DAYS),
            audit_retention_days: variable(bindings::AUDIT_RETENTION_DAYS),
            github_public_keys: variable(bindings::GITHUB_PUBLIC_KEYS),
            time_zones: TimeZones::default(),
        }
    }
}

impl ControlSettings {
    /// Reads them. The scopes of clients' keys are those of the routes, and more.
    ///
    /// # Errors
    /// The first that cannot be used.
    pub(super) fn read(
        raw: &mut RawControlSettings,
        routes: &RouteTable,
        bound: Bound,
    ) -> Result<Self, SettingsError> {
        let usual = RegistrySettings::default();
        let days = |text: &Option<String>, name| {
            let days = number(text.as_deref(), name, "between 30 and 3650", 30..=3650)?;
            Ok(days.and_then(|days| u32::try_from(days).ok()))
        };
        let more_scopes: Vec<Scope> = value(
            raw.client_scopes.as_deref(),
            bindings::CLIENT_SCOPES,
            "scopes separated by spaces, such as read write",
            |text| text.split_ascii_whitespace().map(Scope::parse).collect(),
        )?
        .unwrap_or_default();
        let catalogue = raw.scopes.as_deref().filter(|text| !text.is_empty());
        let client_scopes =
            described_scopes(catalogue, routes, more_scopes).map_err(SettingsError::Entry)?;
        Ok(Self {
            bootstrap_token: secret(raw.bootstrap_token.take(), bindings::BOOTSTRAP_TOKEN)?,
            registry: RegistrySettings {
                time_zones: raw.time_zones,
                transfer: switch(raw.key_transfer.as_deref(), bindings::KEY_TRANSFER)?
                    .unwrap_or(usual.transfer),
                client_scopes: client_scopes
                    .iter()
                    .map(|scope| scope.name.clone())
                    .collect(),
                wait: bound.wait(),
                retention_days: days(&raw.retention_days, bindings::RETENTION_DAYS)?
                    .unwrap_or(usual.retention_days),
                audit_retention_days: days(
                    &raw.audit_retention_days,
                    bindings::AUDIT_RETENTION_DAYS,
                )?,
            },
            client_scopes,
            github_public_keys: value(
                raw.github_public_keys.as_deref(),
                bindings::GITHUB_PUBLIC_KEYS,
                r#"JSON of the form {"public_keys":[{"key_identifier":"…","key":"<PEM>"}]}"#,
                SigningKey::read_all,
            )?,
        })
    }
}
