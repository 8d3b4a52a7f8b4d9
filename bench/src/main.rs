//! `cargo xtask bench`: what a check costs, as ratios measured in one run.
//!
//! Every contender is a workerd process of its own with the Worker's
//! compatibility date and flags. Rounds are interleaved, so that whatever else
//! the machine does befalls all of them alike.

#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool speaks to its user"
)]

mod contender;
mod field;
mod growth;
mod keys;
mod load;
mod memory;
mod plot;
mod proc;
mod report;
mod rounds;
mod size;
mod start;
mod stats;
mod workerd;

use anyhow::Result;
use clap::Parser;
use std::{path::PathBuf, time::Duration};

#[derive(Parser)]
#[command(name = "cargo xtask bench", about = "What a check costs")]
pub(crate) struct Options {
    /// Rounds over all contenders
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// How long each contender is loaded in a round, at each number of connections
    #[arg(long, default_value = "700", value_parser = milliseconds)]
    slice_ms: Duration,
    /// Connections at a time; CPU and latency are taken at 16
    #[arg(long, value_delimiter = ',', default_value = "1,16,64")]
    connections: Vec<usize>,
    /// Only contenders whose name contains this
    #[arg(long)]
    only: Option<String>,
    /// Also a handler in JavaScript of one's own, from this file, beside the empty one
    #[arg(long, value_delimiter = ',')]
    probe: Vec<PathBuf>,
    /// Only the requests: no memory, start, growth
    #[arg(long)]
    requests_only: bool,
    /// How many keys an organization grows to, by steps of ten times from 1,000
    #[arg(long, default_value_t = 10_000)]
    growth_keys: u64,
    /// Loads 100,000 keys for so many minutes and watches the memory; nothing else
    #[arg(long)]
    soak_minutes: Option<u64>,
    /// Where the table, the JSON and the plots are written
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
}

fn milliseconds(text: &str) -> Result<Duration, std::num::ParseIntError> {
    text.parse().map(Duration::from_millis)
}

fn main() -> Result<()> {
    let options = Options::parse();
    if let Some(minutes) = options.soak_minutes {
        return memory::soak(Duration::from_secs(60 * minutes));
    }
    report::run(&options)
}
