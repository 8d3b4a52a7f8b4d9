//! What both planes need, or the data plane alone.

use std::time::Duration;

use zeroize::Zeroizing;

use super::bindings;
#[cfg(feature = "control")]
use super::control::{ControlSettings, RawControlSettings};
use super::error::SettingsError;
use super::value::{bound, secret, switch, value};
use crate::freshness::failover::Region;
use crate::freshness::{Bound, Millis};
use crate::http::{Route, RouteTable, own_prefix};
use crate::key::{Brand, Keyring};
use crate::verify::TestKeys;

/// [`bindings::UPSTREAM_TIMEOUT_MS`] where absent.
const UPSTREAM_TIMEOUT: Duration = Duration::from_secs(60);

/// The settings as the bindings hold them.
#[derive(Default)]
pub struct RawSettings {
    /// [`bindings::ROOT_KEYS`], as JSON.
    pub root_keys: Option<String>,
    /// [`bindings::BRAND`]
    pub brand: Option<String>,
    /// [`bindings::ROUTES`], as JSON.
    pub routes: Option<String>,
    /// [`bindings::OWN_PREFIX`]
    pub own_prefix: Option<String>,
    /// [`bindings::FRESHNESS_AT_MOST_MS`]
    pub at_most: Option<String>,
    /// [`bindings::CONFIRMATIONS`]
    pub confirmations: Option<String>,
    /// [`bindings::ON_UNMETERED`]
    pub on_unmetered: Option<String>,
    /// [`bindings::ON_UNPROVEN`]
    pub on_unproven: Option<String>,
    /// [`bindings::UNPROVEN_AT_MOST_MS`]
    pub unproven_at_most: Option<String>,
    /// [`bindings::RELAY_REPLICAS`]
    pub relay_replicas: Option<String>,
    /// [`bindings::RELAY_REGION`]
    pub relay_region: Option<String>,
    /// [`bindings::LOG_SAMPLE_PERCENT`]
    pub log_sample_percent: Option<String>,
    /// [`bindings::UPSTREAM_TIMEOUT_MS`]
    pub upstream_timeout: Option<String>,
    /// [`bindings::FORWARD_AUTH_SECRET`]
    pub forward_auth_secret: Option<String>,
    /// [`bindings::FORWARD_AUTH_TEST_KEYS`]
    pub forward_auth_test_keys: Option<String>,
    /// [`bindings::ASSERTION_SECRET`]
    pub assertion_secret: Option<String>,
    /// The control plane's own.
    #[cfg(feature = "control")]
    pub control: RawControlSettings,
}

/// Settings that can be worked with. No `Debug`: they hold secrets.
pub struct Settings {
    /// Root keys and what is derived from them.
    pub keyring: Keyring,
    /// The protected routes.
    pub routes: RouteTable,
    /// This edge's own limit of the freshness bound.
    pub at_most: Bound,
    /// Whether changes are enforced by confirmation, and by time where that fails;
    /// else by time alone.
    pub confirmations: bool,
    /// Where freshness cannot be proven, the greatest age of a proof on which a
    /// client is let in all the same; none where it is refused.
    pub serve_unproven: Option<Millis>,
    /// Whether a client is let in whose limits cannot be checked.
    pub serve_unmetered: bool,
    /// Relays in each region.
    pub relay_replicas: u8,
    /// The region whose relay is asked, where the operator fixed it.
    pub relay_region: Option<Region>,
    /// How many of a hundred refusals are in the log.
    pub log_sample_percent: u8,
    /// The APIs behind, by name.
    pub upstreams: Vec<(String, Upstream)>,
    /// How long the API may take until its headers are there.
    pub upstream_timeout: Duration,
    /// Where `test` keys are good.
    pub test_keys: TestKeys,
    /// What a proxy shows to be believed about the client's address.
    pub forward_auth_secret: Option<Zeroizing<String>>,
    /// What signs assertions.
    pub assertion_secret: Option<Zeroizing<String>>,
    /// The control plane's own.
    #[cfg(feature = "control")]
    pub control: ControlSettings,
}

/// An API behind the gateway.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Upstream {
    /// Where it is for `live` keys.
    pub live: Option<Target>,
    /// Whether a Worker is bound for `test` keys, under its name and
    /// [`bindings::TEST_OF`].
    pub has_test: bool,
}

/// Where an API is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    /// In a Worker, bound under its name.
    Service,
    /// At a URL without a path, from its name and [`bindings::URL_OF`].
    Origin(String),
}

impl Upstream {
    /// From its bindings: a Worker goes before a URL, and an empty URL is none.
    #[must_use]
    pub fn of(is_bound: bool, url: Option<String>, has_test: bool) -> Self {
        let url = url.filter(|url| !url.is_empty());
        let origin = url.map(|url| Target::Origin(url.trim_end_matches('/').to_owned()));
        Self {
            live: if is_bound {
                Some(Target::Service)
            } else {
                origin
            },
            has_test,
        }
    }
}

impl Settings {
    /// Reads the settings. `upstream` says where the API of a name is.
    ///
    /// # Errors
    /// The first that cannot be used.
    pub fn read(
        raw: RawSettings,
        upstream: &dyn Fn(&str) -> Upstream,
    ) -> Result<Self, SettingsError> {
        let routes = raw.routes.ok_or(SettingsError::Missing(bindings::ROUTES))?;
        let own_prefix = value(
            raw.own_prefix,
            bindings::OWN_PREFIX,
            "a path such as /_keys, without a slash at its end",
            own_prefix,
        )?
        .unwrap_or_default();
        let routes = RouteTable::parse(&routes, &own_prefix).map_err(SettingsError::Routes)?;
        let upstreams = upstreams(&routes, upstream)?;
        Ok(Self {
            #[cfg(feature = "control")]
            control: ControlSettings::read(raw.control, &routes)?,
            keyring: keyring(raw.root_keys, raw.brand.as_deref())?,
            routes,
            at_most: bound(raw.at_most, bindings::FRESHNESS_AT_MOST_MS)?.unwrap_or(Bound::MAX),
            confirmations: switch(raw.confirmations, bindings::CONFIRMATIONS)?.unwrap_or(true),
            serve_unproven: serve_unproven(raw.on_unproven, raw.unproven_at_most)?,
            serve_unmetered: serves(raw.on_unmetered, bindings::ON_UNMETERED)?,
            relay_replicas: value(
                raw.relay_replicas,
                bindings::RELAY_REPLICAS,
                "between 1 and 16",
                |text| text.parse().ok().filter(|count| (1..=16).contains(count)),
            )?
            .unwrap_or(1),
            relay_region: value(
                raw.relay_region,
                bindings::RELAY_REGION,
                "a location hint, such as weur",
                |text| Region::ALL.into_iter().find(|region| region.hint() == text),
            )?,
            log_sample_percent: value(
                raw.log_sample_percent,
                bindings::LOG_SAMPLE_PERCENT,
                "between 0 and 100",
                |text| text.parse().ok().filter(|percent| *percent <= 100),
            )?
            .unwrap_or(100),
            upstreams,
            upstream_timeout: value(
                raw.upstream_timeout,
                bindings::UPSTREAM_TIMEOUT_MS,
                "between 100 and 600000",
                |text| text.parse().ok().filter(|ms| (100..=600_000).contains(ms)),
            )?
            .map_or(UPSTREAM_TIMEOUT, Duration::from_millis),
            test_keys: TestKeys {
                proxies_take_them: switch(
                    raw.forward_auth_test_keys,
                    bindings::FORWARD_AUTH_TEST_KEYS,
                )?
                .unwrap_or_default(),
            },
            forward_auth_secret: secret(raw.forward_auth_secret, bindings::FORWARD_AUTH_SECRET)?,
            assertion_secret: secret(raw.assertion_secret, bindings::ASSERTION_SECRET)?,
        })
    }
}

impl Settings {
    /// The API behind a route, and its place among all.
    #[must_use]
    pub fn upstream(&self, route: &Route) -> Option<(usize, &Upstream)> {
        let mut upstreams = self.upstreams.iter().enumerate();
        let found = upstreams.find(|(_, (name, _))| name == route.upstream());
        found.map(|(place, (_, upstream))| (place, upstream))
    }
}

/// Those that routes lead to. One that a route names must be somewhere.
fn upstreams(
    routes: &RouteTable,
    upstream: &dyn Fn(&str) -> Upstream,
) -> Result<Vec<(String, Upstream)>, SettingsError> {
    let mut upstreams: Vec<(String, Upstream)> = Vec::new();
    for route in routes.iter() {
        let name = route.upstream();
        if upstreams.iter().any(|(known, _)| known == name) {
            continue;
        }
        let found = upstream(name);
        // A control plane in a Worker of its own has no API behind it.
        let is_needed = cfg!(feature = "edge") && name != bindings::UPSTREAM;
        if is_needed && found.live.is_none() {
            return Err(SettingsError::Unbound(name.to_owned()));
        }
        upstreams.push((name.to_owned(), found));
    }
    Ok(upstreams)
}

fn keyring(root_keys: Option<String>, brand: Option<&str>) -> Result<Keyring, SettingsError> {
    let brand = match brand {
        None | Some("") => Brand::KATALO,
        Some(text) => Brand::parse(text).ok_or(SettingsError::Brand)?,
    };
    let root_keys = root_keys.ok_or(SettingsError::Missing(bindings::ROOT_KEYS))?;
    Keyring::parse(brand, &Zeroizing::new(root_keys)).map_err(SettingsError::Keyring)
}

/// Never without an end: an edge that is cut off would let a revoked key in for ever.
fn serve_unproven(
    on_unproven: Option<String>,
    at_most: Option<String>,
) -> Result<Option<Millis>, SettingsError> {
    let serves = serves(on_unproven, bindings::ON_UNPROVEN)?;
    let at_most = value(
        at_most,
        bindings::UNPROVEN_AT_MOST_MS,
        "between 1000 and 86400000",
        |text| {
            let ms = text.parse().ok()?;
            (1_000..=86_400_000).contains(&ms).then_some(Millis(ms))
        },
    )?;
    if serves {
        let missing = SettingsError::Missing(bindings::UNPROVEN_AT_MOST_MS);
        at_most.map(Some).ok_or(missing)
    } else {
        Ok(None)
    }
}

/// What becomes of a request that cannot be decided as it should; refused unless said.
fn serves(text: Option<String>, name: &'static str) -> Result<bool, SettingsError> {
    let serves = value(text, name, "refuse or serve", |text| match text {
        "refuse" => Some(false),
        "serve" => Some(true),
        _ => None,
    })?;
    Ok(serves.unwrap_or(false))
}
