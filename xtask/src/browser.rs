//! `cargo xtask test browser`: the dashboard in Chromium, against the Worker in
//! `wrangler dev` on an empty state.

use crate::{
    bundle, node,
    ready::Ready,
    server::{self, Server},
    tools, variables,
};
use anyhow::Result;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A small freshness bound: a change is enforced within a moment or two.
const BOUND_MS: &str = "1000";

/// Checks the types of a folder's JavaScript; whoever bundles or runs it ignores them.
pub(crate) fn types(folder: &str) -> Result<()> {
    tools::run(node::command("tsc")?.args(["--project", folder]))
}

pub(crate) fn run() -> Result<()> {
    tools::stop_on_signals()?;
    let loaded = bundle::run(&bundle::Options::of_example())?;
    let token = variables::bootstrap_token()?;
    let port = server::free_port()?;
    let place = Scratch::new("browser", port)?;
    let reporter = leak_reporter()?;
    let server = Server::start(
        "browser",
        port,
        &place.path().join("state"),
        &loaded,
        &[
            ("FRESHNESS_BOUND_MS", BOUND_MS),
            ("GITHUB_PUBLIC_KEYS", &reporter),
        ],
    )?;
    let ready = place.path().join("ready.json");
    Ready::make(&server, &token, &loaded.checked.settings)?.write(&ready)?;
    tools::run(
        node::command("node")?
            .args(["--test", "--test-reporter=spec", "--test-concurrency=1"])
            .args(["tests/browser/*.test.mjs"])
            .env("KATALO_READY", &ready),
    )
}

/// `GITHUB_PUBLIC_KEYS` of who reports leaks in GitHub's place: nothing is fetched.
pub(crate) fn leak_reporter() -> Result<String> {
    let keys = tools::output(node::command("node")?.arg("tests/browser/reporter.mjs"))?;
    Ok(keys.trim().to_owned())
}

/// A folder of its own, gone at the end.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str, port: u16) -> Result<Self> {
        let folder: &Path = &std::env::temp_dir();
        let folder = folder.join(format!("katalo-{name}-{}-{port}", std::process::id()));
        fs::create_dir(&folder)?;
        Ok(Self(folder))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
