//! The operator's settings: variables and secrets, read once per isolate.

use std::fmt;

use crate::http::{RouteTable, RouteTableError};
use crate::key::{Brand, Keyring, KeyringError};

/// Names of variables and secrets.
pub mod names {
    /// Secret: the ring of root keys, as JSON.
    pub const ROOT_KEYS: &str = "ROOT_KEYS";
    /// Secret: opens `POST /admin/v1/bootstrap` once.
    pub const BOOTSTRAP_TOKEN: &str = "BOOTSTRAP_TOKEN";
    /// Variable: what keys begin with; `kat` where absent.
    pub const BRAND: &str = "BRAND";
    /// Variable: the protected routes.
    pub const ROUTES: &str = "ROUTES";
    /// Service binding: the API behind the gateway.
    pub const UPSTREAM: &str = "UPSTREAM";
    /// Variable: the API's origin, where it is no Worker.
    pub const UPSTREAM_URL: &str = "UPSTREAM_URL";
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

/// The settings as text, as the bindings hold them.
#[derive(Default)]
pub struct Given {
    /// [`names::ROOT_KEYS`]
    pub root_keys: Option<String>,
    /// [`names::BOOTSTRAP_TOKEN`]
    pub bootstrap_token: Option<String>,
    /// [`names::BRAND`]
    pub brand: Option<String>,
    /// [`names::ROUTES`], as JSON
    pub routes: Option<String>,
}

/// Settings that can be worked with. No `Debug`: they hold secrets.
pub struct Settings {
    /// Root keys and what is derived from them.
    pub keyring: Keyring,
    /// The protected routes.
    pub routes: RouteTable,
    /// The one-time token, unless the operator took it away.
    pub bootstrap_token: Option<zeroize::Zeroizing<String>>,
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
    /// `BOOTSTRAP_TOKEN`
    BootstrapToken,
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(name) => write!(f, "{name} is not set"),
            Self::Keyring(error) => error.fmt(f),
            Self::Brand => f.write_str("BRAND is 2 to 8 of a-z"),
            Self::Routes(error) => error.fmt(f),
            Self::BootstrapToken => f.write_str("BOOTSTRAP_TOKEN has at least 32 characters"),
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
        let bootstrap_token = given
            .bootstrap_token
            .filter(|token| !token.is_empty())
            .map(zeroize::Zeroizing::new);
        // A short token could be guessed; the operator draws it from a generator.
        if bootstrap_token
            .as_ref()
            .is_some_and(|token| token.len() < 32)
        {
            return Err(SettingsError::BootstrapToken);
        }
        Ok(Self {
            keyring: Keyring::parse(brand, &root_keys).map_err(SettingsError::Keyring)?,
            routes: RouteTable::parse(&routes).map_err(SettingsError::Routes)?,
            bootstrap_token,
        })
    }
}
