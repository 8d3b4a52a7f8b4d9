//! `cargo xtask test api`: `/openapi.json` under a linter, and the Worker held
//! against it by schemathesis, with requests right and wrong that nobody here
//! thought of.

use crate::{
    browser::{self, Scratch},
    bundle, node, project, python,
    ready::{self, Ready},
    server::{self, Server},
    tools, variables,
};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The smallest freshness bound: most requests are changes, and wait for it.
const BOUND_MS: &str = "200";

/// For how long it runs unless told otherwise, in seconds.
pub(crate) const USUAL: u64 = 60;

pub(crate) fn lint() -> Result<()> {
    bundle::run(&bundle::Options::of_example())?;
    tools::run(
        node::command("redocly")?
            .args(["lint", "build/assets/openapi.json", "--config=redocly.yaml"])
            .env("REDOCLY_TELEMETRY", "off")
            .env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true"),
    )
}

/// Holds the Worker against its document. `seconds` is for how long schemathesis
/// makes up requests.
pub(crate) fn run(seconds: u64) -> Result<()> {
    tools::stop_on_signals()?;
    let loaded = bundle::run(&bundle::Options::of_example())?;
    let token = variables::bootstrap_token()?;
    let port = server::free_port()?;
    let place = Scratch::new("api", port)?;
    let server = Server::start(
        "api",
        port,
        &place.path().join("state"),
        &loaded,
        &[
            ("FRESHNESS_BOUND_MS", BOUND_MS),
            ("KEY_TRANSFER", "on"),
            ("GITHUB_PUBLIC_KEYS", &browser::leak_reporter()?),
        ],
    )?;
    let ready = Ready::make(&server, &token, &loaded.checked.settings)?;
    let admin = |method: &str, path: &str, body: &Value| {
        let url = format!("{}/admin/v1/{path}", server.origin());
        ready::call(method, &url, &ready.admin_key, Some(body))
    };
    admin("PUT", "organizations/ending", &json!({ "name": "Ending" }))?.created()?;
    let signed_in = admin("POST", "session", &json!({ "key": ready.admin_key }))?;
    let cookie = signed_in.cookie().context("no session")?.to_owned();
    let document = place.path().join("openapi.json");
    closed(&server, &document)?;

    let mut held = true;
    // Those who only verify come first: the others end keys.
    let all = "examples,coverage,fuzzing,stateful";
    for (tags, phases, share) in [
        (
            "clients,gateway,verification,leaks",
            // Nothing there leads on to anything.
            "examples,coverage,fuzzing",
            seconds / 3,
        ),
        (
            "organizations,keys,audit,usage,sign-in,service",
            all,
            seconds - seconds / 3,
        ),
    ] {
        let mut schemathesis = python::command("schemathesis", &requirements())?;
        schemathesis
            .arg("--config-file")
            .arg(project::root().join("tests/api/schemathesis.toml"))
            .arg("run")
            .arg(&document)
            .arg(format!("--url={}", server.origin()))
            .arg(format!("--max-time={share}"))
            .arg(format!("--phases={phases}"))
            // The usual run is much the same each time; a longer one looks further.
            .args((seconds <= USUAL).then_some("--seed=1"))
            .args(tags.split(',').map(|tag| format!("--include-tag={tag}")))
            .env("KATALO_ADMIN_KEY", &ready.admin_key)
            .env("KATALO_KEY", &ready.key)
            .env("KATALO_BOOTSTRAP_TOKEN", &token)
            .env("KATALO_COOKIE", &cookie)
            .current_dir(place.path());
        held &= tools::run(&mut schemathesis).is_ok();
        // Refusals alone would prove little.
        let alive = ready::call(
            "GET",
            &format!("{}/admin/v1/status", server.origin()),
            &ready.admin_key,
            None,
        )?;
        alive.created().context("the run ended its own admin key")?;
    }
    if !held {
        bail!("the Worker and its document differ");
    }
    Ok(())
}

fn requirements() -> PathBuf {
    project::root().join("tests/api/requirements.txt")
}

/// The served document with every named object closed: an answer with a member
/// that the document does not name is then a failure too.
fn closed(server: &Server, file: &Path) -> Result<()> {
    let mut answer = ureq::get(&format!("{}/openapi.json", server.origin())).call()?;
    let mut document: Value = answer.body_mut().read_json()?;
    let schemas = document
        .pointer_mut("/components/schemas")
        .and_then(Value::as_object_mut);
    let Some(schemas) = schemas else {
        bail!("the document has no schemas");
    };
    for schema in schemas.values_mut() {
        close(schema);
    }
    fs::write(file, document.to_string()).context("cannot write the closed document")
}

pub(crate) fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members.contains_key("properties") && !members.contains_key("additionalProperties") {
                members.insert("additionalProperties".to_owned(), false.into());
            }
            members.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}
