//! Who is measured, on which requests, and beside whom.

use crate::{
    keys::{self, Secrets},
    load::{Requests, request},
    workerd::{Binding, Server, Worker},
};
use anyhow::{Context, Result, ensure};
use katalo_rig::{Admin, Client, forged};
use serde_json::json;
use std::{net::SocketAddr, path::PathBuf};

/// Distinct keys for the rows that meet each key once.
pub(crate) const COLD_KEYS: usize = 60_000;

/// A line of the table.
pub(crate) struct Row {
    pub(crate) name: String,
    /// What it is: `limit`, `ours`, `peer` or `probe`.
    pub(crate) kind: &'static str,
    /// The row that it is shown as a ratio of.
    pub(crate) beside: &'static str,
    pub(crate) at: SocketAddr,
    pub(crate) pid: u32,
    pub(crate) requests: Requests,
    /// Requests in all rounds together, where each key may be met once.
    pub(crate) at_most: Option<u64>,
}

/// Everything that runs, until this is dropped.
pub(crate) struct Field {
    pub(crate) rows: Vec<Row>,
    _servers: Vec<Server>,
}

/// A Worker of ours, bound as wrangler.toml binds it.
pub(crate) fn ours(secrets: &Secrets, kv: SocketAddr, upstream: SocketAddr) -> Result<Worker> {
    let route = |path: &str, freshness: &str| json!({ "method": "GET", "path": path, "scope": "read", "freshness": freshness });
    Ok(Worker::ours()?
        .bind("KEYS", Binding::Kv(kv))
        .bind("UPSTREAM", Binding::Service(upstream))
        .bind("REGISTRY", Binding::Objects("Registry"))
        .bind("DIRECTORY", Binding::Objects("Directory"))
        .bind("CHANGE_LOG", Binding::Objects("ChangeLog"))
        .bind("RELAY", Binding::Objects("Relay"))
        .bind("ROOT_KEYS", Binding::Text(secrets.root_keys.clone()))
        .bind(
            "BOOTSTRAP_TOKEN",
            Binding::Text(secrets.bootstrap_token.clone()),
        )
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
        .bind("CHANGE_LOG", Binding::Objects("ChangeLog"))
}

/// The same text with its last digit changed: its checksum no longer holds.
fn mistyped(key: &str) -> String {
    let (rest, last) = key.split_at(key.len() - 1);
    format!("{rest}{}", if last == "0" { "1" } else { "0" })
}

impl Field {
    /// Starts everything and brings it to the state that is measured.
    pub(crate) fn start(probes: &[PathBuf]) -> Result<Self> {
        let secrets = Secrets::draw()?;
        let kv = Worker::peer("kv.js").start()?;
        let upstream = Worker::peer("empty.js").start()?;
        let empty = Worker::peer("empty.js").start()?;
        let proxy = Worker::peer("proxy.js")
            .bind("UPSTREAM", Binding::Service(upstream.address))
            .start()?;
        let refusal = Worker::peer("refusal.js").start()?;
        let stripping = Worker::peer("gateway.js")
            .bind("UPSTREAM", Binding::Service(upstream.address))
            .start()?;
        let server = ours(&secrets, kv.address, upstream.address)?.start()?;
        let tuned = check(&secrets, kv.address).start()?;
        let asking = check(&secrets, kv.address)
            .bind("RELAY", Binding::Objects("Relay"))
            .start()?;
        let same_reads = check_with_log(&secrets, kv.address).start()?;
        let bearer = Worker::bundled("hono-bearer.js")
            .bind("KEYS", Binding::Kv(kv.address))
            .start()?;
        let jwt = Worker::bundled("hono-jwt.js")
            .bind("JWT_SECRET", Binding::Text(secrets.jwt.clone()))
            .start()?;
        let auth = Worker::bundled("better-auth.js")
            .bind("JWT_SECRET", Binding::Text(secrets.jwt.clone()))
            .start()?;

        // Of the right form, but made under a root key that is not ours.
        let forged = keys::mint(&Secrets::draw()?, 1, kv.address)?
            .pop()
            .context("a key")?;
        let mut minted = keys::mint(&secrets, COLD_KEYS + 1, kv.address)?;
        let key = minted.swap_remove(0);
        let wrong = forged::wrong_secret(&key);
        let client = Client::new(server.address);
        let admin = Admin::bootstrap(&client, &secrets.bootstrap_token)?;
        admin.organization("acme")?;
        let live = admin.issue_live("acme", &["read"])?;
        let revoked = admin.issue_live("acme", &["read"])?;
        ensure!(admin.revoke("acme", &revoked.id)?.status == 200);
        let issued = Client::new(auth.address).get("/issue")?;
        ensure!(issued.status == 200, "better-auth: {issued:?}");

        let bearer_of = |key: &str| format!("Bearer {key}");
        let with = |target: &str, key: &str| {
            vec![request(
                "GET",
                target,
                &[("Authorization", &bearer_of(key))],
            )]
        };
        let cold = |target: &str| {
            let texts = minted
                .iter()
                .map(|key| request("GET", target, &[("Authorization", &bearer_of(key))]))
                .collect();
            Requests::new(texts, 200)
        };
        let strict = request(
            "GET",
            "/authorize/forwarded",
            &[
                ("Authorization", &bearer_of(&live.secret)),
                ("X-Forwarded-Method", "GET"),
                ("X-Forwarded-Uri", "/v1/billing"),
            ],
        );
        let row = |name: &str, kind, beside, server: &Server, texts: Vec<Vec<u8>>, status| Row {
            name: name.to_owned(),
            kind,
            beside,
            at: server.address,
            pid: server.pid(),
            requests: Requests::new(texts, status),
            at_most: None,
        };
        let once = |name: &str, kind, beside, server: &Server| Row {
            name: name.to_owned(),
            kind,
            beside,
            at: server.address,
            pid: server.pid(),
            requests: cold("/authorize"),
            at_most: Some(COLD_KEYS as u64 * 9 / 10),
        };
        let plain = || vec![request("GET", "/authorize", &[])];
        let mut rows = vec![
            row(
                "empty handler",
                "limit",
                "empty handler",
                &empty,
                plain(),
                200,
            ),
            row(
                "empty proxy",
                "limit",
                "empty proxy",
                &proxy,
                with("/v1/catalogs/c1", &key),
                200,
            ),
            row(
                "authorize, warm",
                "ours",
                "empty handler",
                &server,
                with("/authorize", &key),
                200,
            ),
            row(
                "tuned JavaScript, warm",
                "peer",
                "authorize, warm",
                &tuned,
                with("/authorize", &key),
                200,
            ),
            row(
                "Hono bearerAuth, KV",
                "peer",
                "authorize, warm",
                &bearer,
                with("/authorize", &key),
                200,
            ),
            row(
                "Hono jwt",
                "peer",
                "authorize, warm",
                &jwt,
                with("/authorize", &secrets.token()?),
                200,
            ),
            row(
                "better-auth API key",
                "peer",
                "authorize, warm",
                &auth,
                with("/authorize", &issued.text()),
                200,
            ),
            row(
                "/v1/key, warm",
                "ours",
                "empty handler",
                &server,
                with("/v1/key", &key),
                200,
            ),
            row("missing", "ours", "empty handler", &server, plain(), 401),
            row(
                "malformed",
                "ours",
                "empty handler",
                &server,
                with("/authorize", &mistyped(&key)),
                401,
            ),
            row(
                "refusal: the same answer from JavaScript",
                "limit",
                "empty handler",
                &refusal,
                with("/authorize", &mistyped(&key)),
                401,
            ),
            row(
                "forged id",
                "ours",
                "empty handler",
                &server,
                with("/authorize", &forged),
                401,
            ),
            row(
                "wrong secret",
                "ours",
                "empty handler",
                &server,
                with("/authorize", &wrong),
                401,
            ),
            row(
                "revoked",
                "ours",
                "empty handler",
                &server,
                with("/authorize", &revoked.secret),
                401,
            ),
            row(
                "gateway, warm",
                "ours",
                "empty proxy",
                &server,
                with("/v1/catalogs/c1", &key),
                200,
            ),
            row(
                "gateway: the same headers from JavaScript",
                "limit",
                "empty proxy",
                &stripping,
                with("/v1/catalogs/c1", &key),
                200,
            ),
            once(
                "cold: KV, the relay, the change log",
                "ours",
                "tuned JavaScript, cold: the same reads",
                &server,
            ),
            once(
                "tuned JavaScript, cold: the same reads",
                "peer",
                "tuned JavaScript, cold: the same reads",
                &same_reads,
            ),
            once(
                "tuned JavaScript, cold: KV and one object",
                "peer",
                "tuned JavaScript, cold: the same reads",
                &asking,
            ),
            once(
                "tuned JavaScript, cold: KV alone",
                "peer",
                "tuned JavaScript, cold: the same reads",
                &tuned,
            ),
            row(
                "strict: the registry",
                "ours",
                "empty proxy",
                &server,
                vec![strict],
                200,
            ),
        ];
        let mut servers = vec![
            kv, upstream, empty, proxy, refusal, stripping, server, tuned, asking, same_reads,
            bearer, jwt, auth,
        ];
        for path in probes {
            let server = Worker::file(path).start()?;
            let name = path.display().to_string();
            let texts = with("/authorize", &key);
            rows.push(row(&name, "probe", "empty handler", &server, texts, 200));
            servers.push(server);
        }
        Ok(Self {
            rows,
            _servers: servers,
        })
    }
}
