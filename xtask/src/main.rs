//! Tasks of the project: `cargo xtask build`.
#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool speaks to its user"
)]

mod bundle;
mod node;
mod project;
mod tools;

use clap::{Parser, Subcommand};

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
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().task {
        Task::Build(options) => bundle::run(&options),
    }
}
