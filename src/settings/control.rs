//! What the control plane alone needs.

use zeroize::Zeroizing;

use super::bindings;
use super::error::SettingsError;
use super::value::{bound, secret, switch, value};
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
    /// [`bindings::FRESHNESS_BOUND_MS`]
    pub bound: Option<String>,
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

impl ControlSettings {
    /// Reads them. The scopes of clients' keys are those of the routes, and more.
    ///
    /// # Errors
    /// The first that cannot be used.
    pub(super) fn read(
        raw: RawControlSettings,
        routes: &RouteTable,
    ) -> Result<Self, SettingsError> {
        let usual = RegistrySettings::default();
        let days = |text: &str| text.parse().ok().filter(|days| (30..=3650).contains(days));
        let days = |text, name| value(text, name, "between 30 and 3650", days);
        let more_scopes: Vec<Scope> = value(
            raw.client_scopes,
            bindings::CLIENT_SCOPES,
            "scopes separated by spaces, such as read write",
            |text| text.split_ascii_whitespace().map(Scope::parse).collect(),
        )?
        .unwrap_or_default();
        let catalogue = raw.scopes.filter(|text| !text.is_empty());
        let client_scopes = described_scopes(catalogue.as_deref(), routes, more_scopes)
            .map_err(SettingsError::Scopes)?;
        Ok(Self {
            bootstrap_token: secret(raw.bootstrap_token, bindings::BOOTSTRAP_TOKEN)?,
            registry: RegistrySettings {
                time_zones: raw.time_zones,
                transfer: switch(raw.key_transfer, bindings::KEY_TRANSFER)?
                    .unwrap_or(usual.transfer),
                client_scopes: client_scopes
                    .iter()
                    .map(|scope| scope.name.clone())
                    .collect(),
                wait: bound(raw.bound, bindings::FRESHNESS_BOUND_MS)?
                    .unwrap_or(Bound::DEFAULT)
                    .wait(),
                retention_days: days(raw.retention_days, bindings::RETENTION_DAYS)?
                    .unwrap_or(usual.retention_days),
                audit_retention_days: days(
                    raw.audit_retention_days,
                    bindings::AUDIT_RETENTION_DAYS,
                )?,
            },
            client_scopes,
            github_public_keys: value(
                raw.github_public_keys,
                bindings::GITHUB_PUBLIC_KEYS,
                r#"JSON of the form {"public_keys":[{"key_identifier":"…","key":"<PEM>"}]}"#,
                SigningKey::read_all,
            )?,
        })
    }
}
