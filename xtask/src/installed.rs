//! Cargo's tools that a checkout cannot bring along: built once, each version in
//! a folder of its own under the user's cache.

use crate::{python, tools};
use anyhow::Result;
use std::{fs, path::PathBuf, process::Command};

/// A tool from the registry of crates.
pub(crate) struct Tool {
    /// The crate, whose program has the same name.
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
}

impl Tool {
    /// The tool as a command, at the root of the checkout. Built on the first call
    /// of all: for some minutes.
    pub(crate) fn command(&self) -> Result<Command> {
        let mut command = Command::new(self.program()?);
        command.current_dir(crate::project::root());
        Ok(command)
    }

    fn program(&self) -> Result<PathBuf> {
        let Self { name, version } = self;
        let cache = python::cache()?;
        fs::create_dir_all(&cache)?;
        // Another checkout may be at the same.
        let lock = fs::File::create(cache.join(format!("{name}.lock")))?;
        lock.lock()?;
        let place = cache.join(format!("{name}-{version}"));
        let program = place.join("bin").join(name);
        if !program.is_file() {
            tools::say(format_args!(
                "building {name} {version} (once, some minutes)"
            ));
            tools::run(
                tools::cargo()
                    .args(["install", "--quiet", "--locked", "--version", version, name])
                    .arg("--root")
                    .arg(&place),
            )?;
        }
        Ok(program)
    }
}
