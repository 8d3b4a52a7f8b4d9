//! What the control plane alone needs.

use serde::Serialize;
use zeroize::Zeroizing;

use super::bindings;
use super::edge::{Settings, bound};
use super::error::SettingsError;
use super::value::{secret, switch, value};
use crate::freshness::{Bound, Millis};
use crate::http::RouteTable;
use crate::http::leaks::SigningKey;
use crate::key::Scope;
use crate::registry::RegistrySettings;

/// The control plane's settings as the bindings hold them.
#[derive(Default)]
pub struct RawControlSettings {
    /// [`bindings::BOOTSTRAP_TOKEN`]
    pub bootstrap_token: Option<String>,
    /// [`bindings::KEY_TRANSFER`]
    pub key_transfer: Option<String>,
    /// [`bindings::CLIENT_SCOPES`]
    pub client_scopes: Option<String>,
    /// [`bindings::RETENTION_DAYS`]
    pub retention_days: Option<String>,
    /// [`bindings::AUDIT_RETENTION_DAYS`]
    pub audit_retention_days: Option<String>,
    /// [`bindings::FRESHNESS_BOUND_MS`]
    pub bound: Option<String>,
    /// [`bindings::GITHUB_PUBLIC_KEYS`], as JSON.
    pub github_public_keys: Option<String>,
}

/// The control plane's own settings. No `Debug`: they hold a secret.
pub struct ControlSettings {
    /// The one-time token, unless the operator took it away.
    pub bootstrap_token: Option<Zeroizing<String>>,
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
        Ok(Self {
            bootstrap_token: secret(raw.bootstrap_token, bindings::BOOTSTRAP_TOKEN)?,
            registry: RegistrySettings {
                transfer: switch(raw.key_transfer, bindings::KEY_TRANSFER)?
                    .unwrap_or(usual.transfer),
                client_scopes: routes.scopes().chain(more_scopes).collect(),
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
            github_public_keys: value(
                raw.github_public_keys,
                bindings::GITHUB_PUBLIC_KEYS,
                r#"JSON of the form {"public_keys":[{"key_identifier":"…","key":"<PEM>"}]}"#,
                SigningKey::read_all,
            )?,
        })
    }
}

impl Settings {
    /// Settings that weaken a guarantee, for the status.
    #[must_use]
    pub fn weakened(&self) -> Vec<Weakened> {
        let mut weakened = Vec::new();
        if self.control.bootstrap_token.is_some() {
            weakened.push(Weakened {
                setting: bindings::BOOTSTRAP_TOKEN,
                at_most_ms: None,
                text: "BOOTSTRAP_TOKEN is set: whoever holds an unused one can make an admin key. Take it away after use.".to_owned(),
            });
        }
        if self.control.registry.transfer {
            weakened.push(Weakened {
                setting: bindings::KEY_TRANSFER,
                at_most_ms: None,
                text: "Export and import of keys with their digests is switched on.".to_owned(),
            });
        }
        if let Some(most) = self.serve_unproven {
            weakened.push(Weakened {
                setting: bindings::ON_UNPROVEN,
                at_most_ms: Some(most),
                text: format!("ON_UNPROVEN is serve: an edge that cannot prove freshness lets clients in on what it last knew, up to {} ms old. A revoked key may be accepted there for that long after its revocation was enforced.", most.0),
            });
        }
        weakened
    }
}

/// A setting that weakens a guarantee.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Weakened {
    /// Its name.
    pub setting: &'static str,
    /// How old what is served may be, where that is what it allows.
    pub at_most_ms: Option<Millis>,
    /// What it allows, in plain English.
    pub text: String,
}
