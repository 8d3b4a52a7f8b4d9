//! `cargo xtask bench`: builds ours and the peers, then runs the `bench` crate.

use crate::{bundle, node, project, tools};
use anyhow::Result;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Handed on; `cargo xtask bench -- --help` says what there is
    #[arg(last = true)]
    rest: Vec<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    bundle::run(&bundle::Options::of_example())?;
    peers()?;
    tools::run(
        tools::cargo()
            .args([
                "run",
                "--quiet",
                "--profile=load",
                "--package=katalo-bench",
                "--",
            ])
            .args(&options.rest),
    )
}

/// Installs the peers and bundles those that are made of packages.
fn peers() -> Result<()> {
    node::install_in(
        &project::root().join("bench"),
        "the peers (Hono, better-auth)",
    )?;
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
