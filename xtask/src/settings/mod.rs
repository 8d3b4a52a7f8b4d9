//! The operator's settings at build time: `katalo.toml`, checked by the Worker's own
//! types, and what the build makes of it.
//!
//! | file | what it holds |
//! |---|---|
//! | `document` | a TOML file with the line of each part |
//! | `check` | what is wrong with the settings of all files |

mod check;
mod document;
#[cfg(test)]
mod tests;

use crate::{project, tools};
use anyhow::{Context, Result, bail};
use katalo_keys::settings::SettingsFile;
use serde_json::{Map, Value};
use std::{
    env, fs,
    path::{Path, PathBuf},
};

pub(crate) use check::{Checked, check};
pub(crate) use document::{Document, Mistake};

/// The settings of the demo, for whoever has none of their own yet.
pub(crate) const EXAMPLE: &str = "katalo.example.toml";
/// The operator's own.
const OWN: &str = "katalo.toml";
/// Names another file, in the environment of the build.
pub(crate) const VARIABLE: &str = "KATALO_SETTINGS";

/// Settings that can be used.
pub(crate) struct Loaded {
    pub(crate) checked: Checked,
    /// Their file, where they have one.
    pub(crate) file: Option<PathBuf>,
}

impl Loaded {
    /// Whether they are the demo's.
    pub(crate) fn is_example(&self) -> bool {
        self.file == Some(project::root().join(EXAMPLE))
    }
}

/// Reads and checks the settings: of `file`, or of the one that counts.
///
/// # Errors
/// All that is wrong with them, with files and lines.
pub(crate) fn load(file: Option<&Path>) -> Result<Loaded> {
    let names = ["wrangler.toml", "wrangler/edge.toml"];
    let wrangler = names.map(|name| read(&project::root().join(name)));
    let wrangler = wrangler.into_iter().collect::<Result<Vec<_>>>()?;
    let file = match file {
        Some(file) => Some(project::root().join(file)),
        None => find(wrangler.first()),
    };
    let document = file.as_deref().map(read).transpose()?;
    match check(document.as_ref(), &wrangler) {
        Ok(checked) => Ok(Loaded { checked, file }),
        Err(mistakes) => bail!("{}", told(&mistakes)),
    }
}

/// The file that counts, whether it can be read or not.
pub(crate) fn file() -> Option<PathBuf> {
    find(read(&project::root().join("wrangler.toml")).ok().as_ref())
}

/// The file that counts. Routes in wrangler's configuration are enough by themselves;
/// and nothing is deployed by the demo's settings that nobody chose.
fn find(wrangler: Option<&Document>) -> Option<PathBuf> {
    if let Some(file) = env::var_os(VARIABLE).filter(|file| !file.is_empty()) {
        return Some(project::root().join(file));
    }
    let own = project::root().join(OWN);
    if own.exists() {
        return Some(own);
    }
    let deploys = env::var("WRANGLER_COMMAND").is_ok_and(|command| command != "dev");
    let has_routes = wrangler.is_some_and(|of| of.tree.pointer("/vars/ROUTES").is_some());
    (!deploys && !has_routes).then(|| project::root().join(EXAMPLE))
}

fn read(path: &Path) -> Result<Document> {
    let name = path.strip_prefix(project::root()).unwrap_or(path);
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", name.display()))?;
    match Document::parse(&name.display().to_string(), &text) {
        Ok(document) => Ok(document),
        Err(mistakes) => bail!("{}", told(&mistakes)),
    }
}

fn told(mistakes: &[Mistake]) -> String {
    let lines = mistakes.iter().map(|mistake| format!("\n{mistake}"));
    format!("the settings cannot be used:{}", lines.collect::<String>())
}

/// The module that the Worker reads them from.
pub(crate) fn module(variables: &Map<String, Value>) -> Result<String> {
    let text = serde_json::to_string_pretty(variables)?;
    Ok(format!(
        "// What `katalo.toml` says, by the names of variables.\nexport default {text};\n"
    ))
}

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Write the module that the build would make of them to this file
    #[arg(long)]
    module: Option<PathBuf>,
}

/// `cargo xtask check`
pub(crate) fn run(options: &Options) -> Result<()> {
    let loaded = load(None)?;
    if let Some(file) = &options.module {
        fs::write(file, module(&loaded.checked.variables)?)?;
    }
    let settings = &loaded.checked.settings;
    let file = loaded.file.as_deref().unwrap_or(Path::new("wrangler.toml"));
    tools::say(format_args!(
        "{}: {} routes, {} upstreams, {} scopes; nothing is wrong with them",
        file.strip_prefix(project::root()).unwrap_or(file).display(),
        settings.routes.iter().count(),
        settings.upstreams.len(),
        settings.control.client_scopes.len(),
    ));
    Ok(())
}

/// The JSON Schema of `katalo.toml`, for editors.
const SCHEMA: &str = "katalo.schema.json";

fn schema() -> Result<String> {
    let schema = schemars::schema_for!(SettingsFile);
    Ok(serde_json::to_string_pretty(&schema)? + "\n")
}

/// `cargo xtask schema`
pub(crate) fn write_schema() -> Result<()> {
    fs::write(project::root().join(SCHEMA), schema()?).context("cannot write the schema")
}
