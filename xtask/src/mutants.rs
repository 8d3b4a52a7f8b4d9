//! `cargo xtask mutants`: breaks the code in one small way after another, and
//! counts how many of the ways the native tests notice.
//!
//! cargo-mutants does the work, as `.cargo/mutants.toml` says, in a copy of the
//! checkout whose place never changes: so a mutant costs what is compiled anew
//! for one changed function.

use crate::{installed::Tool, project, tools};
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Another release makes other mutants.
const TOOL: Tool = Tool {
    name: "cargo-mutants",
    version: "27.1.0",
};

/// What is counted as one.
struct Folder {
    name: &'static str,
    /// The tests that are to notice.
    tests: &'static [&'static str],
    /// Per cent of the viable mutants that must be caught.
    least: u32,
}

const FOLDERS: [Folder; 5] = [
    Folder {
        name: "freshness",
        tests: &["--lib"],
        least: 95,
    },
    Folder {
        name: "verify",
        tests: &["--lib"],
        least: 95,
    },
    Folder {
        name: "key",
        tests: &["--lib"],
        least: 95,
    },
    Folder {
        name: "registry",
        // Growth is measured once, not once a mutant.
        tests: &["--lib", "--test", "registry", "--", "--skip", "growth::"],
        least: 90,
    },
    Folder {
        name: "http",
        tests: &["--lib"],
        least: 90,
    },
];

/// The files of [`shard`]: what says `enforced`, and the one place that says yes.
const PRECIOUS: [&str; 2] = ["src/freshness/commit_wait.rs", "src/verify/decide.rs"];

/// Per cent of their viable mutants that must be caught.
const LEAST_PRECIOUS: u32 = 95;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Folders of src/ to break; all five unless said
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(FOLDERS.map(|folder| folder.name)))]
    folders: Vec<String>,
    /// Break every n-th way alone, from the k-th on: `k/n`, k from 0
    #[arg(long, value_name = "K/N")]
    shard: Option<String>,
    /// Break the files that the guarantee hangs on alone
    #[arg(long, conflicts_with_all = ["folders", "shard"])]
    precious: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    if options.precious {
        return shard();
    }
    let mutants = Mutants::prepare()?;
    let mut below = Vec::new();
    let mut summary = Vec::new();
    for folder in &FOLDERS {
        let asked = options.folders.iter().any(|name| name == folder.name);
        if !asked && !options.folders.is_empty() {
            continue;
        }
        let files = format!("src/{}/**/*.rs", folder.name);
        let mut arguments = vec!["--file", &files];
        if let Some(shard) = &options.shard {
            arguments.extend(["--sharding", "round-robin", "--shard", shard]);
        }
        let score = mutants.count(folder.name, &arguments, folder.tests)?;
        if score.is_below(folder.least) {
            below.push(folder.name);
        }
        summary.push((folder, score));
    }
    for (folder, score) in &summary {
        score.tell_survivors();
        println!("{:<9}  {score}, at least {} %", folder.name, folder.least);
    }
    if !below.is_empty() {
        bail!("too many mutants survive in {}", below.join(", "));
    }
    Ok(())
}

/// The files that the guarantee hangs on, always the same mutants, held to the same
/// share as their folders.
fn shard() -> Result<()> {
    let mutants = Mutants::prepare()?;
    let files = PRECIOUS.iter().flat_map(|file| ["--file", *file]);
    let score = mutants.count("shard", &files.collect::<Vec<_>>(), &["--lib"])?;
    score.tell_survivors();
    println!("{score}, at least {LEAST_PRECIOUS} %");
    if score.is_below(LEAST_PRECIOUS) {
        bail!("too many mutants survive in the files that the guarantee hangs on");
    }
    Ok(())
}

/// The copy that is broken.
struct Mutants {
    copy: PathBuf,
}

impl Mutants {
    fn prepare() -> Result<Self> {
        let copy = project::root().join("target/mutated/copy");
        copy_changed(&project::root(), &copy)?;
        Ok(Self { copy })
    }

    /// Tests every mutant that the arguments choose, and counts.
    fn count(&self, name: &str, arguments: &[&str], tests: &[&str]) -> Result<Score> {
        tools::say(format_args!("mutants of {name}"));
        let to = project::root().join("target/mutated").join(name);
        fs::create_dir_all(&to)?;
        let status = TOOL
            .command()?
            .args(["mutants", "--in-place", "--no-shuffle"])
            .args(arguments)
            .arg("--output")
            .arg(&to)
            .arg("--")
            .args(tests)
            .current_dir(&self.copy)
            .env(
                "CARGO_TARGET_DIR",
                project::root().join("target/mutated/built"),
            )
            .status()
            .context("cannot start cargo-mutants")?;
        // 2: some survived. 3: some did not end, which counts as caught.
        if !matches!(status.code(), Some(0 | 2 | 3)) {
            bail!("cargo-mutants failed ({status})");
        }
        Score::read(&to.join("mutants.out/outcomes.json"))
    }
}

/// Makes `to` the same as `from`, but for what is built or installed. A file
/// that is the same already keeps its time, so cargo finds it unchanged.
fn copy_changed(from: &Path, to: &Path) -> Result<()> {
    const LEFT_OUT: [&str; 4] = [".git", "build", "node_modules", "target"];
    fs::create_dir_all(to)?;
    let mut kept = Vec::new();
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if LEFT_OUT.iter().any(|left_out| name == *left_out) {
            continue;
        }
        let (from, to) = (entry.path(), to.join(&name));
        if entry.file_type()?.is_dir() {
            copy_changed(&from, &to)?;
        } else if entry.file_type()?.is_file() {
            let wanted = fs::read(&from)?;
            if !fs::read(&to).is_ok_and(|there| there == wanted) {
                fs::write(&to, wanted)?;
            }
        }
        kept.push(name);
    }
    for entry in fs::read_dir(to)? {
        let entry = entry?;
        if kept.contains(&entry.file_name()) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// What became of the mutants of one run.
struct Score {
    caught: u32,
    /// File and change, without the line: `src/key/id.rs: replace …`.
    survivors: Vec<String>,
    unviable: u32,
}

impl Score {
    fn read(outcomes: &Path) -> Result<Self> {
        let text = fs::read_to_string(outcomes)
            .with_context(|| format!("cannot read {}", outcomes.display()))?;
        Self::from_json(&text)
    }

    fn from_json(text: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct Outcomes {
            outcomes: Vec<Outcome>,
        }
        #[derive(Deserialize)]
        struct Outcome {
            scenario: Scenario,
            summary: Summary,
        }
        #[derive(Deserialize)]
        enum Scenario {
            Baseline,
            Mutant { name: String },
        }
        #[derive(Deserialize)]
        enum Summary {
            CaughtMutant,
            Timeout,
            MissedMutant,
            Unviable,
            #[serde(other)]
            Other,
        }
        let read: Outcomes = serde_json::from_str(text)?;
        let mut score = Self {
            caught: 0,
            survivors: Vec::new(),
            unviable: 0,
        };
        for outcome in read.outcomes {
            let Scenario::Mutant { name } = outcome.scenario else {
                continue;
            };
            match outcome.summary {
                Summary::CaughtMutant | Summary::Timeout => score.caught += 1,
                Summary::MissedMutant => score.survivors.push(without_place(&name)),
                Summary::Unviable => score.unviable += 1,
                Summary::Other => bail!("{name}: neither caught nor missed"),
            }
        }
        Ok(score)
    }

    fn viable(&self) -> u32 {
        self.caught + self.survivors.len() as u32
    }

    fn is_below(&self, least: u32) -> bool {
        self.caught * 100 < least * self.viable()
    }

    /// Prints who survived, and whose reason docs/mutants.md does not say.
    fn tell_survivors(&self) {
        let reasons = project::root().join("docs/mutants.md");
        let reasons = fs::read_to_string(reasons).unwrap_or_default();
        let mut counted = BTreeMap::<&str, u32>::new();
        for survivor in &self.survivors {
            *counted.entry(survivor).or_default() += 1;
        }
        for (survivor, count) in counted {
            let word = if reasons.contains(&format!("`{survivor}`")) {
                "explained"
            } else {
                "SURVIVED"
            };
            println!("{word}  {survivor} ({count})");
        }
    }
}

impl std::fmt::Display for Score {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (caught, viable) = (self.caught, self.viable());
        let share = f64::from(caught) * 100.0 / f64::from(viable.max(1));
        write!(f, "{caught} of {viable} caught, {share:.1} %")?;
        write!(f, " ({} more do not compile)", self.unviable)
    }
}

/// A mutant's name without line and column, which any edit moves.
fn without_place(name: &str) -> String {
    let mut parts = name.splitn(4, ':');
    let (file, what) = (parts.next().unwrap_or_default(), parts.nth(2));
    format!("{file}:{}", what.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_counts_what_compiles() {
        let outcome = |name: &str, summary: &str| {
            format!(r#"{{"scenario":{{"Mutant":{{"name":"{name}"}}}},"summary":"{summary}"}}"#)
        };
        let outcomes = [
            r#"{"scenario":"Baseline","summary":"Success"}"#.to_owned(),
            outcome("src/a.rs:1:2: replace a::b -> c with d", "CaughtMutant"),
            outcome("src/a.rs:1:3: replace < with > in a::b", "MissedMutant"),
            outcome("src/a.rs:1:4: replace += with -= in a::b", "Timeout"),
            outcome("src/a.rs:1:5: replace a with b", "Unviable"),
        ];
        let json = format!(r#"{{"outcomes":[{}]}}"#, outcomes.join(","));
        let score = Score::from_json(&json).unwrap();
        assert_eq!((score.caught, score.viable(), score.unviable), (2, 3, 1));
        assert_eq!(score.survivors, ["src/a.rs: replace < with > in a::b"]);
        assert!(score.is_below(67) && !score.is_below(66));
        let told = score.to_string();
        assert_eq!(told, "2 of 3 caught, 66.7 % (1 more do not compile)");
    }

    #[test]
    fn a_copy_follows_its_original_and_leaves_the_rest_alone() {
        let place = project::root().join("target/mutated/test of the copy");
        let _ = fs::remove_dir_all(&place);
        let (from, to) = (place.join("from"), place.join("to"));
        fs::create_dir_all(from.join("src")).unwrap();
        fs::create_dir_all(from.join("target")).unwrap();
        fs::write(from.join("src/a"), "a").unwrap();
        fs::write(from.join("b"), "b").unwrap();
        copy_changed(&from, &to).unwrap();
        assert_eq!(fs::read(to.join("src/a")).unwrap(), b"a");
        assert!(!to.join("target").exists());
        let time = |file: &str| fs::metadata(to.join(file)).unwrap().modified().unwrap();
        let before = time("src/a");
        fs::remove_file(from.join("b")).unwrap();
        copy_changed(&from, &to).unwrap();
        assert!(!to.join("b").exists());
        assert_eq!(time("src/a"), before);
        // What a run that was ended left behind.
        fs::write(to.join("src/a"), "broken").unwrap();
        copy_changed(&from, &to).unwrap();
        assert_eq!(fs::read(to.join("src/a")).unwrap(), b"a");
        fs::remove_dir_all(&place).unwrap();
    }
}
