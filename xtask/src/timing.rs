//! `cargo xtask timing`: whether a wrong key's time tells how much of it is right.

use crate::tools;
use anyhow::Result;

/// Runs the statistical tests, optimised, one after the other. They measure this
/// machine: leave it alone meanwhile.
pub(crate) fn run() -> Result<()> {
    tools::run(tools::cargo().args([
        "test",
        "--release",
        "--locked",
        "--package=katalo-keys",
        "--test=timing",
        "--",
        "--ignored",
        "--nocapture",
        "--test-threads=1",
    ]))
}
