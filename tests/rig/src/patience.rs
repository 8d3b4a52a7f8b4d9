//! How long a test waits for what is to come: as long as a machine may need that
//! does much else. Only a test that fails waits so long.

use anyhow::{Result, bail};
use std::time::{Duration, Instant};

/// How long a test waits before it fails.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Waits until it holds.
///
/// # Errors
///
/// When it fails, or does not hold within [`PATIENCE`].
pub fn until(what: &str, mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
    let end = Instant::now() + PATIENCE;
    while !holds()? {
        if Instant::now() > end {
            bail!("in vain: {what}");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}
