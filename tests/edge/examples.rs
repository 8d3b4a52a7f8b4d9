//! The programs in docs/integrations, as they stand there.

use crate::python;
use crate::support::{ACME, acme, assert_no_cors, assert_problem, enforced, read};
use anyhow::{Context, Result};
use katalo_rig::workerd::{Folder, Port, Process, checkout, compatibility_date};
use katalo_rig::{Client, Rig};
use serde_json::{Value, json};
use std::{
    fs,
    path::PathBuf,
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

#[allow(unreachable_pub, reason = "it stands in a file of its own")]
#[path = "../../docs/integrations/assertion/check.rs"]
mod check;

const SECRET: &str = "forward-auth-secret-of-the-rig-0123456789";
const SIGNING: &str = "assertion-secret-of-the-rig-0123456789";

fn documented(name: &str) -> PathBuf {
    checkout().join("docs/integrations").join(name)
}

fn tool(name: &str) -> Command {
    Command::new(checkout().join("node_modules/.bin").join(name))
}

#[test]
fn a_worker_asks_through_a_service_binding() -> Result<()> {
    let source = documented("service-binding/worker.ts");
    python::output(
        tool("tsc")
            .args([
                "--ignoreConfig",
                "--noEmit",
                "--strict",
                "--target",
                "es2024",
            ])
            .args(["--lib", "es2024,webworker"])
            .arg(&source),
    )?;
    let folder = Folder::new("katalo-example-")?;
    let built = format!("--outfile={}", folder.path().join("worker.js").display());
    python::output(
        tool("esbuild")
            .args(["--format=esm", "--log-level=warning", &built])
            .arg(&source),
    )?;

    let rig = Rig::builder()
        .variable("FORWARD_AUTH_SECRET", SECRET)
        .start()?;
    let port = Port::free()?;
    let address = port.address();
    let config = format!(
        r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "api", worker = .api),
    (name = "katalo", external = (address = "{}", http = ())),
  ],
  sockets = [(name = "http", address = "{address}", http = (), service = "api")],
);
const api :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed "worker.js")],
  compatibilityDate = "{}",
  bindings = [
    (name = "KATALO", service = "katalo"),
    (name = "FORWARD_AUTH_SECRET", text = "{SECRET}"),
  ],
);"#,
        rig.edge(0).address(),
        compatibility_date()?,
    );
    fs::write(folder.path().join("example.capnp"), config)?;
    let _process = Process::start(folder.path(), "example.capnp", &[address])?;
    let api = Client::new(address);

    let (admin, key) = acme(&rig)?;
    let get = || api.call("GET", "/v1/catalogs/c1?x=%2e");
    let answer = get()
        .bearer(&key.secret)
        .header("katalo-organization", "evil")
        .header("x-original-uri", "/v1/usage")
        .send()?;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_no_cors(&answer);
    assert_eq!(
        answer.json()?["hello"],
        json!({
            "organization": ACME, "keyId": key.id, "environment": "live", "scopes": ["read"],
        })
    );
    assert_problem(&get().send()?, 401, "missing_credentials");
    assert_problem(&get().bearer("kat_live_x.y").send()?, 401, "malformed_key");
    let answer = api
        .call("POST", "/v1/catalogs")
        .bearer(&key.secret)
        .header("x-original-method", "GET")
        .send()?;
    assert_problem(&answer, 403, "insufficient_scope");
    let tied = admin.issue(
        ACME,
        &json!({
            "name": "tied", "environment": "live", "scopes": ["read"],
            "allowed_ips": ["192.0.2.0/24"],
        }),
    )?;
    let from = |address: &str| {
        get()
            .header("cf-connecting-ip", address)
            .header("katalo-client-address", "192.0.2.7")
            .bearer(&tied.secret)
            .send()
    };
    assert_eq!(from("192.0.2.7")?.status, 200);
    assert_problem(&from("198.51.100.7")?, 403, "address_not_allowed");
    enforced(admin.revoke(ACME, &key.id));
    assert_problem(&get().bearer(&key.secret).send()?, 401, "revoked_key");
    Ok(())
}

/// The lines of docs/guide.md, in order, in one shell.
#[test]
fn the_guide_runs_as_written() -> Result<()> {
    let rig = Rig::builder().start()?;
    let guide = fs::read_to_string(checkout().join("docs/guide.md"))?;
    let blocks: Vec<&str> = guide
        .split("```sh\n")
        .skip(1)
        .filter_map(|rest| rest.split_once("\n```"))
        .map(|(block, _)| block)
        .collect();
    let curls: usize = blocks
        .iter()
        .map(|block| block.matches("curl ").count())
        .sum();
    assert!(curls >= 10, "{curls}");
    let said = python::output(
        Command::new("bash")
            .args(["-euxo", "pipefail", "-c", &blocks.join("\n")])
            .env("KATALO", format!("http://{}", rig.edge(0).address()))
            .env("BOOTSTRAP_TOKEN", Rig::secrets()[0]),
    )?;
    // The last answer is the deleted organization's.
    assert!(
        said.ends_with('}') && said.contains("\"enforced\":true"),
        "{said}"
    );
    Ok(())
}

/// One question to all three, who must agree.
fn checked(assertion: &str, secret: &str, [issuer, method, path]: [&str; 3], now: u64) -> Value {
    let seconds = now.to_string();
    let by = |mut program: Command, file: &str| -> Value {
        let said = python::output(
            program
                .arg(documented(file))
                .args([assertion, issuer, method, path, &seconds])
                .env("ASSERTION_SECRET", secret),
        );
        serde_json::from_str(&said.expect("it ran")).expect("JSON")
    };
    let rust = check::check(assertion, secret, issuer, method, path, now).unwrap_or_default();
    assert_eq!(by(tool("node"), "assertion/check.mjs"), rust);
    assert_eq!(by(Command::new("python3"), "assertion/check.py"), rust);
    rust
}

#[test]
fn assertions_are_checked_in_three_languages() -> Result<()> {
    let rig = Rig::builder()
        .variable("ASSERTION_SECRET", SIGNING)
        .start()?;
    let (_, key) = acme(&rig)?;
    assert_eq!(read(rig.edge(0), &key.secret)?.status, 200);
    let received = rig.upstream().take();
    let assertion = received[0].header("katalo-assertion")[0].to_owned();
    let issuer = format!("http://{}", rig.edge(0).address());
    let asked = [issuer.as_str(), "GET", "/v1/catalogs/c1"];
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();

    let said = checked(&assertion, SIGNING, asked, now);
    assert_eq!(said["sub"], key.id.as_str(), "{said}");
    assert_eq!(
        (&said["org"], &said["scope"]),
        (&json!(ACME), &json!("read"))
    );
    assert_eq!(said["env"], "live");
    assert_eq!(
        said["exp"].as_u64().context("exp")?,
        said["iat"].as_u64().context("iat")? + 60
    );

    let (signed, signature) = assertion.rsplit_once('.').context("a signature")?;
    let (_, claims) = signed.split_once('.').context("claims")?;
    let unsigned = "eyJhbGciOiJub25lIn0";
    let other = if signature.starts_with('A') { "B" } else { "A" };
    for bad in [
        format!("{signed}.{other}{}", &signature[1..]),
        format!("{unsigned}.{claims}."),
        format!("{unsigned}.{claims}.{signature}"),
        format!("{signed}."),
        signed.to_owned(),
        String::new(),
    ] {
        assert_eq!(checked(&bad, SIGNING, asked, now), Value::Null, "{bad}");
    }
    let refused = |secret: &str, asked: [&str; 3], now: u64| {
        assert_eq!(checked(&assertion, secret, asked, now), Value::Null);
    };
    refused(SECRET, asked, now);
    refused(SIGNING, asked, now + 61);
    refused(
        SIGNING,
        ["https://keys.example.com", asked[1], asked[2]],
        now,
    );
    refused(SIGNING, [asked[0], "POST", asked[2]], now);
    refused(SIGNING, [asked[0], "GET", "/v1/catalogs/c2"], now);

    // A proxy's question gets one about the request that it holds.
    let answer = rig
        .edge(0)
        .call("GET", "/authorize/nginx")
        .header("x-original-method", "GET")
        .header("x-original-uri", "/v1/catalogs/c7?x=1")
        .bearer(&key.secret)
        .send()?;
    let assertion = answer.header("katalo-assertion").context("one")?;
    let asked = [asked[0], "GET", "/v1/catalogs/c7"];
    assert_eq!(checked(assertion, SIGNING, asked, now)["org"], ACME);
    Ok(())
}
