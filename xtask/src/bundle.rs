//! `cargo xtask build`: from the crate to the files that a Worker is made of.
//!
//! | file in build/ | made by |
//! |---|---|
//! | `index.js`: both planes in one script | `shim/`, as it is |
//! | `edge.js`, `control.js`: each plane alone, and what they import | the same |
//! | `settings.js` | [`settings`](crate::settings), from `katalo.toml` |
//! | `katalo_keys_<plane>.js` | wasm-bindgen: the glue |
//! | `katalo_keys_<plane>_bg.wasm` | cargo, wasm-bindgen, wasm-opt |
//! | `assets/` | [`assets`](crate::assets) |

use crate::{
    assets, node, project,
    settings::{self, Loaded},
    tools, variables,
};
use anyhow::{Context, Result, bail};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
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

const SHIM: [&str; 10] = [
    "index.js",
    "edge.js",
    "control.js",
    "failed.js",
    "gateway.js",
    "instance.js",
    "lines.js",
    "objects.js",
    "runtime.js",
    "zones.js",
];

/// What `katalo.toml` says, as the Worker reads it.
const SETTINGS: &str = "settings.js";

/// A plane, which has a module of its own.
#[derive(Clone, Copy)]
pub(crate) enum Plane {
    /// Verifies clients' requests.
    Edge,
    /// Everything else.
    Control,
}

impl Plane {
    pub(crate) const ALL: [Self; 2] = [Self::Edge, Self::Control];

    /// Its name, which is also the crate's feature.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Edge => "edge",
            Self::Control => "control",
        }
    }

    /// The stem of its files in build/.
    fn stem(self) -> String {
        format!("katalo_keys_{}", self.name())
    }

    /// Its module, once it is built.
    pub(crate) fn module(self) -> PathBuf {
        project::build().join(format!("{}_bg.wasm", self.stem()))
    }

    /// Has cargo compile this plane of the crate.
    pub(crate) fn of_crate(self, cargo: &mut Command) -> &mut Command {
        cargo.args([
            "--lib",
            "--package=katalo-keys",
            "--target=wasm32-unknown-unknown",
            "--no-default-features",
            "--features",
            self.name(),
        ])
    }
}

#[derive(Default, clap::Args)]
pub(crate) struct Options {
    /// Compile without optimisation: quicker to build, larger and slower to run
    #[arg(long)]
    dev: bool,
    /// The file of settings, unless it is the usual one.
    #[arg(skip)]
    settings: Option<PathBuf>,
}

impl Options {
    /// With the demo's settings, whatever else there is: for what is measured or tested.
    pub(crate) fn of_example() -> Self {
        Self {
            settings: Some(settings::EXAMPLE.into()),
            ..Self::default()
        }
    }
}

/// `cargo xtask build`, also as wrangler runs it.
pub(crate) fn run_alone(options: &Options) -> Result<()> {
    // A build that fails has `wrangler dev` hold all requests until one does not.
    if std::env::var_os(KEEPS_LAST).is_some()
        && let Err(error) = settings::load(None)
    {
        tools::say(format_args!("{error:#}"));
        return Ok(());
    }
    run(options).map(drop)
}

/// In the environment of a build: one that cannot use the settings leaves the last one
/// as it is, and does not fail.
pub(crate) const KEEPS_LAST: &str = "KATALO_KEEPS_LAST_BUILD";

/// Builds, and returns the settings that the Worker got. A mistake in them leaves the
/// last build as it is.
pub(crate) fn run(options: &Options) -> Result<Loaded> {
    // Run by `wrangler dev` itself, which reads the file again once it is there.
    if std::env::var("WRANGLER_COMMAND").is_ok_and(|command| command == "dev") {
        variables::complete()?;
    }
    let loaded = settings::load(options.settings.as_deref())?;
    tools::need_wasm_target()?;
    let build = project::build();
    fs::create_dir_all(&build)?;
    let mut files = Vec::from(SHIM.map(str::to_owned));
    for plane in Plane::ALL {
        let stem = plane.stem();
        let stamp = build.join(format!(".{}", plane.name()));
        let compiled = compile(plane, options.dev)?;
        let inputs = fingerprint(&compiled)?;
        if !fs::read_to_string(&stamp).is_ok_and(|last| last == inputs) {
            bind(plane, &compiled, &build)?;
            if !options.dev {
                optimise(plane)?;
            }
            fs::write(&stamp, inputs)?;
        }
        files.extend([format!("{stem}.js"), format!("{stem}_bg.wasm")]);
    }
    for name in SHIM {
        fs::copy(project::root().join("shim").join(name), build.join(name))
            .context("cannot copy the shim")?;
    }
    files.push(SETTINGS.to_owned());
    let text = settings::module(&loaded.checked.variables)?;
    fs::write(build.join(SETTINGS), text)?;
    remove_others(&build, &files)?;
    assets::run(&build, &loaded.checked.settings)?;
    Ok(loaded)
}

/// Whatever an earlier build left would be uploaded too.
fn remove_others(build: &Path, files: &[String]) -> Result<()> {
    for entry in fs::read_dir(build)? {
        let path = entry?.path();
        let is_module = path
            .extension()
            .is_some_and(|end| end == "js" || end == "wasm");
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if is_module && !files.iter().any(|file| *file == name) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// Compiles a plane and returns the path of its module. Each plane has a directory of
/// its own: in one, both would write the same file, and every build would compile both
/// anew.
fn compile(plane: Plane, dev: bool) -> Result<PathBuf> {
    tools::say(format_args!(
        "compiling the {} plane (the first time takes a few minutes)",
        plane.name()
    ));
    let mut cargo = tools::cargo();
    plane.of_crate(cargo.arg("build"));
    if !dev {
        cargo.arg("--release");
    }
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
    let target = Path::new(target).join(plane.name());
    tools::run(cargo.arg("--target-dir").arg(&target))?;
    Ok(target
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

fn bind(plane: Plane, compiled: &Path, build: &Path) -> Result<()> {
    let stem = plane.stem();
    Bindgen::new()
        .input_path(compiled)
        .out_name(&stem)
        .module(true)?
        // Lets the shim put a new instance in the place of one that trapped.
        .reset_state_function(true)
        .typescript(false)
        .generate(build)
        .context("wasm-bindgen failed")?;
    let glue = build.join(format!("{stem}.js"));
    let text = fs::read_to_string(&glue)?;
    if !text.contains("{ queueMicrotask(") && !text.contains(" queueMicrotask(") {
        bail!("the glue wakes futures in another way than by queueMicrotask");
    }
    // The generator writes a source-phase import, which Workers do not know:
    // there, importing a .wasm file already gives the compiled module.
    let text = text.replacen("import source wasmModule", "import wasmModule", 1);
    let plane = plane.name();
    let text = format!(
        "import {{ microtasks }} from \"./instance.js\";\nconst queueMicrotask = microtasks(\"{plane}\");\n{text}"
    );
    fs::write(&glue, text)?;
    Ok(())
}

fn optimise(plane: Plane) -> Result<()> {
    tools::say(format_args!("optimising the {} plane", plane.name()));
    let module = plane.module();
    tools::run(
        node::command("wasm-opt")?
            .arg("-Os")
            .args(SKIPPED)
            .args(FEATURES)
            .arg(&module)
            .arg("-o")
            .arg(&module),
    )
}
