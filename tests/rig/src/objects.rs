//! Points at which calls to Durable Objects are counted, and can go wrong.

use crate::{Client, until};
use anyhow::{Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};

/// A class of Durable Objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// The truth of one organization.
    Registry,
    /// The list of organizations.
    Directory,
    /// The order of all changes.
    ChangeLog,
    /// Between the edges of a region and the change log.
    Relay,
    /// What an organization and its keys have spent.
    Meter,
}

impl Class {
    pub(crate) const ALL: [Self; 5] = [
        Self::Registry,
        Self::Directory,
        Self::ChangeLog,
        Self::Relay,
        Self::Meter,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Registry => "Registry",
            Self::Directory => "Directory",
            Self::ChangeLog => "ChangeLog",
            Self::Relay => "Relay",
            Self::Meter => "Meter",
        }
    }

    pub(crate) fn binding(self) -> &'static str {
        match self {
            Self::Registry => "REGISTRY",
            Self::Directory => "DIRECTORY",
            Self::ChangeLog => "CHANGE_LOG",
            Self::Relay => "RELAY",
            Self::Meter => "METER",
        }
    }
}

/// The calls that came by a [`Point`] since workerd started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub struct Calls {
    /// Calls of `fetch`, but for watches and confirmations: no request waits for those.
    pub fetches: u64,
    /// Watches for urgent changes.
    pub watches: u64,
    /// Confirmations of them.
    pub confirms: u64,
    /// Alarms that rang.
    pub alarms: u64,
    /// Fetches that the object refused for having too much to do (503).
    pub shed: u64,
    /// Fetches that are under way, watches among them.
    pub under_way: u64,
    /// The most of them that were under way at once.
    pub at_once: u64,
}

/// Who calls an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// One edge, by its index.
    Edge(usize),
    /// The control plane, as the first edge reaches it: in that edge's Worker, or in the
    /// one of its own.
    Control,
    /// All objects of a class.
    Object(Class),
}

/// A point that calls to objects come by: before the objects of a class, for
/// the calls of everyone, or between one caller and a class.
///
/// All methods fail when workerd does not answer.
#[must_use]
#[derive(Debug)]
pub struct Point<'a> {
    client: &'a Client,
    name: String,
}

impl<'a> Point<'a> {
    pub(crate) fn before(client: &'a Client, class: Class) -> Self {
        let name = class.name().to_owned();
        Self { client, name }
    }

    pub(crate) fn clients(client: &'a Client) -> Self {
        let name = "edge".to_owned();
        Self { client, name }
    }

    pub(crate) fn between(client: &'a Client, caller: Caller, class: Class) -> Self {
        let caller = match caller {
            Caller::Edge(_) | Caller::Control => "edge",
            Caller::Object(class) => class.name(),
        };
        let name = format!("{caller}>{}", class.name());
        Self { client, name }
    }

    /// The calls that came by.
    ///
    /// # Errors
    ///
    /// As said above.
    pub fn calls(&self) -> Result<Calls> {
        let mut all: BTreeMap<String, Calls> =
            serde_json::from_value(self.client.get("/__rig/calls/")?.json()?)?;
        Ok(all.remove(&self.name).unwrap_or_default())
    }

    /// Calls take longer by `delay`, from now on.
    ///
    /// # Errors
    ///
    /// As said above.
    pub fn slow(&self, delay: Duration) -> Result<()> {
        let delay = u64::try_from(delay.as_millis())?;
        self.set(&json!({ "delay_ms": delay }))
    }

    /// Calls and their answers each take longer by `delay`, from now on.
    ///
    /// # Errors
    ///
    /// As said above.
    pub fn slow_both_ways(&self, delay: Duration) -> Result<()> {
        let delay = u64::try_from(delay.as_millis())?;
        self.set(&json!({ "delay_ms": delay, "back_ms": delay }))
    }

    /// Caller and callee know nothing of confirmations, as those of the version
    /// before, from now on.
    ///
    /// # Errors
    ///
    /// As said above.
    pub fn age(&self) -> Result<()> {
        self.set(&json!({ "fault": "older" }))
    }

    /// Calls fail before they arrive, from now on.
    ///
    /// # Errors
    ///
    /// As said above.
    pub fn refuse(&self) -> Result<()> {
        self.set(&json!({ "fault": "refuse" }))
    }

    /// Calls are carried out, but their answers do not come back, from now on.
    ///
    /// # Errors
    ///
    /// As said above.
    pub fn lose_answers(&self) -> Result<()> {
        self.set(&json!({ "fault": "lose" }))
    }

    /// Waits until so many calls in all have come by.
    ///
    /// # Errors
    ///
    /// As said above, or when they do not come.
    pub fn wait_for(&self, fetches: u64) -> Result<()> {
        let what = format!("call {fetches} by {}", self.name);
        until(&what, || Ok(self.calls()?.fetches >= fetches))
    }

    /// Calls are held here before they arrive, from now on.
    ///
    /// # Errors
    ///
    /// As said above.
    pub fn hold(&self) -> Result<()> {
        self.set(&json!({ "fault": "hold" }))
    }

    /// Calls to come are held no more; those that are held stay.
    ///
    /// # Errors
    ///
    /// As said above.
    pub fn let_others_pass(&self) -> Result<()> {
        self.set(&json!({ "fault": "none" }))
    }

    /// Calls neither arrive nor fail, from now on.
    ///
    /// # Errors
    ///
    /// As said above.
    pub fn hang(&self) -> Result<()> {
        self.set(&json!({ "fault": "hang" }))
    }

    /// Calls get, from now on, the answer that the first of them gets: a callee
    /// that says for ever what was true once, as if it were true now. No
    /// protocol can stand that; it shows that a test can fail.
    ///
    /// # Errors
    ///
    /// As said above.
    pub fn replay(&self) -> Result<()> {
        self.set(&json!({ "fault": "replay" }))
    }

    /// Answers say `value` wherever they have a member `name`, from now on: as if
    /// a step of the protocol were left out. It shows that a test can fail.
    ///
    /// # Errors
    ///
    /// As said above.
    pub fn forge(&self, name: &str, value: u64) -> Result<()> {
        self.set(&json!({ "forged": { name: value } }))
    }

    /// The next call traps when the crate makes its `count`th call out from
    /// there. Of use before a class: between two, the caller itself may come first.
    ///
    /// # Errors
    ///
    /// As said above.
    pub fn trap_after(&self, count: u64) -> Result<()> {
        self.set(&json!({ "trap_after": count }))
    }

    /// Ends all faults here, and lets go on what is held.
    ///
    /// # Errors
    ///
    /// As said above.
    pub fn heal(&self) -> Result<()> {
        self.set(&json!({
            "fault": "none", "delay_ms": 0, "back_ms": 0, "trap_after": 0, "forged": null, "releases": true,
        }))
    }

    fn set(&self, state: &Value) -> Result<()> {
        let path = format!("/__rig/calls/{}", self.name.replace('>', "%3E"));
        let answer = self.client.call("PUT", &path).json(state).send()?;
        ensure!(answer.status == 204, "the rig's tap answered {answer:?}");
        Ok(())
    }
}
