//! `cargo xtask dev`: from a fresh clone to a served edge with a demo key.

use crate::{bundle, node, project, ready::Ready, server::Server, tools, variables};
use anyhow::{Context, Result, bail};
use std::{
    fs,
    path::{Path, PathBuf},
    thread::sleep,
    time::Duration,
};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The port to serve on, at 127.0.0.1
    #[arg(long, default_value_t = 8787)]
    port: u16,
    /// Begin on an empty state
    #[arg(long)]
    fresh: bool,
    /// Where KV and the Durable Objects keep their state
    #[arg(long, default_value = "target/dev/state")]
    state: PathBuf,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    tools::stop_on_signals()?;
    node::install()?;
    bundle::run(&bundle::Options::default())?;
    let token = variables::bootstrap_token()?;

    let state = project::root().join(&options.state);
    // Beside the state, not in it: the state holds no secret.
    let kept = beside(&state)?;
    if options.fresh {
        clear(&state)?;
        let _ = fs::remove_file(&kept);
    }
    let announced = project::dev().join("ready.json");
    let _ = fs::remove_file(&announced);

    let mut server = Server::start("wrangler", options.port, &state, &[])?;
    let mut ready = match Ready::read(&kept)? {
        Some(ready) => ready,
        None => Ready::make(server.origin(), &token)?,
    };
    ready.base_url = server.origin().to_owned();
    ready.write(&kept)?;
    ready.write(&announced)?;
    ready.print();
    tools::say("serving; Ctrl-C ends it");

    while !tools::stopped() {
        if !server.runs() {
            bail!("wrangler dev ended by itself; see target/dev/wrangler.log");
        }
        sleep(Duration::from_millis(100));
    }
    tools::say("stopping");
    let _ = fs::remove_file(&announced);
    Ok(())
}

/// `<state>.ready.json`.
fn beside(state: &Path) -> Result<PathBuf> {
    let mut name = state
        .file_name()
        .context("--state names no folder")?
        .to_owned();
    name.push(".ready.json");
    Ok(state.with_file_name(name))
}

/// Deletes a state folder, if it is one: `--state ~ --fresh` must do no harm.
fn clear(state: &Path) -> Result<()> {
    if !state.exists() {
        return Ok(());
    }
    if !state.join("v3").is_dir() && fs::read_dir(state)?.next().is_some() {
        bail!(
            "{} is not a state folder; --fresh leaves it alone",
            state.display()
        );
    }
    fs::remove_dir_all(state).with_context(|| format!("cannot delete {}", state.display()))
}
