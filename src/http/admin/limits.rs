//! How the limits of a key and its organization stand.

use crate::http::answer::{Answer, Body, JSON};
use crate::http::limits_member;
use crate::key::KeyId;
use crate::limits::allowance::Standing;
use crate::limits::message::LeaseReply;
use crate::limits::spending::{Limit, limits_of};
use crate::registry::message::Records;
use crate::time::Timestamp;

/// What a key is held to, or its organization alone.
#[must_use]
pub fn limits(held: &Records, key: Option<KeyId>) -> Vec<Limit<'_>> {
    let Some(organization) = &held.organization else {
        return Vec::new();
    };
    let own = held.key.as_ref().zip(key.map(|key| key.public));
    limits_of(own, organization)
}

/// The list, with what the meter said of each.
#[must_use]
pub fn limits_answer(limits: &[Limit<'_>], reply: &LeaseReply, now: Timestamp) -> Answer {
    let standings: Vec<_> = reply.leases.iter().map(Standing::of).collect();
    let items = limits_member(limits, Some(&standings), now);
    let document = [r#"{"items":"#, &items, r#","next_cursor":null}"#].concat();
    Answer::new(200, Body::Text(JSON, document)).with("cache-control", "no-store")
}
