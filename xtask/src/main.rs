//! Tasks of the project: `cargo xtask build | check | schema | dev | test | bench |
//! size | timing | mutants | defences | audit-verify`.
#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool speaks to its user"
)]

mod api;
mod assets;
mod audit;
mod bench;
mod browser;
mod bundle;
mod defences;
mod dev;
mod installed;
mod mutants;
mod node;
mod prerequisites;
mod project;
mod python;
mod ready;
mod server;
mod settings;
mod size;
mod test;
mod timing;
mod tools;
mod variables;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Tasks of katalo-keys")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Compile the crate to WebAssembly and lay the Worker out in build/
    Build(bundle::Options),
    /// Check the settings in katalo.toml
    Check(settings::Options),
    /// Write katalo.schema.json, by which editors know katalo.toml
    Schema,
    /// Run everything on this machine, with a demo organization and key
    Dev(dev::Options),
    /// Run what CI runs, in the same order
    Test(test::Options),
    /// Measure what a check costs, beside an empty handler and its peers
    Bench(bench::Options),
    /// Show what the compiled module is made of
    Size,
    /// Measure whether a wrong key's time tells how much of it is right
    Timing,
    /// Break the code in small ways and count what the tests notice
    Mutants(mutants::Options),
    /// Take each defence out of a copy of the sources, and see its tests fail
    Defences(defences::Options),
    /// Verify an exported audit offline
    AuditVerify(audit::Options),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().task {
        Task::Build(options) => bundle::run_alone(&options),
        Task::Check(options) => settings::run(&options),
        Task::Schema => settings::write_schema(),
        Task::Dev(options) => dev::run(&options),
        Task::Test(options) => test::run(&options),
        Task::Bench(options) => bench::run(&options),
        Task::Size => size::run(),
        Task::Timing => timing::run(),
        Task::Mutants(options) => mutants::run(&options),
        Task::Defences(options) => defences::run(&options),
        Task::AuditVerify(options) => audit::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // What went wrong, and never where in this program.
        Err(error) => {
            tools::say(format_args!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
