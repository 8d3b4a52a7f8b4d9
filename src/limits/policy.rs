//! What a key or an organization is held to, as their records carry it.

use serde::{Deserialize, Serialize};

use super::bucket::Rate;
use crate::key::{PublicKeyId, Revision};

/// How exactly a policy is kept, and what that costs. In each of them nothing is
/// admitted beyond the stated bound.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Each isolate counts by itself: the limit times the number of isolates. For
    /// floods.
    Local,
    /// Isolates spend what the meter has debited before: never more than the limit, and
    /// mostly no I/O.
    #[default]
    Leased,
    /// The meter is asked on every request: never more than the limit, and nothing is
    /// ever lost.
    Strict,
}

/// A rate or a quota.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Policy {
    /// Unique among those of its key or organization.
    pub name: String,
    /// Of the change that set it: what was leased under an older one is not spent.
    pub revision: Revision,
    /// The key whose meter it runs on, where that is another one: a rotated key goes
    /// on with its predecessor's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meter: Option<PublicKeyId>,
    /// Units in a window.
    pub limit: u64,
    /// For a rate: the window in milliseconds, 1 s to 1 d.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub window_ms: u64,
    /// For a rate: in no window of that length is more admitted than the limit and this.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub burst: u64,
    /// For a quota: when it begins anew, by [`Resets`](super::window::Resets). Only the
    /// meter reads it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub resets: String,
    /// How exactly it is kept.
    #[serde(default)]
    pub precision: Precision,
}

impl Policy {
    /// Whether it is a rate; else it is a quota.
    #[must_use]
    pub const fn is_rate(&self) -> bool {
        self.window_ms > 0
    }

    /// How long a lease of a rate lasts, in milliseconds: a quarter of its window, at
    /// most two seconds.
    #[must_use]
    pub const fn lease_ms(window_ms: u64) -> u64 {
        let quarter = window_ms / 4;
        if quarter < 2_000 { quarter } else { 2_000 }
    }

    /// Units that may be spent later than they were debited: what a lease's life adds
    /// to a rate. Its bucket is smaller by so much, so that the stated burst holds.
    #[must_use]
    pub const fn lag(limit: u64, window_ms: u64) -> u64 {
        (limit * Self::lease_ms(window_ms)).div_ceil(window_ms)
    }

    /// The bucket of a rate; none for a quota.
    ///
    /// In a window of `w` a bucket of capacity `c` gives at most `c + q`; leases of `l`
    /// let what was given in `w + l` be spent in `w`: `c + q + q·l/w`, which is `q +
    /// burst`.
    #[must_use]
    pub const fn rate(&self) -> Option<Rate> {
        if self.window_ms == 0 {
            return None;
        }
        let lag = match self.precision {
            Precision::Leased => Self::lag(self.limit, self.window_ms),
            Precision::Local | Precision::Strict => 0,
        };
        let spare = self.burst.saturating_sub(lag);
        Some(Rate {
            limit: self.limit,
            window_ms: self.window_ms,
            capacity: if spare == 0 { 1 } else { spare },
        })
    }

    /// Bytes held beyond the policy itself.
    #[must_use]
    pub fn weight(&self) -> usize {
        size_of::<Self>() + self.name.capacity() + self.resets.capacity()
    }
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}
