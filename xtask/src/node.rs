//! The Node.js tools of package.json: wrangler, workerd, wasm-opt, and a Node
//! that is new enough for them, whatever the machine has.

use crate::{project, tools};
use anyhow::{Context, Result};
use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A command from node_modules/.bin, with that folder first in PATH, so that
/// scripts run on the Node that package.json pins.
pub(crate) fn command(name: &str) -> Result<Command> {
    install()?;
    let mut command = Command::new(bin().join(name));
    command.current_dir(project::root()).env("PATH", path()?);
    Ok(command)
}

/// Installs the tools, unless that was done already.
pub(crate) fn install() -> Result<()> {
    install_in(
        &project::root(),
        "Node.js tools (wrangler, workerd, wasm-opt; once, about a minute)",
    )
}

/// Installs what a folder's package-lock.json says, unless that was done already.
pub(crate) fn install_in(folder: &Path, what: &str) -> Result<()> {
    let lock =
        fs::read(folder.join("package-lock.json")).context("cannot read package-lock.json")?;
    let stamp = folder.join("node_modules/.katalo-lock");
    if fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    tools::say(format_args!("installing {what}"));
    tools::run(
        Command::new("npm")
            .args(["ci", "--no-audit", "--no-fund", "--loglevel=error"])
            .current_dir(folder)
            // stdout is kept for what a task prints itself.
            .stdout(std::io::stderr()),
    )?;
    fs::write(&stamp, lock).context("cannot write the stamp of the installed lockfile")
}

fn bin() -> PathBuf {
    project::root().join("node_modules/.bin")
}

fn path() -> Result<OsString> {
    let inherited = env::var_os("PATH").unwrap_or_default();
    Ok(env::join_paths(
        std::iter::once(bin()).chain(env::split_paths(&inherited)),
    )?)
}
