//! The Durable Objects of a rig: how often they were called, and their faults.

use crate::Client;
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
}

impl Class {
    pub(crate) const ALL: [Self; 4] = [
        Self::Registry,
        Self::Directory,
        Self::ChangeLog,
        Self::Relay,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Registry => "Registry",
            Self::Directory => "Directory",
            Self::ChangeLog => "ChangeLog",
            Self::Relay => "Relay",
        }
    }

    pub(crate) fn binding(self) -> &'static str {
        match self {
            Self::Registry => "REGISTRY",
            Self::Directory => "DIRECTORY",
            Self::ChangeLog => "CHANGE_LOG",
            Self::Relay => "RELAY",
        }
    }
}

/// How often objects of a class were called since workerd started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub struct Calls {
    /// Calls of `fetch`, from edges and from other objects.
    pub fetches: u64,
    /// Alarms that rang.
    pub alarms: u64,
}

/// Control over the Durable Objects.
#[derive(Debug)]
pub struct Objects {
    client: Client,
}

impl Objects {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// The calls to objects of `class`.
    ///
    /// # Errors
    ///
    /// When workerd does not answer.
    pub fn calls(&self, class: Class) -> Result<Calls> {
        let mut all: BTreeMap<String, Calls> =
            serde_json::from_value(self.client.get("/__rig/objects")?.json()?)?;
        Ok(all.remove(class.name()).unwrap_or_default())
    }

    /// Calls take longer by `delay`, from now on.
    ///
    /// # Errors
    ///
    /// As [`calls`](Self::calls).
    pub fn slow(&self, class: Class, delay: Duration) -> Result<()> {
        self.set(
            class,
            json!({ "delay_ms": u64::try_from(delay.as_millis())? }),
        )
    }

    /// Calls fail, from now on.
    ///
    /// # Errors
    ///
    /// As [`calls`](Self::calls).
    pub fn fail(&self, class: Class) -> Result<()> {
        self.set(class, json!({ "fault": "fail" }))
    }

    /// Calls are never answered, from now on.
    ///
    /// # Errors
    ///
    /// As [`calls`](Self::calls).
    pub fn hang(&self, class: Class) -> Result<()> {
        self.set(class, json!({ "fault": "hang" }))
    }

    /// The next call traps when the crate makes its `count`th call out.
    ///
    /// # Errors
    ///
    /// As [`calls`](Self::calls).
    pub fn trap_after(&self, class: Class, count: u64) -> Result<()> {
        self.set(class, json!({ "trap_after": count }))
    }

    /// Ends the faults of a class.
    ///
    /// # Errors
    ///
    /// As [`calls`](Self::calls).
    pub fn heal(&self, class: Class) -> Result<()> {
        self.set(
            class,
            json!({ "fault": "none", "delay_ms": 0, "trap_after": 0 }),
        )
    }

    fn set(&self, class: Class, fault: Value) -> Result<()> {
        let path = format!("/__rig/objects/{}", class.name());
        let answer = self.client.call("PUT", &path).json(&fault).send()?;
        ensure!(answer.status == 204, "the rig's tap answered {answer:?}");
        Ok(())
    }
}
