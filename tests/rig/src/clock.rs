//! The clocks of edges, as tests set them.

use crate::Client;
use anyhow::{Result, ensure};
use serde_json::{Value, json};
use std::time::Duration;

/// The clock of one edge, and with it all its deadlines. It goes as the machine's
/// does until a test says otherwise, and never goes back.
///
/// What takes time by this clock takes none of the machine's, and how busy the
/// machine is shows nowhere. A clock that stands or goes slowly breaks what the
/// freshness protocol assumes: see that nothing is taken away meanwhile.
///
/// All methods fail when workerd does not answer.
#[must_use]
#[derive(Debug)]
pub struct Clock<'a>(&'a Client);

impl<'a> Clock<'a> {
    pub(crate) fn of(edge: &'a Client) -> Self {
        Self(edge)
    }

    /// It stands still, from now on: only what [`pass`](Self::pass) adds passes.
    ///
    /// # Errors
    ///
    /// As said above.
    pub fn stop(&self) -> Result<()> {
        self.set(&json!({ "rate": 0 }))
    }

    /// It goes twenty times slower, from now on: so much longer than the machine's
    /// is every deadline.
    ///
    /// # Errors
    ///
    /// As said above.
    pub fn go_slowly(&self) -> Result<()> {
        self.set(&json!({ "rate": 0.05 }))
    }

    /// It goes as the machine's again, and catches up with it where it is behind.
    ///
    /// # Errors
    ///
    /// As said above.
    pub fn go(&self) -> Result<()> {
        self.set(&json!({ "rate": 1 }))
    }

    /// So much time passes at once, in whole milliseconds.
    ///
    /// # Errors
    ///
    /// As said above.
    pub fn pass(&self, time: Duration) -> Result<()> {
        let milliseconds = u64::try_from(time.as_millis())?;
        self.set(&json!({ "pass_ms": milliseconds }))
    }

    fn set(&self, order: &Value) -> Result<()> {
        let answer = self.0.call("PUT", "/__rig/clock").json(order).send()?;
        ensure!(answer.status == 204, "the rig's tap answered {answer:?}");
        Ok(())
    }
}
