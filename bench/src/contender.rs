//! The Workers that several parts of the bench start, with their bindings.

use crate::{
    keys::Secrets,
    workerd::{Binding, Worker},
};
use anyhow::Result;
use serde_json::json;
use std::net::SocketAddr;

/// A Worker of ours, bound as wrangler.toml binds it.
pub(crate) fn ours(secrets: &Secrets, kv: SocketAddr, upstream: SocketAddr) -> Result<Worker> {
    let both = data_plane("index.js", secrets, kv)?;
    Ok(both
        .bind("UPSTREAM", Binding::Service(upstream))
        .bind("REGISTRY", Binding::Objects("Registry"))
        .bind("DIRECTORY", Binding::Objects("Directory"))
        .bind("CHANGE_LOG", Binding::Objects("ChangeLog"))
        .bind("RELAY", Binding::Objects("Relay"))
        .bind("METER", Binding::Objects("Meter"))
        .bind(
            "BOOTSTRAP_TOKEN",
            Binding::Text(secrets.bootstrap_token.clone()),
        ))
}

/// With no more than the data plane needs to tell what is no key of ours.
pub(crate) fn data_plane(entry: &str, secrets: &Secrets, kv: SocketAddr) -> Result<Worker> {
    let route = |path: &str, freshness: &str| json!({ "method": "GET", "path": path, "scope": "read", "freshness": freshness });
    Ok(Worker::ours(entry)?
        .bind("KEYS", Binding::Kv(kv))
        .bind("ROOT_KEYS", Binding::Text(secrets.root_keys.clone()))
        .bind(
            "ROUTES",
            Binding::Json(json!([
                route("/v1/catalogs/{id}", "bounded"),
                route("/v1/billing", "strict"),
            ])),
        ))
}

/// The tuned JavaScript version of the same check.
pub(crate) fn check(secrets: &Secrets, kv: SocketAddr) -> Worker {
    Worker::peer("check.js")
        .bind("KEYS", Binding::Kv(kv))
        .bind("PEPPER", Binding::Text(secrets.pepper.clone()))
}

/// The same, which asks a relay and a change log for each key it has not met.
pub(crate) fn check_with_log(secrets: &Secrets, kv: SocketAddr) -> Worker {
    check(secrets, kv)
        .bind("RELAY", Binding::Objects("Relay"))
        .bind("METER", Binding::Objects("Meter"))
        .bind("CHANGE_LOG", Binding::Objects("ChangeLog"))
}
