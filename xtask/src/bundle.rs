//! `cargo xtask build`: from the crate to the files that a Worker is made of.
//!
//! | file in build/ | made by |
//! |---|---|
//! | `index.js` and what it imports | `shim/`, as they are |
//! | `katalo_keys.js` | wasm-bindgen: the glue |
//! | `katalo_keys_bg.wasm` | cargo, wasm-bindgen, wasm-opt |
//! | `assets/` | [`assets`](crate::assets) |

use crate::{assets, node, project, tools};
use anyhow::{Context, Result, bail};
use std::{
    fs,
    path::{Path, PathBuf},
};
use wasm_bindgen_cli_support::Bindgen;

/// Features of WebAssembly that the compiler and wasm-bindgen make use of.
const FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// Passes that make the module larger once it is gzipped: what is inlined is text
/// that was there before, twice.
const SKIPPED: [&str; 2] = [
    "--skip-pass=inlining-optimizing",
    "--skip-pass=dae-optimizing",
];

const SHIM: [&str; 5] = [
    "index.js",
    "gateway.js",
    "lines.js",
    "objects.js",
    "runtime.js",
];

#[derive(Default, clap::Args)]
pub(crate) struct Options {
    /// Compile without optimisation: quicker to build, larger and slower to run
    #[arg(long)]
    dev: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    tools::need_wasm_target()?;
    let compiled = compile(options.dev)?;
    let build = project::build();
    let stamp = build.join(".inputs");
    let inputs = fingerprint(&compiled)?;
    if !fs::read_to_string(&stamp).is_ok_and(|last| last == inputs) {
        if build.exists() {
            fs::remove_dir_all(&build)?;
        }
        bind(&compiled, &build)?;
        if !options.dev {
            optimise(&build)?;
        }
        fs::write(&stamp, inputs)?;
    }
    for name in SHIM {
        fs::copy(project::root().join("shim").join(name), build.join(name))
            .context("cannot copy the shim")?;
    }
    assets::run(&build)
}

/// Compiles the crate and returns the path of the module.
fn compile(dev: bool) -> Result<PathBuf> {
    tools::say("compiling the Worker (the first time takes a few minutes)");
    let mut cargo = tools::cargo();
    cargo.args([
        "build",
        "--lib",
        "--package=katalo-keys",
        "--target=wasm32-unknown-unknown",
    ]);
    if !dev {
        cargo.arg("--release");
    }
    tools::run(&mut cargo)?;
    let metadata =
        tools::output(tools::cargo().args(["metadata", "--no-deps", "--format-version=1"]))?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
    let Some(target) = metadata
        .get("target_directory")
        .and_then(|path| path.as_str())
    else {
        bail!("cargo metadata names no target directory");
    };
    let profile = if dev { "debug" } else { "release" };
    Ok(Path::new(target)
        .join("wasm32-unknown-unknown")
        .join(profile)
        .join("katalo_keys.wasm"))
}

/// What the output depends on: the compiled module, and this program. A program
/// that was linked anew while it ran has no file any more; then all is made anew.
fn fingerprint(compiled: &Path) -> Result<String> {
    let module = compiled.metadata()?.modified()?;
    let program = std::env::current_exe()
        .and_then(|program| program.metadata()?.modified())
        .ok();
    Ok(format!("{} {module:?} {program:?}", compiled.display()))
}

fn bind(compiled: &Path, build: &Path) -> Result<()> {
    Bindgen::new()
        .input_path(compiled)
        .module(true)?
        // Lets the shim put a new instance in the place of one that trapped.
        .reset_state_function(true)
        .typescript(false)
        .generate(build)
        .context("wasm-bindgen failed")?;
    // The generator writes a source-phase import, which Workers do not know:
    // there, importing a .wasm file already gives the compiled module.
    let glue = build.join("katalo_keys.js");
    let text = fs::read_to_string(&glue)?;
    fs::write(
        &glue,
        text.replacen("import source wasmModule", "import wasmModule", 1),
    )?;
    Ok(())
}

fn optimise(build: &Path) -> Result<()> {
    tools::say("optimising the module");
    let module = build.join("katalo_keys_bg.wasm");
    let module = module.as_os_str();
    tools::run(
        node::command("wasm-opt")?
            .arg("-Os")
            .args(SKIPPED)
            .args(FEATURES)
            .arg(module)
            .arg("-o")
            .arg(module),
    )
}
