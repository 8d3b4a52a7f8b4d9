//! What an edge and a meter say to each other, as it goes over the wire.
//!
//! During a deployment the two may be of different versions for minutes: a reader skips
//! members that it does not know.

use serde::{Deserialize, Serialize};

use super::policy::{Policy, number};
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

/// Units that an isolate asks for. A text, as the policy in it.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
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
    pub exact: bool,
}

impl From<Want> for String {
    fn from(want: Want) -> Self {
        let [least, most] = [want.least, want.most].map(|number| number.to_string());
        let exact = if want.exact { "exact" } else { "some" };
        let policy = Self::from(want.policy);
        [want.meter.as_str(), &least, &most, exact, &policy].join(" ")
    }
}

impl TryFrom<String> for Want {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut parts = text.splitn(5, ' ');
        let mut read = || {
            Some(Self {
                meter: Subject::parse(parts.next()?).ok()?,
                least: number(&mut parts)?,
                most: number(&mut parts)?,
                exact: parts.next()? == "exact",
                policy: Policy::try_from(parts.next()?.to_owned()).ok()?,
            })
        };
        read().ok_or("not a want")
    }
}

/// The rest of a lease. An isolate sends it after it has stopped spending from it. A text.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
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

impl From<Return> for String {
    fn from(back: Return) -> Self {
        let [lease, units] = [back.lease, back.units].map(|number| number.to_string());
        [back.meter.as_str(), &back.policy, &lease, &units].join(" ")
    }
}

impl TryFrom<String> for Return {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut parts = text.split(' ');
        let mut read = || {
            Some(Self {
                meter: Subject::parse(parts.next()?).ok()?,
                policy: parts.next()?.to_owned(),
                lease: number(&mut parts)?,
                units: number(&mut parts)?,
            })
        };
        read().ok_or("not a return")
    }
}

/// A meter's answer.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct LeaseReply {
    /// For each want, in its order.
    #[serde(default)]
    pub leases: Vec<Lease>,
}

/// Units that were debited for one isolate: nobody else spends them. A list of its
/// numbers, in this order; more may follow.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Vec<u64>", into = "Vec<u64>")]
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
    pub retry_ms: u64,
}

impl From<Lease> for Vec<u64> {
    fn from(it: Lease) -> Self {
        vec![
            it.id,
            it.units,
            it.lasts_ms,
            it.left,
            it.resets_ms,
            it.retry_ms,
        ]
    }
}

/// What is missing is 0: no units.
impl From<Vec<u64>> for Lease {
    fn from(numbers: Vec<u64>) -> Self {
        let mut numbers = numbers.into_iter();
        let mut next = || numbers.next().unwrap_or(0);
        Self {
            id: next(),
            units: next(),
            lasts_ms: next(),
            left: next(),
            resets_ms: next(),
            retry_ms: next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_are_pinned() {
        let asked = r#"{"holder":7,"wants":["BAssrdJ8UvA 1 16 some monthly 12 - 10 0 0 leased never"],"returns":["BAssrdJ8UvA monthly 3 5"]}"#;
        let request: LeaseRequest = serde_json::from_str(asked).unwrap();
        assert_eq!((request.wants[0].least, request.returns[0].units), (1, 5));
        assert_eq!(serde_json::to_string(&request).unwrap(), asked);
        let said = r#"{"leases":[[1,16,1000,4,1000,0]]}"#;
        let reply: LeaseReply = serde_json::from_str(said).unwrap();
        assert_eq!((reply.leases[0].units, reply.leases[0].left), (16, 4));
        assert_eq!(serde_json::to_string(&reply).unwrap(), said);
    }
}
