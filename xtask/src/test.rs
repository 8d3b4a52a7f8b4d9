//! `cargo xtask test`: what CI runs, in the same order.

use crate::{api, browser, bundle, node, project, size, tools};
use anyhow::{Result, bail};
use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Run one part alone; all of them unless said
    #[arg(value_enum)]
    part: Option<Part>,
    /// For how long schemathesis makes up requests, in seconds
    #[arg(long, default_value_t = api::USUAL)]
    api_seconds: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Formatting, lints and the tests that need no runtime
    Native,
    /// The built Worker in the real runtime
    Edge,
    /// The OpenAPI document under a linter, and the Worker held against it
    Api,
    /// The dashboard in a real browser, against the Worker
    Browser,
}

struct Step {
    name: &'static str,
    part: Part,
    run: fn() -> Result<()>,
}

const STEPS: [Step; 12] = [
    Step {
        name: "format",
        part: Part::Native,
        run: format,
    },
    Step {
        name: "lint native",
        part: Part::Native,
        run: lint_native,
    },
    Step {
        name: "lint wasm32",
        part: Part::Native,
        run: lint_wasm,
    },
    Step {
        name: "native tests",
        part: Part::Native,
        run: native_tests,
    },
    Step {
        name: "build",
        part: Part::Edge,
        run: build,
    },
    Step {
        name: "size of the module",
        part: Part::Edge,
        run: size::gate,
    },
    Step {
        name: "dry run of the deployment",
        part: Part::Edge,
        run: dry_run,
    },
    Step {
        name: "edge tests",
        part: Part::Edge,
        run: edge_tests,
    },
    Step {
        name: "lint of the OpenAPI document",
        part: Part::Api,
        run: api::lint,
    },
    Step {
        name: "the API against its document",
        part: Part::Api,
        run: api::run,
    },
    Step {
        name: "types of the dashboard",
        part: Part::Browser,
        run: browser::types,
    },
    Step {
        name: "browser tests",
        part: Part::Browser,
        run: browser::run,
    },
];

pub(crate) fn run(options: &Options) -> Result<()> {
    api::set_seconds(options.api_seconds);
    let mut summary = Vec::new();
    let mut failed = false;
    for step in &STEPS {
        if options.part.is_some_and(|part| part != step.part) {
            continue;
        }
        tools::say(format_args!("step: {}", step.name));
        let began = Instant::now();
        let outcome = (step.run)();
        if let Err(error) = &outcome {
            tools::say(format_args!("{}: {error:#}", step.name));
            failed = true;
        }
        summary.push((step.name, outcome.is_ok(), began.elapsed()));
    }
    println!();
    for (name, passed, took) in &summary {
        let word = if *passed { "passed" } else { "FAILED" };
        println!("{word}  {:>7.1} s  {name}", Duration::as_secs_f64(took));
    }
    if failed {
        bail!("not all steps passed");
    }
    Ok(())
}

fn format() -> Result<()> {
    tools::run(tools::cargo().args(["fmt", "--all", "--check"]))
}

fn lint_native() -> Result<()> {
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

fn lint_wasm() -> Result<()> {
    tools::need_wasm_target()?;
    tools::run(tools::cargo().args([
        "clippy",
        "--package=katalo-keys",
        "--lib",
        "--target=wasm32-unknown-unknown",
        "--locked",
        "--",
        "-D",
        "warnings",
    ]))
}

fn native_tests() -> Result<()> {
    test(&["--workspace", "--exclude=katalo-edge-tests", "--locked"])?;
    tools::run(tools::cargo().args([
        "test",
        "--doc",
        "--workspace",
        "--exclude=katalo-edge-tests",
        "--locked",
    ]))
}

fn build() -> Result<()> {
    bundle::run(&bundle::Options::default())
}

fn dry_run() -> Result<()> {
    tools::run(
        node::command("wrangler")?
            .args(["deploy", "--dry-run", "--outdir"])
            .arg(project::root().join("target/dry-run"))
            .env("WRANGLER_SEND_METRICS", "false")
            .env("WRANGLER_HIDE_BANNER", "true")
            .env("CI", "1")
            .stdin(Stdio::null()),
    )
}

fn edge_tests() -> Result<()> {
    let tested = test(&["--package=katalo-edge-tests", "--locked"]);
    // Clients of other makers that the tests pass over where they are missing.
    for program in ["curl", "wget", "java", "go"] {
        if tools::output(Command::new("sh").args(["-c", "command -v \"$0\"", program])).is_err() {
            tools::say(format_args!("NOT TESTED: {program} is not on this machine"));
        }
    }
    tested
}

/// Runs tests by cargo-nextest where it is installed: in parallel, each in a
/// process of its own.
fn test(arguments: &[&str]) -> Result<()> {
    let nextest = Command::new("cargo-nextest")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    let mut cargo = tools::cargo();
    if nextest {
        cargo.args(["nextest", "run", "--no-tests=pass"]);
    } else {
        cargo.args(["test", "--all-targets"]);
    }
    tools::run(cargo.args(arguments))
}
