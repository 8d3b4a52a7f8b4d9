//! The modules of a Worker, for a configuration of workerd.

use anyhow::{Context, Result};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// What a Worker is made of whose entry is this file below `build`: the entry, and
/// whatever that imports.
///
/// # Errors
/// The Worker is not built.
pub fn modules(build: &Path, entry: &str) -> Result<Vec<PathBuf>> {
    let mut modules = vec![PathBuf::from(entry)];
    let mut read = 0;
    while let Some(module) = modules.get(read) {
        read += 1;
        if module.extension().is_some_and(|end| end == "wasm") {
            continue;
        }
        let text = fs::read_to_string(build.join(module))
            .context("the Worker is not built; run: cargo xtask build")?;
        for imported in imports(&text) {
            if !modules.contains(&imported) {
                modules.push(imported);
            }
        }
    }
    Ok(modules)
}

/// The files that a module names, all below its folder.
fn imports(text: &str) -> Vec<PathBuf> {
    text.lines()
        .filter(|line| line.starts_with("import ") || line.starts_with("export "))
        .filter_map(|line| {
            line.split(['"', '\''])
                .find_map(|part| part.strip_prefix("./"))
        })
        .map(PathBuf::from)
        .collect()
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
