//! What an edge and a meter say to each other, as it goes over the wire.
//!
//! During a deployment the two may be of different versions for minutes: a reader skips
//! members that it does not know.

use serde::{Deserialize, Serialize};

use super::policy::Policy;
use crate::key::Subject;

/// What an edge asks a meter.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct LeaseRequest {
    /// Who will spend them: one life of an isolate.
    pub holder: u64,
    /// What is asked for. What is [exact](Want::exact) is debited whole or not at all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wants: Vec<Want>,
    /// What will not be spent any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub returns: Vec<Return>,
}

/// Units that an isolate asks for.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Want {
    /// Whose meter it is on.
    pub meter: Subject,
    /// The policy as the isolate's record has it.
    pub policy: Policy,
    /// The fewest units that are of use.
    pub least: u64,
    /// The most that are; 0 only looks how the policy stands.
    pub most: u64,
    /// Whether `least` is for one request, that all of these must let through.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exact: bool,
}

/// The rest of a lease. An isolate sends it after it has stopped spending from it.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Return {
    /// Whose meter it is on.
    pub meter: Subject,
    /// The policy's name.
    pub policy: String,
    /// The lease.
    pub lease: u64,
    /// Units that were not spent.
    pub units: u64,
}

/// A meter's answer.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct LeaseReply {
    /// For each want, in its order.
    #[serde(default)]
    pub leases: Vec<Lease>,
}

/// Units that were debited for one isolate: nobody else spends them.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Lease {
    /// Its number on its meter, for a return; 0 where nothing is to be returned.
    pub id: u64,
    /// How many; 0 where there were too few.
    pub units: u64,
    /// Milliseconds after the question was sent, from which on it is not spent.
    pub lasts_ms: u64,
    /// Units that are left to be debited.
    pub left: u64,
    /// Milliseconds until the quota begins anew, or the rate's bucket is full.
    pub resets_ms: u64,
    /// Milliseconds until it is of use to ask for as much again, where there were too
    /// few.
    #[serde(default)]
    pub retry_ms: u64,
}
