//! `katalo.toml`: the operator's settings in a file of their own. The build reads it;
//! what it says reaches the Worker as if it were variables.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::bindings::{CLIENT_SCOPES, GITHUB_PUBLIC_KEYS, URL_OF};
use crate::freshness::failover::Region;
use crate::http::{DescribedScope, RouteEntry};
use crate::key::Scope;

/// Settings of katalo-keys. Secrets do not belong here.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "katalo.toml")]
pub struct SettingsFile {
    /// The protected routes. Two that fit the same request are refused.
    pub routes: Option<Vec<RouteEntry>>,
    /// What each scope of clients' keys allows, in the order in which it is shown.
    pub scopes: Option<Vec<DescribedScope>>,
    /// Scopes of clients' keys that no route asks for.
    pub client_scopes: Option<Vec<Scope>>,
    /// The APIs behind the gateway, by the names that routes have for them; `UPSTREAM`
    /// is that of routes which name none.
    #[serde(default)]
    pub upstreams: BTreeMap<String, SettingsFileUpstream>,
    /// Milliseconds that an API may take until its headers are there; 60000 unless said.
    #[schemars(range(min = 100, max = 600_000))]
    pub upstream_timeout_ms: Option<u64>,
    /// What keys begin with: 2 to 8 letters; `kat` unless said.
    #[schemars(regex(pattern = "^[a-z]{2,8}$"))]
    pub brand: Option<String>,
    /// What our own paths for clients and proxies begin with, such as `/_keys`.
    #[schemars(regex(pattern = "^(/[^/]+)*$"))]
    pub own_prefix: Option<String>,
    /// The freshness bound: the greatest age of a proof in milliseconds; 5000 unless
    /// said.
    #[schemars(range(min = 200, max = 600_000))]
    pub freshness_bound_ms: Option<u64>,
    /// This edge's own, shorter bound in milliseconds.
    #[schemars(range(min = 200, max = 600_000))]
    pub freshness_at_most_ms: Option<u64>,
    /// Whether a change is enforced once every edge has confirmed it; `true` unless said.
    pub confirmations: Option<bool>,
    /// What becomes of a request whose freshness cannot be proven; `refuse` unless said.
    /// `serve` weakens the guarantee.
    #[schemars(extend("enum" = ["refuse", "serve"]))]
    pub on_unproven: Option<String>,
    /// With `serve`: the greatest age of what is served on, in milliseconds.
    #[schemars(range(min = 1000, max = 86_400_000))]
    pub unproven_at_most_ms: Option<u64>,
    /// What becomes of a request whose limits cannot be counted; `refuse` unless said.
    #[schemars(extend("enum" = ["refuse", "serve"]))]
    pub on_unmetered: Option<String>,
    /// Relays in each region; 1 unless said.
    #[schemars(range(min = 1, max = 16))]
    pub relay_replicas: Option<u64>,
    /// The region whose relay is asked, whatever the platform says.
    #[schemars(extend("enum" = Region::ALL.map(Region::hint)))]
    pub relay_region: Option<String>,
    /// Whether `/authorize` takes keys of the environment `test`; `false` unless said.
    pub forward_auth_test_keys: Option<bool>,
    /// Whether keys can be exported with their digests, and imported; `false` unless
    /// said.
    pub key_transfer: Option<bool>,
    /// Days for which a deleted organization's records are kept; 400 unless said.
    #[schemars(range(min = 30, max = 3650))]
    pub retention_days: Option<u64>,
    /// Days for which entries of audits are kept; for ever unless said.
    #[schemars(range(min = 30, max = 3650))]
    pub audit_retention_days: Option<u64>,
    /// How many of a hundred refusals are in the log; 100 unless said.
    #[schemars(range(max = 100))]
    pub log_sample_percent: Option<u64>,
    /// The keys that sign leak reports; fetched from GitHub unless said.
    pub github_public_keys: Option<Vec<SettingsFileSigningKey>>,
}

/// An API behind the gateway.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Upstream")]
pub struct SettingsFileUpstream {
    /// Its origin: scheme, host, and a port where it is not the usual one.
    #[schemars(regex(pattern = "^https?://[^/?#@]+/?$"))]
    pub url: String,
}

/// A key that signs leak reports, as GitHub publishes it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SigningKey")]
pub struct SettingsFileSigningKey {
    key_identifier: String,
    /// In PEM.
    key: String,
}

impl SettingsFile {
    /// The same as variables: what [`RawSettings::of`](super::RawSettings::of) asks for,
    /// by name.
    #[must_use]
    pub fn variables(&self) -> Map<String, Value> {
        let mut variables = Map::new();
        let Ok(Value::Object(members)) = serde_json::to_value(self) else {
            return variables;
        };
        for (name, value) in members {
            let name = name.to_ascii_uppercase();
            let value = match value {
                // The upstreams; see below.
                Value::Null | Value::Object(_) => continue,
                Value::Bool(true) => "on".into(),
                Value::Bool(false) => "off".into(),
                Value::Array(keys) if name == GITHUB_PUBLIC_KEYS => json!({ "public_keys": keys }),
                Value::Array(scopes) if name == CLIENT_SCOPES => {
                    let scopes: Vec<&str> = scopes.iter().filter_map(Value::as_str).collect();
                    scopes.join(" ").into()
                }
                value => value,
            };
            variables.insert(name, value);
        }
        for (name, upstream) in &self.upstreams {
            variables.insert([name, URL_OF].concat(), upstream.url.as_str().into());
        }
        variables
    }
}
