//! The operator's settings: variables and secrets, read once per isolate.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::freshness::failover::Region;
use crate::freshness::{Bound, Millis};
use crate::http::leaks::SigningKey;
use crate::http::{RouteTable, RouteTableError};
use crate::key::{Brand, Keyring, KeyringError, Scope};
use crate::registry::RegistrySettings;
use crate::verify::TestKeys;

/// Names of variables and secrets.
pub mod names {
    /// Secret: the ring of root keys, as JSON.
    pub const ROOT_KEYS: &str = "ROOT_KEYS";
    /// Secret: opens `POST /admin/v1/bootstrap` once.
    pub const BOOTSTRAP_TOKEN: &str = "BOOTSTRAP_TOKEN";
    /// Secret: shown by a forward-auth proxy that tells the client's address.
    pub const FORWARD_AUTH_SECRET: &str = "FORWARD_AUTH_SECRET";
    /// Secret: signs `Katalo-Assertion`; no assertion is sent without it.
    pub const ASSERTION_SECRET: &str = "ASSERTION_SECRET";
    /// Variable: `on` has `/authorize` and its dialects take `test` keys.
    pub const FORWARD_AUTH_TEST_KEYS: &str = "FORWARD_AUTH_TEST_KEYS";
    /// Variable: `on` lets keys be exported with their digests, and imported.
    pub const KEY_TRANSFER: &str = "KEY_TRANSFER";
    /// Variable: scopes of clients' keys that no route asks for, with spaces
    /// between; the API behind knows them.
    pub const CLIENT_SCOPES: &str = "CLIENT_SCOPES";
    /// Variable: days for which a deleted organization's records are kept.
    pub const RETENTION_DAYS: &str = "RETENTION_DAYS";
    /// Variable: days for which entries of the audit are kept; for ever where absent.
    pub const AUDIT_RETENTION_DAYS: &str = "AUDIT_RETENTION_DAYS";
    /// Variable: what keys begin with; `kat` where absent.
    pub const BRAND: &str = "BRAND";
    /// Variable: the keys that sign leak reports, in the form in which GitHub
    /// publishes them; fetched from there where absent.
    pub const GITHUB_PUBLIC_KEYS: &str = "GITHUB_PUBLIC_KEYS";
    /// Variable: what becomes of a request whose freshness cannot be proven,
    /// `refuse` or `serve`; `refuse` where absent.
    pub const ON_UNPROVEN: &str = "ON_UNPROVEN";
    /// Variable: the greatest age of a proof that is served on then, in
    /// milliseconds.
    pub const UNPROVEN_AT_MOST_MS: &str = "UNPROVEN_AT_MOST_MS";
    /// Variable: the protected routes.
    pub const ROUTES: &str = "ROUTES";
    /// Variable: how many of a hundred refusals are in the log; all where absent.
    pub const LOG_SAMPLE_PERCENT: &str = "LOG_SAMPLE_PERCENT";
    /// Analytics Engine: counts of decisions, where it is bound.
    pub const METRICS: &str = "METRICS";
    /// Service binding: the API behind the gateway.
    pub const UPSTREAM: &str = "UPSTREAM";
    /// Variable: the API's origin, where it is no Worker.
    pub const UPSTREAM_URL: &str = "UPSTREAM_URL";
    /// Variable: milliseconds that the API may take until its headers are there.
    pub const UPSTREAM_TIMEOUT_MS: &str = "UPSTREAM_TIMEOUT_MS";
    /// Service binding: the API for `test` keys.
    pub const UPSTREAM_TEST: &str = "UPSTREAM_TEST";
    /// Workers KV: sealed records.
    pub const KEYS: &str = "KEYS";
    /// Durable Object: the truth about one organization.
    pub const REGISTRY: &str = "REGISTRY";
    /// Durable Object: the list of organizations.
    pub const DIRECTORY: &str = "DIRECTORY";
    /// Durable Object: what changed, in order.
    pub const CHANGE_LOG: &str = "CHANGE_LOG";
    /// Variable: the freshness bound in milliseconds, 200 to 600000.
    pub const FRESHNESS_BOUND_MS: &str = "FRESHNESS_BOUND_MS";
    /// Variable: this edge's own, shorter bound in milliseconds.
    pub const FRESHNESS_AT_MOST_MS: &str = "FRESHNESS_AT_MOST_MS";
    /// Variable: replicas of the relay in each region; 1 where absent.
    pub const RELAY_REPLICAS: &str = "RELAY_REPLICAS";
    /// Variable: the region whose relay is asked, whatever `request.cf` says.
    pub const RELAY_REGION: &str = "RELAY_REGION";
    /// Durable Object: between the edges of a region and the change log.
    pub const RELAY: &str = "RELAY";
}

/// [`names::UPSTREAM_TIMEOUT_MS`] where absent.
const UPSTREAM_TIMEOUT: Duration = Duration::from_secs(60);

/// The settings as text, as the bindings hold them.
#[derive(Default)]
pub struct Given {
    /// [`names::ROOT_KEYS`]
    pub root_keys: Option<String>,
    /// [`names::BOOTSTRAP_TOKEN`]
    pub bootstrap_token: Option<String>,
    /// [`names::FORWARD_AUTH_SECRET`]
    pub forward_auth_secret: Option<String>,
    /// [`names::ASSERTION_SECRET`]
    pub assertion_secret: Option<String>,
    /// [`names::FORWARD_AUTH_TEST_KEYS`]
    pub forward_auth_test_keys: Option<String>,
    /// [`names::KEY_TRANSFER`]
    pub key_transfer: Option<String>,
    /// [`names::CLIENT_SCOPES`]
    pub client_scopes: Option<String>,
    /// [`names::RETENTION_DAYS`]
    pub retention_days: Option<String>,
    /// [`names::AUDIT_RETENTION_DAYS`]
    pub audit_retention_days: Option<String>,
    /// [`names::BRAND`]
    pub brand: Option<String>,
    /// [`names::GITHUB_PUBLIC_KEYS`], as JSON
    pub github_public_keys: Option<String>,
    /// [`names::LOG_SAMPLE_PERCENT`]
    pub log_sample_percent: Option<String>,
    /// [`names::ON_UNPROVEN`]
    pub on_unproven: Option<String>,
    /// [`names::UNPROVEN_AT_MOST_MS`]
    pub unproven_at_most: Option<String>,
    /// [`names::ROUTES`], as JSON
    pub routes: Option<String>,
    /// [`names::FRESHNESS_BOUND_MS`]
    pub bound: Option<String>,
    /// [`names::FRESHNESS_AT_MOST_MS`]
    pub at_most: Option<String>,
    /// [`names::RELAY_REPLICAS`]
    pub relay_replicas: Option<String>,
    /// [`names::RELAY_REGION`]
    pub relay_region: Option<String>,
    /// [`names::UPSTREAM_TIMEOUT_MS`]
    pub upstream_timeout: Option<String>,
    /// [`names::UPSTREAM_URL`]
    pub upstream_url: Option<String>,
    /// Whether [`names::UPSTREAM`] is bound.
    pub has_upstream: bool,
    /// Whether [`names::UPSTREAM_TEST`] is bound.
    pub has_upstream_test: bool,
}

/// Settings that can be worked with. No `Debug`: they hold secrets.
pub struct Settings {
    /// Root keys and what is derived from them.
    pub keyring: Keyring,
    /// The protected routes.
    pub routes: RouteTable,
    /// This edge's own limit of the freshness bound.
    pub at_most: Bound,
    /// Where freshness cannot be proven, the greatest age of a proof on which a
    /// client is let in all the same; none where it is refused.
    pub serve_unproven: Option<Millis>,
    /// Relays in each region.
    pub relay_replicas: u8,
    /// The region whose relay is asked, where the operator fixed it.
    pub relay_region: Option<Region>,
    /// The keys that sign leak reports, where the operator fixed them.
    pub github_public_keys: Option<Vec<SigningKey>>,
    /// How many of a hundred refusals are in the log.
    pub log_sample_percent: u8,
    /// How long the API may take until its headers are there.
    pub upstream_timeout: Duration,
    /// The API behind, for live keys.
    pub upstream: Option<Upstream>,
    /// Where `test` keys are good.
    pub test_keys: TestKeys,
    /// What the registries are told.
    pub registry: RegistrySettings,
    /// What a proxy shows to be believed about the client's address.
    pub forward_auth_secret: Option<zeroize::Zeroizing<String>>,
    /// What signs assertions.
    pub assertion_secret: Option<zeroize::Zeroizing<String>>,
    /// The one-time token, unless the operator took it away.
    pub bootstrap_token: Option<zeroize::Zeroizing<String>>,
}

/// Where the API behind is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Upstream {
    /// In a Worker, bound as [`names::UPSTREAM`].
    Worker,
    /// At a URL without a path, from [`names::UPSTREAM_URL`].
    Url(String),
}

/// Why the Worker cannot start to serve. Never holds a secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SettingsError {
    /// A secret or variable is missing.
    Missing(&'static str),
    /// `ROOT_KEYS`
    Keyring(KeyringError),
    /// `BRAND`
    Brand,
    /// `ROUTES`
    Routes(RouteTableError),
    /// A secret of fewer than 32 characters.
    Short(&'static str),
    /// A number out of its range, or a name that is none.
    Value {
        /// Of which variable.
        name: &'static str,
        /// What it would be.
        expected: &'static str,
    },
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(name) => write!(f, "{name} is not set"),
            Self::Keyring(error) => error.fmt(f),
            Self::Brand => f.write_str("BRAND is 2 to 8 of a-z"),
            Self::Routes(error) => error.fmt(f),
            Self::Value { name, expected } => write!(f, "{name} is {expected}"),
            Self::Short(name) => write!(f, "{name} has at least 32 characters"),
        }
    }
}

impl Settings {
    /// Reads the settings.
    ///
    /// # Errors
    /// The first that cannot be used.
    pub fn read(given: Given) -> Result<Self, SettingsError> {
        let brand = match given.brand.as_deref() {
            None | Some("") => Brand::KATALO,
            Some(text) => Brand::parse(text).ok_or(SettingsError::Brand)?,
        };
        let root_keys = zeroize::Zeroizing::new(
            given
                .root_keys
                .ok_or(SettingsError::Missing(names::ROOT_KEYS))?,
        );
        let routes = given.routes.ok_or(SettingsError::Missing(names::ROUTES))?;
        let bootstrap_token = secret(given.bootstrap_token, names::BOOTSTRAP_TOKEN)?;
        let forward_auth_secret = secret(given.forward_auth_secret, names::FORWARD_AUTH_SECRET)?;
        let assertion_secret = secret(given.assertion_secret, names::ASSERTION_SECRET)?;
        let test_keys = switch(given.forward_auth_test_keys, names::FORWARD_AUTH_TEST_KEYS)?;
        let transfer = switch(given.key_transfer, names::KEY_TRANSFER)?;
        let more_scopes: Vec<Scope> = value(
            given.client_scopes,
            names::CLIENT_SCOPES,
            "scopes with spaces between, as read write",
            |text| text.split_ascii_whitespace().map(Scope::parse).collect(),
        )?
        .unwrap_or_default();
        let days = |text: &str| text.parse().ok().filter(|days| (30..=3650).contains(days));
        let days = |given, name| value(given, name, "30 to 3650", days);
        let retention_days = days(given.retention_days, names::RETENTION_DAYS)?;
        let audit_retention_days = days(given.audit_retention_days, names::AUDIT_RETENTION_DAYS)?;
        let milliseconds = |text: &str| Bound::new(text.parse().ok()?);
        let bound = value(
            given.bound,
            names::FRESHNESS_BOUND_MS,
            "200 to 600000",
            milliseconds,
        )?;
        let at_most = value(
            given.at_most,
            names::FRESHNESS_AT_MOST_MS,
            "200 to 600000",
            milliseconds,
        )?;
        let serves = value(
            given.on_unproven,
            names::ON_UNPROVEN,
            "refuse or serve",
            |text| match text {
                "refuse" => Some(false),
                "serve" => Some(true),
                _ => None,
            },
        )?;
        let unproven_at_most = value(
            given.unproven_at_most,
            names::UNPROVEN_AT_MOST_MS,
            "1000 to 86400000",
            |text| {
                let ms = text.parse().ok()?;
                (1_000..=86_400_000).contains(&ms).then_some(Millis(ms))
            },
        )?;
        // Never without an end: an edge that is cut off would let a revoked key
        // in for ever.
        let serve_unproven = match serves {
            Some(true) => {
                Some(unproven_at_most.ok_or(SettingsError::Missing(names::UNPROVEN_AT_MOST_MS))?)
            }
            _ => None,
        };
        let relay_replicas = value(
            given.relay_replicas,
            names::RELAY_REPLICAS,
            "1 to 16",
            |text| text.parse().ok().filter(|count| (1..=16).contains(count)),
        )?;
        let relay_region = value(
            given.relay_region,
            names::RELAY_REGION,
            "a location hint, as weur",
            |text| Region::ALL.into_iter().find(|region| region.hint() == text),
        )?;
        let github_public_keys = value(
            given.github_public_keys,
            names::GITHUB_PUBLIC_KEYS,
            r#"JSON of the form {"public_keys":[{"key_identifier":"…","key":"<PEM>"}]}"#,
            SigningKey::read_all,
        )?;
        let log_sample_percent = value(
            given.log_sample_percent,
            names::LOG_SAMPLE_PERCENT,
            "0 to 100",
            |text| text.parse().ok().filter(|percent| *percent <= 100),
        )?;
        let upstream_timeout = value(
            given.upstream_timeout,
            names::UPSTREAM_TIMEOUT_MS,
            "100 to 600000",
            |text| text.parse().ok().filter(|ms| (100..=600_000).contains(ms)),
        )?;
        let routes = RouteTable::parse(&routes).map_err(SettingsError::Routes)?;
        let usual = RegistrySettings::default();
        Ok(Self {
            at_most: at_most.unwrap_or(Bound::MAX),
            serve_unproven,
            relay_replicas: relay_replicas.unwrap_or(1),
            relay_region,
            upstream: match given.upstream_url.filter(|url| !url.is_empty()) {
                _ if given.has_upstream => Some(Upstream::Worker),
                url => url.map(|url| Upstream::Url(url.trim_end_matches('/').to_owned())),
            },
            test_keys: TestKeys {
                has_upstream: given.has_upstream_test,
                proxies_take_them: test_keys.unwrap_or_default(),
            },
            upstream_timeout: upstream_timeout.map_or(UPSTREAM_TIMEOUT, Duration::from_millis),
            github_public_keys,
            log_sample_percent: log_sample_percent.unwrap_or(100),
            registry: RegistrySettings {
                transfer: transfer.unwrap_or(usual.transfer),
                client_scopes: routes.scopes().chain(more_scopes).collect(),
                wait: bound.unwrap_or(Bound::DEFAULT).wait(),
                retention_days: retention_days.unwrap_or(usual.retention_days),
                audit_retention_days,
            },
            keyring: Keyring::parse(brand, &root_keys).map_err(SettingsError::Keyring)?,
            routes,
            forward_auth_secret,
            assertion_secret,
            bootstrap_token,
        })
    }
}

impl Settings {
    /// Settings that weaken a guarantee, for the status.
    #[must_use]
    pub fn weakened(&self) -> Vec<Weakened> {
        let mut weakened = Vec::new();
        if self.bootstrap_token.is_some() {
            weakened.push(Weakened {
                setting: names::BOOTSTRAP_TOKEN,
                at_most_ms: None,
                text: "BOOTSTRAP_TOKEN is set: whoever holds an unused one can make an admin key. Take it away after use.".to_owned(),
            });
        }
        if self.registry.transfer {
            weakened.push(Weakened {
                setting: names::KEY_TRANSFER,
                at_most_ms: None,
                text: "Export and import of keys with their digests is switched on.".to_owned(),
            });
        }
        if let Some(most) = self.serve_unproven {
            weakened.push(Weakened {
                setting: names::ON_UNPROVEN,
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

/// Reads a secret that may be absent. A short one could be guessed; the operator
/// draws it from a generator.
fn secret(
    text: Option<String>,
    name: &'static str,
) -> Result<Option<zeroize::Zeroizing<String>>, SettingsError> {
    match text.map(zeroize::Zeroizing::new) {
        Some(text) if text.is_empty() => Ok(None),
        Some(text) if text.len() < 32 => Err(SettingsError::Short(name)),
        text => Ok(text),
    }
}

/// Reads a variable that is on or off, and may be absent.
fn switch(text: Option<String>, name: &'static str) -> Result<Option<bool>, SettingsError> {
    value(text, name, "on or off", |text| match text {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    })
}

/// Reads a variable that may be absent.
fn value<T>(
    text: Option<String>,
    name: &'static str,
    expected: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, SettingsError> {
    match text.as_deref() {
        None | Some("") => Ok(None),
        Some(text) => read(text)
            .map(Some)
            .ok_or(SettingsError::Value { name, expected }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(on_unproven: Option<&str>, at_most: Option<&str>) -> Result<Settings, SettingsError> {
        let root_key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        Settings::read(Given {
            root_keys: Some(format!(r#"{{"current":"1","keys":{{"1":"{root_key}"}}}}"#)),
            routes: Some("[]".to_owned()),
            on_unproven: on_unproven.map(str::to_owned),
            unproven_at_most: at_most.map(str::to_owned),
            ..Given::default()
        })
    }

    #[test]
    fn the_scopes_of_clients_are_those_of_routes_and_of_the_setting() {
        let read = |more: Option<&str>| {
            let root_key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
            let route = r#"{"method":"GET","path":"/v1/catalogs","scope":"read"}"#;
            Settings::read(Given {
                root_keys: Some(format!(r#"{{"current":"1","keys":{{"1":"{root_key}"}}}}"#)),
                routes: Some(format!("[{route}]")),
                client_scopes: more.map(str::to_owned),
                ..Given::default()
            })
            .map(|settings| {
                let scopes = settings.registry.client_scopes.iter();
                scopes.map(ToString::to_string).collect::<Vec<_>>()
            })
        };
        assert_eq!(read(None).unwrap(), ["read", "usage"]);
        assert_eq!(
            read(Some(" write  read ")).unwrap(),
            ["read", "usage", "write"]
        );
        assert_eq!(
            read(Some("write \"x\"")).unwrap_err().to_string(),
            "CLIENT_SCOPES is scopes with spaces between, as read write"
        );
    }

    #[test]
    fn what_cannot_be_proven_is_refused_unless_said() {
        for said in [None, Some(""), Some("refuse")] {
            let settings = read(said, Some("60000")).unwrap();
            assert_eq!(settings.serve_unproven, None);
            assert_eq!(settings.weakened(), Vec::<Weakened>::new());
        }
    }

    #[test]
    fn an_audit_is_kept_for_ever_or_for_a_month_at_least() {
        let read = |days: Option<&str>| {
            let root_key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
            let given = Given {
                root_keys: Some(format!(r#"{{"current":"1","keys":{{"1":"{root_key}"}}}}"#)),
                routes: Some("[]".to_owned()),
                audit_retention_days: days.map(str::to_owned),
                ..Given::default()
            };
            Settings::read(given).map(|settings| settings.registry.audit_retention_days)
        };
        assert_eq!(read(None).unwrap(), None);
        assert_eq!(read(Some("")).unwrap(), None);
        assert_eq!(read(Some("30")).unwrap(), Some(30));
        for bad in ["0", "29", "3651", "-1", "for ever"] {
            assert!(read(Some(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn serving_unproven_has_an_end_and_is_told() {
        let settings = read(Some("serve"), Some("60000")).unwrap();
        assert_eq!(settings.serve_unproven, Some(Millis(60_000)));
        let weakened = settings.weakened().pop().unwrap();
        assert_eq!(weakened.setting, names::ON_UNPROVEN);
        assert_eq!(weakened.at_most_ms, Some(Millis(60_000)));
        assert!(weakened.text.contains("ON_UNPROVEN") && weakened.text.contains("60000 ms"));
        for (said, at_most) in [
            (Some("serve"), None),
            (Some("serve"), Some("999")),
            (Some("serve"), Some("86400001")),
            (Some("Serve"), Some("60000")),
        ] {
            assert!(read(said, at_most).is_err(), "{said:?} {at_most:?}");
        }
    }
}
