//! Clients that servers use, with their defaults: none of them looks like a browser.

use crate::python;
use crate::support::{ACME, acme};
use anyhow::{Result, ensure};
use katalo_rig::Rig;
use katalo_rig::workerd::{Folder, checkout};
use std::process::Command;

/// What every client sends as a body.
const BODY: &str = r#"{"name":"Spring"}"#;

/// Reads a catalog and makes one, with `$BASE` and `$KEY`; prints both answers.
const CURL: &str = r#"
curl -sS "$BASE/v1/catalogs/c1" -H "Authorization: Bearer $KEY"
curl -sS "$BASE/v1/catalogs" -H "Authorization: Bearer $KEY" --json "$BODY"
"#;

const WGET: &str = r#"
wget -qO- "$BASE/v1/catalogs/c1" --header "Authorization: Bearer $KEY"
wget -qO- "$BASE/v1/catalogs" --header "Authorization: Bearer $KEY" \
  --header "Content-Type: application/json" --post-data "$BODY"
"#;

/// Runs the client `run` starts, and looks at what got through: its own
/// `User-Agent` proves that it was this one.
fn passes(user_agent: &str, run: impl FnOnce(&[(&str, &str)]) -> Result<String>) -> Result<()> {
    let rig = Rig::builder().start()?;
    let (admin, _) = acme(&rig)?;
    let key = admin.issue_live(ACME, &["read", "create"])?;
    let base = format!("http://{}", rig.edge(0).address());
    let said = run(&[("BASE", &base), ("KEY", &key.secret), ("BODY", BODY)])?;
    assert_eq!(said.matches(r#"{"upstream":true}"#).count(), 2, "{said}");
    let received = rig.upstream().take();
    let requests: Vec<_> = received
        .iter()
        .map(|request| (request.method.as_str(), request.target.as_str()))
        .collect();
    assert_eq!(
        requests,
        [("GET", "/v1/catalogs/c1"), ("POST", "/v1/catalogs")]
    );
    assert_eq!(received[1].body_length, u64::try_from(BODY.len())?);
    for request in &received {
        let agent = request.header("user-agent").join(" ");
        assert!(agent.to_ascii_lowercase().contains(user_agent), "{agent}");
        assert_eq!(request.header("katalo-key-id"), [key.id.as_str()]);
    }
    Ok(())
}

fn shell(program: &str, script: &str) -> Result<()> {
    passes(program, |variables| {
        python::output(
            Command::new("sh")
                .args(["-ec", script])
                .envs(variables.iter().copied()),
        )
    })
}

fn python(library: &str, user_agent: &str) -> Result<()> {
    passes(user_agent, |variables| {
        let mut variables = variables.to_vec();
        variables.push(("LIBRARY", library));
        python::run("call.py", &variables)
    })
}

fn node(program: &str, user_agent: &str) -> Result<()> {
    let modules = checkout().join("node_modules");
    ensure!(modules.exists(), "no node_modules; run: cargo xtask build");
    passes(user_agent, |variables| {
        python::output(
            Command::new(modules.join(".bin/node"))
                .arg(python::folder().join(program))
                .envs(variables.iter().copied()),
        )
    })
}

#[test]
fn curl() -> Result<()> {
    shell("curl", CURL)
}

#[test]
fn wget() -> Result<()> {
    shell("wget", WGET)
}

#[test]
fn python_requests() -> Result<()> {
    python("requests", "python-requests/")
}

#[test]
fn python_httpx() -> Result<()> {
    python("httpx", "python-httpx/")
}

#[test]
fn python_aiohttp() -> Result<()> {
    python("aiohttp", "aiohttp/")
}

#[test]
fn nodes_fetch() -> Result<()> {
    node("fetch.mjs", "node")
}

#[test]
fn axios() -> Result<()> {
    node("axios.mjs", "axios/")
}

#[test]
fn javas_http_client() -> Result<()> {
    passes("java-http-client/", |variables| {
        python::output(
            Command::new("java")
                .arg(python::folder().join("Call.java"))
                .envs(variables.iter().copied()),
        )
    })
}

#[test]
fn gos_http_client() -> Result<()> {
    let cache = Folder::new("katalo-go-")?;
    passes("go-http-client/", |variables| {
        python::output(
            Command::new("go")
                .arg("run")
                .arg(python::folder().join("call.go"))
                .env("GOCACHE", cache.path())
                .env("GOTOOLCHAIN", "local")
                .envs(variables.iter().copied()),
        )
    })
}
