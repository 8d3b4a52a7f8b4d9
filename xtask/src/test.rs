//! `cargo xtask test`: what CI runs, in the same order.

use crate::{
    api, browser, bundle,
    installed::Tool,
    node,
    prerequisites::{self, Program},
    project, settings, size, tools,
};
use anyhow::{Result, bail};
use std::{
    process::{Command, Stdio},
    thread::available_parallelism,
    time::Instant,
};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Run one part alone; all of them unless said
    #[arg(value_enum)]
    part: Option<Part>,
    /// Leave out what needs these programs; the summary names it
    #[arg(long, value_enum, value_delimiter = ',')]
    without: Vec<Program>,
    /// For how long schemathesis makes up requests, in seconds
    #[arg(long, default_value_t = api::USUAL)]
    api_seconds: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Formatting, lints and the tests that need no runtime: the inner loop
    #[value(alias = "native")]
    Quick,
    /// Licences and sources of everything that is linked
    Policy,
    /// The built Worker in the real runtime
    Edge,
    /// The OpenAPI document under a linter, and the Worker held against it
    Api,
    /// The dashboard in a real browser, against the Worker
    Browser,
}

const DENY: Tool = Tool {
    name: "cargo-deny",
    version: "0.20.2",
};

struct Step {
    name: &'static str,
    part: Part,
    /// Without this program the step cannot run at all.
    needs: Option<Program>,
    run: fn(&Options) -> Result<()>,
}

impl Step {
    const fn new(part: Part, name: &'static str, run: fn(&Options) -> Result<()>) -> Self {
        Self {
            name,
            part,
            needs: None,
            run,
        }
    }

    const fn needing(self, program: Program) -> Self {
        Self {
            needs: Some(program),
            ..self
        }
    }
}

const STEPS: [Step; 16] = [
    Step::new(Part::Quick, "format", format),
    Step::new(Part::Quick, "lint native", lint_native),
    Step::new(Part::Quick, "lint wasm32", lint_wasm),
    Step::new(Part::Quick, "native tests", native_tests),
    Step::new(Part::Quick, "types of the shim", |_| browser::types("shim")),
    Step::new(Part::Quick, "tests of the shim", shim_tests),
    Step::new(Part::Policy, "licences and sources", licences),
    Step::new(Part::Edge, "build", build),
    Step::new(Part::Edge, "sizes of the modules", |_| size::gate()),
    Step::new(Part::Edge, "dry run of the deployment", dry_run),
    Step::new(Part::Edge, "edge tests", edge_tests),
    Step::new(Part::Edge, "edge tests, two Workers", two_workers),
    Step::new(Part::Api, "lint of the OpenAPI document", |_| api::lint()),
    Step::new(Part::Api, "the API against its document", |options| {
        api::run(options.api_seconds)
    })
    .needing(Program::Python3),
    Step::new(Part::Browser, "types of the dashboard", |_| {
        browser::types("dashboard")
    }),
    Step::new(Part::Browser, "browser tests", |_| browser::run()).needing(Program::Chromium),
];

/// What became of a step.
enum Outcome {
    Passed,
    Failed,
    LeftOut(Program),
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let began = Instant::now();
    let needed = match options.part {
        Some(Part::Quick) => vec![Program::Npm],
        _ => prerequisites::all_but(&options.without),
    };
    prerequisites::meet(&needed)?;
    let mut summary = Vec::new();
    for step in &STEPS {
        if options.part.is_some_and(|part| part != step.part) {
            continue;
        }
        let began = Instant::now();
        let missing = step
            .needs
            .filter(|program| options.without.contains(program));
        let outcome = match missing {
            Some(program) => Outcome::LeftOut(program),
            None => {
                tools::say(format_args!("step: {}", step.name));
                match (step.run)(options) {
                    Ok(()) => Outcome::Passed,
                    Err(error) => {
                        tools::say(format_args!("{}: {error:#}", step.name));
                        Outcome::Failed
                    }
                }
            }
        };
        summary.push((step, outcome, began.elapsed()));
    }
    println!();
    let total = began.elapsed().as_secs_f64();
    for (step, outcome, took) in &summary {
        let seconds = took.as_secs_f64();
        let share = 100.0 * seconds / total;
        let word = match outcome {
            Outcome::Passed => "passed",
            Outcome::Failed => "FAILED",
            Outcome::LeftOut(program) => {
                println!("NOT RUN  {} (--without {})", step.name, program.name());
                continue;
            }
        };
        println!("{word}  {seconds:>7.1} s {share:>3.0} %  {}", step.name);
    }
    println!("        {total:>7.1} s in all");
    if options.part.is_none_or(|part| part == Part::Edge) {
        for test in prerequisites::tests_left_out(&options.without) {
            println!("NOT RUN  edge tests named {test}");
        }
    }
    if summary
        .iter()
        .any(|(_, outcome, _)| matches!(outcome, Outcome::Failed))
    {
        bail!("not all steps passed");
    }
    Ok(())
}

fn format(_: &Options) -> Result<()> {
    tools::run(tools::cargo().args(["fmt", "--all", "--check"]))
}

fn lint_native(_: &Options) -> Result<()> {
    tools::run(tools::cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ]))
}

fn lint_wasm(_: &Options) -> Result<()> {
    tools::need_wasm_target()?;
    for plane in bundle::Plane::ALL {
        tools::run(
            plane
                .of_crate(tools::cargo().arg("clippy"))
                .args(["--locked", "--", "-D", "warnings"]),
        )?;
    }
    Ok(())
}

fn native_tests(_: &Options) -> Result<()> {
    let packages = ["--workspace", "--exclude=katalo-edge-tests", "--locked"];
    let tested = test(&packages, []);
    let documented = tools::run(tools::cargo().args(["test", "--doc"]).args(packages));
    tested.and(documented)
}

fn shim_tests(_: &Options) -> Result<()> {
    tools::run(node::command("node")?.args(["--test", "tests/shim/*.test.mjs"]))
}

/// Advisories are left to a watch of their own: the same commit must pass tomorrow.
fn licences(_: &Options) -> Result<()> {
    tools::run(
        DENY.command()?
            .args(["--locked", "check", "licenses", "sources", "bans"]),
    )
}

fn build(_: &Options) -> Result<()> {
    bundle::run(&bundle::Options::of_example()).map(drop)
}

/// Of both shapes: one Worker, and one for each plane.
fn dry_run(_: &Options) -> Result<()> {
    for file in [
        "wrangler.toml",
        "wrangler/control.toml",
        "wrangler/edge.toml",
    ] {
        tools::run(
            node::command("wrangler")?
                .args(["deploy", "--dry-run", "--config", file, "--outdir"])
                .arg(project::root().join("target/dry-run").join(file))
                .env("WRANGLER_SEND_METRICS", "false")
                .env("WRANGLER_HIDE_BANNER", "true")
                .env(settings::VARIABLE, settings::EXAMPLE)
                .env("CI", "1")
                .stdin(Stdio::null()),
        )?;
    }
    Ok(())
}

/// Edge tests that take the whole machine, by a part of their names, as
/// .config/nextest.toml has them: beside them no other's deadlines would hold.
const EXCLUSIVE: [&str; 2] = ["overload::", "administrators::"];

fn edge_tests(options: &Options) -> Result<()> {
    let package = ["--package=katalo-edge-tests", "--locked"];
    // Most of them wait, for a bound to pass or for the disk.
    let cores = available_parallelism().map_or(1, usize::from);
    let threads = format!("--test-threads={}", 2 * cores);
    let left_out = prerequisites::tests_left_out(&options.without);
    let skip = |names: &[&str]| -> Vec<String> {
        let names = names.iter().chain(&left_out);
        names
            .flat_map(|name| ["--skip".to_owned(), (*name).to_owned()])
            .collect()
    };
    if has_nextest() {
        let [package, locked] = package;
        return test(&[package, locked, &threads], skip(&[]));
    }
    let mut beside = skip(&EXCLUSIVE);
    beside.push(threads);
    let beside = test(&package, beside);
    let mut alone = EXCLUSIVE.map(str::to_owned).to_vec();
    alone.push("--test-threads=1".to_owned());
    alone.extend(skip(&[]));
    beside.and(test(&package, alone))
}

/// Edge tests that are run with a Worker for each plane as well, by a part of their
/// names: what a client and an administrator meet, and what passes between the planes.
const TWO_WORKERS: [&str; 4] = ["admin::", "gateway::", "lifecycle::", "rotation::"];

fn two_workers(options: &Options) -> Result<()> {
    let left_out = prerequisites::tests_left_out(&options.without);
    let skip = left_out
        .into_iter()
        .flat_map(|name| ["--skip".to_owned(), name.to_owned()]);
    let filters = TWO_WORKERS.map(str::to_owned).into_iter().chain(skip);
    let mut cargo = testing(&["--package=katalo-edge-tests", "--locked"]);
    // Read by the rig.
    tools::run(cargo.args(filters).env("KATALO_RIG_WORKERS", "2"))
}

/// Whether cargo-nextest is installed: it runs each test in a process of its own.
fn has_nextest() -> bool {
    Command::new("cargo-nextest")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs tests, with `filters` for their harness. A failure cancels nothing.
fn test(arguments: &[&str], filters: impl IntoIterator<Item = String>) -> Result<()> {
    tools::run(testing(arguments).args(filters))
}

fn testing(arguments: &[&str]) -> Command {
    let mut cargo = tools::cargo();
    if has_nextest() {
        cargo.args(["nextest", "run", "--no-tests=pass"]);
    } else {
        cargo.args(["test", "--all-targets"]);
    }
    cargo.arg("--no-fail-fast").args(arguments).arg("--");
    cargo.env("PATH", prerequisites::path());
    cargo
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nextest_runs_the_same_tests_alone() {
        let file = project::root().join(".config/nextest.toml");
        let text = std::fs::read_to_string(file).expect("nextest's configuration");
        let names = EXCLUSIVE.map(|name| name.trim_end_matches("::"));
        let filter = format!("test(/^({})::/)", names.join("|"));
        assert!(text.contains(&filter), "{filter} is not in {text}");
    }
}
