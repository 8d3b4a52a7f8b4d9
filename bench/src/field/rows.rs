//! The table: each row's server, its requests, and the row that it is held against.

use super::{
    presented::{COLD_KEYS, Presented},
    servers::Servers,
};
use crate::{
    load::{Requests, request},
    workerd::Server,
};
use std::net::SocketAddr;

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

impl Row {
    fn of(
        name: &str,
        kind: &'static str,
        beside: &'static str,
        server: &Server,
        requests: Requests,
    ) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            beside,
            at: server.address,
            pid: server.pid(),
            requests,
            at_most: None,
        }
    }
}

// Rows that others are held against.
const EMPTY_HANDLER: &str = "empty handler";
const EMPTY_PROXY: &str = "empty proxy";
const WARM: &str = "authorize, warm";
const SAME_READS: &str = "tuned JavaScript, cold: the same reads";

/// A path of the gateway.
const CATALOG: &str = "/v1/catalogs/c1";

/// All rows but the probes, in the order in which they are shown.
pub(super) fn all(servers: &Servers, presented: &Presented) -> Vec<Row> {
    let mut rows = limits(servers, presented);
    rows.extend(warm(servers, presented));
    rows.extend(refusals(servers, presented));
    rows.extend(gateway(servers, presented));
    rows.extend(cold(servers, presented));
    rows.push(strict(servers, presented));
    rows
}

/// A handler of one's own.
pub(super) fn probe(name: &str, server: &Server, presented: &Presented) -> Row {
    let requests = granted("/authorize", &presented.key);
    Row::of(name, "probe", EMPTY_HANDLER, server, requests)
}

/// What nothing in this runtime is faster than.
fn limits(servers: &Servers, presented: &Presented) -> Vec<Row> {
    let through = granted(CATALOG, &presented.key);
    vec![
        Row::of(
            EMPTY_HANDLER,
            "limit",
            EMPTY_HANDLER,
            &servers.empty,
            keyless(200),
        ),
        Row::of(EMPTY_PROXY, "limit", EMPTY_PROXY, &servers.proxy, through),
    ]
}

/// One key that is met again and again.
fn warm(servers: &Servers, presented: &Presented) -> Vec<Row> {
    let peer = |name, server, key| Row::of(name, "peer", WARM, server, granted("/authorize", key));
    let ours = |name, target| {
        let requests = granted(target, &presented.key);
        Row::of(name, "ours", EMPTY_HANDLER, &servers.ours, requests)
    };
    vec![
        ours(WARM, "/authorize"),
        peer("tuned JavaScript, warm", &servers.tuned, &presented.key),
        peer("Hono bearerAuth, KV", &servers.hono_bearer, &presented.key),
        peer("Hono jwt", &servers.hono_jwt, &presented.jwt),
        peer(
            "better-auth API key",
            &servers.better_auth,
            &presented.better_auth,
        ),
        ours("/v1/key, warm", "/v1/key"),
    ]
}

/// Requests that are answered with 401.
fn refusals(servers: &Servers, presented: &Presented) -> Vec<Row> {
    let refused = |key| requests("/authorize", key, 401);
    let ours = |name, requests| Row::of(name, "ours", EMPTY_HANDLER, &servers.ours, requests);
    vec![
        ours("missing", keyless(401)),
        ours("malformed", refused(&presented.mistyped)),
        Row::of(
            "refusal: the same answer from JavaScript",
            "limit",
            EMPTY_HANDLER,
            &servers.refusal,
            refused(&presented.mistyped),
        ),
        ours("forged id", refused(&presented.forged)),
        ours("wrong secret", refused(&presented.wrong_secret)),
        ours("revoked", refused(&presented.revoked)),
    ]
}

/// What is granted goes on to the API behind.
fn gateway(servers: &Servers, presented: &Presented) -> Vec<Row> {
    let row = |name, kind, server| {
        let requests = granted(CATALOG, &presented.key);
        Row::of(name, kind, EMPTY_PROXY, server, requests)
    };
    vec![
        row("gateway, warm", "ours", &servers.ours),
        row(
            "gateway: the same headers from JavaScript",
            "limit",
            &servers.stripping,
        ),
    ]
}

/// Each key is met once.
fn cold(servers: &Servers, presented: &Presented) -> Vec<Row> {
    let row = |name, kind, server| {
        let texts = presented
            .cold
            .iter()
            .map(|key| with_key("/authorize", key))
            .collect();
        Row {
            at_most: Some(COLD_KEYS as u64 * 9 / 10),
            ..Row::of(name, kind, SAME_READS, server, Requests::new(texts, 200))
        }
    };
    vec![
        row("cold: KV, the relay, the change log", "ours", &servers.ours),
        row(SAME_READS, "peer", &servers.tuned_with_log),
        row(
            "tuned JavaScript, cold: KV and one object",
            "peer",
            &servers.tuned_with_object,
        ),
        row("tuned JavaScript, cold: KV alone", "peer", &servers.tuned),
    ]
}

/// A route whose every request is decided at the registry.
fn strict(servers: &Servers, presented: &Presented) -> Row {
    let text = request(
        "GET",
        "/authorize/forwarded",
        &[
            ("Authorization", &bearer(&presented.registered)),
            ("X-Forwarded-Method", "GET"),
            ("X-Forwarded-Uri", "/v1/billing"),
        ],
    );
    let requests = Requests::new(vec![text], 200);
    Row::of(
        "strict: the registry",
        "ours",
        EMPTY_PROXY,
        &servers.ours,
        requests,
    )
}

fn bearer(key: &str) -> String {
    format!("Bearer {key}")
}

fn with_key(target: &str, key: &str) -> Vec<u8> {
    request("GET", target, &[("Authorization", &bearer(key))])
}

fn requests(target: &str, key: &str, status: u16) -> Requests {
    Requests::new(vec![with_key(target, key)], status)
}

fn granted(target: &str, key: &str) -> Requests {
    requests(target, key, 200)
}

fn keyless(status: u16) -> Requests {
    Requests::new(vec![request("GET", "/authorize", &[])], status)
}
