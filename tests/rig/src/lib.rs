//! Runs the built Worker in plain workerd, with as many edges as a test asks
//! for, between a KV and an upstream that the test controls.
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! let rig = katalo_rig::Rig::builder().edges(2).start()?;
//! assert_eq!(rig.edge(1).get("/healthz")?.status, 200);
//! # Ok(())
//! # }
//! ```
//!
//! `cargo xtask build` must have run. Every rig has its own folder, ports and
//! processes, and takes them with it when it is dropped, or its process killed.

#![forbid(unsafe_code)]

mod admin;
mod client;
mod clock;
mod config;
mod folder;
pub mod forged;
mod kv;
mod modules;
mod objects;
mod patience;
mod ports;
mod process;
mod raw;
mod rig;
mod server;
mod upstream;

pub use admin::{Admin, Issued};
pub use client::{Answer, Call, Client, is_cut_off};
pub use clock::Clock;
pub use kv::{Kv, KvCounts, KvView};
pub use objects::{Caller, Calls, Class, Point};
pub use patience::{PATIENCE, until};
pub use raw::{exchange, exchange_and_end};
pub use rig::{Builder, Rig};
pub use upstream::{Body, Gate, Received, Reply, Upstream};

/// The parts of which a rig is made, for a process with another configuration.
pub mod workerd {
    pub use crate::folder::Folder;
    pub use crate::modules::{embed, modules};
    pub use crate::ports::Port;
    pub use crate::process::Process;
    pub use crate::rig::{checkout, compatibility_date};
}
