//! `cargo xtask bench`: builds ours and the peers, then runs the `bench` crate.

use crate::{bundle, node, project, tools};
use anyhow::{Context, Result};
use std::{fs, process::Command};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Handed on; `cargo xtask bench -- --help` says what there is
    #[arg(last = true)]
    rest: Vec<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    bundle::run(&bundle::Options::default())?;
    peers()?;
    tools::run(
        tools::cargo()
            .args([
                "run",
                "--quiet",
                "--release",
                "--package=katalo-bench",
                "--",
            ])
            .args(&options.rest),
    )
}

/// Installs the peers and bundles those that are made of packages.
fn peers() -> Result<()> {
    let folder = project::root().join("bench");
    let lock = fs::read(folder.join("package-lock.json")).context("cannot read the lockfile")?;
    let stamp = folder.join("node_modules/.katalo-lock");
    if !fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        tools::say("installing the peers (Hono, better-auth)");
        tools::run(
            Command::new("npm")
                .args(["ci", "--no-audit", "--no-fund", "--loglevel=error"])
                .current_dir(&folder)
                .stdout(std::io::stderr()),
        )?;
        fs::write(&stamp, lock)?;
    }
    for name in ["hono-bearer.js", "hono-jwt.js", "better-auth.js"] {
        let to = project::root().join("target/bench/peers").join(name);
        tools::run(
            node::command("esbuild")?
                .arg(format!("bench/peers/{name}"))
                .args([
                    "--bundle",
                    "--minify",
                    "--format=esm",
                    "--platform=node",
                    "--log-level=warning",
                ])
                .arg(format!("--outfile={}", to.display())),
        )?;
    }
    Ok(())
}
