//! The modules of a Worker, for a configuration of workerd.

use anyhow::{Context, Result};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// What `cargo xtask build` laid out, by its path below `build`.
///
/// # Errors
/// The Worker is not built.
pub fn modules(build: &Path) -> Result<Vec<PathBuf>> {
    let mut modules = Vec::new();
    collect(build, Path::new(""), &mut modules)
        .context("the Worker is not built; run: cargo xtask build")?;
    Ok(modules)
}

fn collect(build: &Path, inner: &Path, modules: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(build.join(inner))? {
        let entry = entry?;
        let path = inner.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            collect(build, &path, modules)?;
        } else if path
            .extension()
            .is_some_and(|end| end == "js" || end == "wasm")
        {
            modules.push(path);
        }
    }
    Ok(())
}

/// The configuration's entry for a module of this name, in a file of the same.
#[must_use]
pub fn embed(name: &Path) -> String {
    let kind = if name.extension().is_some_and(|end| end == "wasm") {
        "wasm"
    } else {
        "esModule"
    };
    let name = name.display();
    format!("(name = \"{name}\", {kind} = embed \"{name}\"),\n  ")
}
