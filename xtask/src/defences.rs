//! `cargo xtask defences`: takes each defence of `tests/defences.toml` out, one at a
//! time, and sees its tests fail. A test that cannot fail shows nothing.
//!
//! It works on a copy of the sources in `target/defences`, never on the checkout.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;

use crate::{node, project, tools};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only defences whose name has this in it
    name: Option<String>,
    /// Leave out those that need the built Worker
    #[arg(long)]
    native: bool,
}

#[derive(Deserialize)]
struct List {
    defence: Vec<Defence>,
}

#[derive(Deserialize)]
struct Defence {
    name: String,
    file: PathBuf,
    from: String,
    to: String,
    #[serde(rename = "in")]
    place: Place,
    tests: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Place {
    Lib,
    Registry,
    Edge,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let list = fs::read_to_string(project::root().join("tests/defences.toml"))?;
    let List { mut defence } = toml::from_str(&list)?;
    defence.retain(|defence| {
        let is_named = |name: &String| defence.name.contains(name);
        options.name.as_ref().is_none_or(is_named)
            && !(options.native && defence.place == Place::Edge)
    });
    ensure!(!defence.is_empty(), "there is no such defence");
    let copy = Copy::make(defence.iter().any(|defence| defence.place == Place::Edge))?;
    tools::say("with all of them");
    for place in [Place::Lib, Place::Registry, Place::Edge] {
        let of_place = |defence: &&Defence| defence.place == place;
        let tests: Vec<_> = (defence.iter().filter(of_place))
            .flat_map(|defence| &defence.tests)
            .collect();
        if !tests.is_empty() {
            copy.compile(place)?;
        }
        for test in tests {
            ensure!(copy.passes(place, test)?, "{test} fails as it stands");
        }
    }
    let mut unnoticed = Vec::new();
    for defence in &defence {
        tools::say(format_args!("without {}", defence.name));
        unnoticed.extend(copy.unnoticed(defence)?);
    }
    ensure!(
        unnoticed.is_empty(),
        "not noticed by: {}",
        unnoticed.join(", ")
    );
    println!("{} defences taken out, and each was missed", defence.len());
    Ok(())
}

/// The sources, to be broken.
struct Copy(PathBuf);

impl Copy {
    /// Copies what is new; what was compiled before stays.
    fn make(with_node: bool) -> Result<Self> {
        let (from, to) = (project::root(), project::root().join("target/defences"));
        let files = tools::output(Command::new("git").current_dir(&from).args([
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
        ]))?;
        for file in files.lines() {
            let (from, to) = (from.join(file), to.join(file));
            // One that was deleted and not committed is still in the index.
            let Ok(bytes) = fs::read(&from) else { continue };
            if fs::read(&to).is_ok_and(|there| there == bytes) {
                continue;
            }
            if let Some(folder) = to.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(to, bytes)?;
        }
        if with_node {
            node::install()?;
            let modules = to.join("node_modules");
            if fs::symlink_metadata(&modules).is_err() {
                std::os::unix::fs::symlink(from.join("node_modules"), modules)?;
            }
        }
        Ok(Self(to))
    }

    /// The tests of a defence that pass without it. Sources that do not compile then
    /// are an error.
    fn unnoticed(&self, defence: &Defence) -> Result<Vec<String>> {
        let file = self.0.join(&defence.file);
        let whole =
            fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let broken = whole.replace(&defence.from, &defence.to);
        ensure!(broken != whole, "{} is not where it was", defence.name);
        fs::write(&file, broken)?;
        let outcome = self.compile(defence.place).and_then(|()| {
            let mut unnoticed = Vec::new();
            for test in &defence.tests {
                if self.passes(defence.place, test)? {
                    unnoticed.push(format!("{test} ({})", defence.name));
                }
            }
            Ok(unnoticed)
        });
        fs::write(&file, whole)?;
        outcome
    }

    fn compile(&self, place: Place) -> Result<()> {
        if place == Place::Edge {
            tools::run(self.cargo().args(["xtask", "build", "--dev"]))?;
        }
        tools::run(self.test(place).arg("--no-run"))
    }

    /// Whether a test passes; one that does not run at all is an error.
    fn passes(&self, place: Place, test: &str) -> Result<bool> {
        let output = self.test(place).args(["--quiet", test]).output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        let counted = said.contains("1 passed") || said.contains("1 failed");
        if !counted {
            bail!("{test} did not run:\n{said}");
        }
        Ok(output.status.success())
    }

    fn test(&self, place: Place) -> Command {
        let mut cargo = self.cargo();
        // Compiled more often than run.
        cargo.env("CARGO_PROFILE_TEST_OPT_LEVEL", "0");
        cargo.args(["test", "--locked"]);
        match place {
            Place::Lib => cargo.args(["--package=katalo-keys", "--lib"]),
            Place::Registry => cargo.args(["--package=katalo-keys", "--test=registry"]),
            Place::Edge => cargo.args(["--package=katalo-edge-tests", "--test=edge"]),
        };
        cargo
    }

    fn cargo(&self) -> Command {
        let mut cargo = tools::cargo();
        let target: &Path = &self.0.join("target");
        cargo.current_dir(&self.0).env("CARGO_TARGET_DIR", target);
        cargo
    }
}
