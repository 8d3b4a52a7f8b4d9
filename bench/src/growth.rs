//! What an operation costs as an organization grows, in the real objects.

use crate::{
    contender::ours,
    keys::Secrets,
    load::{End, Requests, load, request},
    proc,
    workerd::{Server, Worker},
};
use anyhow::{Context, Result, ensure};
use katalo_rig::{Admin, Client};
use serde::Serialize;
use serde_json::json;

/// Operations measured at each size.
const SAMPLE: u64 = 400;

/// CPU time of edge and objects together for each operation, in microseconds, by
/// the number of keys (and of changes in the log: each key is one).
#[derive(Serialize)]
pub(crate) struct Growth {
    pub(crate) operation: &'static str,
    pub(crate) cpu_us: Vec<(u64, f64)>,
}

fn cost(server: &Server, requests: &Requests, count: u64) -> Result<f64> {
    let before = proc::cpu(server.pid())?;
    let slice = load(server.address, requests, 16, End::Requests(count), None)?;
    let spent = proc::cpu(server.pid())? - before;
    Ok(spent.as_secs_f64() * 1e6 / slice.requests as f64)
}

/// Issues keys until there are `most`, ten times more from one size to the next.
pub(crate) fn run(most: u64) -> Result<Vec<Growth>> {
    let secrets = Secrets::draw()?;
    let kv = Worker::peer("kv.js").start()?;
    let upstream = Worker::peer("empty.js").start()?;
    let server = ours(&secrets, kv.address, upstream.address)?.start()?;
    let admin = Admin::bootstrap(&Client::new(server.address), &secrets.bootstrap_token)?;
    admin.organization("acme")?;
    let key = admin.issue_live("acme", &["read"])?;
    let administrator = format!("Bearer {}", admin.key());
    let path = "/admin/v1/organizations/acme/keys";
    let body = json!({ "name": "bench", "environment": "live", "scopes": ["read"] }).to_string();
    let length = body.len().to_string();
    let headers = [
        ("Authorization", administrator.as_str()),
        ("Content-Type", "application/json"),
        ("Content-Length", &length),
    ];
    let mut issue = request("POST", path, &headers);
    issue.extend(body.bytes());
    let issue = Requests::new(vec![issue], 201);
    let get = |target: &str, authorization: &str, more: &[(&str, &str)]| {
        let mut headers = vec![("Authorization", authorization)];
        headers.extend(more);
        Requests::new(vec![request("GET", target, &headers)], 200)
    };
    let client = format!("Bearer {}", key.secret);
    let strict = [
        ("X-Forwarded-Method", "GET"),
        ("X-Forwarded-Uri", "/v1/billing"),
    ];
    let reads = [
        (
            "list 50 keys",
            get(&format!("{path}?limit=50"), &administrator, &[]),
        ),
        ("strict read", get("/authorize/forwarded", &client, &strict)),
        ("bounded check, refreshed", get("/authorize", &client, &[])),
    ];
    let mut growth: Vec<Growth> = ["issue and append"]
        .into_iter()
        .chain(reads.iter().map(|(name, _)| *name))
        .map(|operation| Growth {
            operation,
            cpu_us: Vec::new(),
        })
        .collect();
    let (mut issued, mut size) = (1, 1_000);
    while size <= most {
        ensure!(size > issued + SAMPLE, "too small a size");
        load(
            server.address,
            &issue,
            16,
            End::Requests(size - issued - SAMPLE),
            None,
        )
        .context("issuing")?;
        let mut costs = vec![cost(&server, &issue, SAMPLE).context("issuing")?];
        issued = size;
        for (name, requests) in &reads {
            costs.push(cost(&server, requests, SAMPLE).context(*name)?);
        }
        for (growth, cost) in growth.iter_mut().zip(costs) {
            growth.cpu_us.push((size, cost));
        }
        size *= 10;
    }
    Ok(growth)
}
