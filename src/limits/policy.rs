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

impl Precision {
    /// As it stands in texts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Leased => "leased",
            Self::Strict => "strict",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Local, Self::Leased, Self::Strict]
            .into_iter()
            .find(|precision| precision.as_str() == text)
    }
}

/// A rate or a quota.
///
/// In records and messages it is a text, its parts with spaces between: that is small,
/// and little code reads it. `monthly 12 - 10000 0 0 leased month 1 00:00 UTC`
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Policy {
    /// Unique among those of its key or organization, without a space.
    pub name: String,
    /// Of the change that set it: what was leased under an older one is not spent.
    pub revision: Revision,
    /// The key whose meter it runs on, where that is another one: a rotated key goes
    /// on with its predecessor's.
    pub meter: Option<PublicKeyId>,
    /// Units in a window.
    pub limit: u64,
    /// For a rate: the window in milliseconds, 1 s to 1 d.
    pub window_ms: u64,
    /// For a rate: in no window of that length is more admitted than the limit and this.
    pub burst: u64,
    /// How exactly it is kept.
    pub precision: Precision,
    /// For a quota: when it begins anew, by [`Resets`](super::window::Resets). Only the
    /// meter reads it.
    pub resets: String,
}

impl From<Policy> for String {
    fn from(policy: Policy) -> Self {
        let meter = policy.meter.as_ref().map_or("-", PublicKeyId::as_str);
        let [revision, limit, window, burst] = [
            policy.revision,
            policy.limit,
            policy.window_ms,
            policy.burst,
        ]
        .map(|number| number.to_string());
        [
            &policy.name,
            &revision,
            meter,
            &limit,
            &window,
            &burst,
            policy.precision.as_str(),
            &policy.resets,
        ]
        .join(" ")
    }
}

impl TryFrom<String> for Policy {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        read(&text).ok_or("not a limit")
    }
}

fn read(text: &str) -> Option<Policy> {
    let mut parts = text.splitn(8, ' ');
    let name = parts.next()?.to_owned();
    let revision = number(&mut parts)?;
    let meter = match parts.next()? {
        "-" => None,
        id => Some(PublicKeyId::parse(id.as_bytes())?),
    };
    let [limit, window_ms, burst] = [
        number(&mut parts)?,
        number(&mut parts)?,
        number(&mut parts)?,
    ];
    Some(Policy {
        name,
        revision,
        meter,
        limit,
        window_ms,
        burst,
        precision: Precision::parse(parts.next()?)?,
        resets: parts.next()?.to_owned(),
    })
}

/// The number that is the next of these parts.
pub(super) fn number<'a>(parts: &mut impl Iterator<Item = &'a str>) -> Option<u64> {
    parts.next()?.parse().ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Stored in registries and in Workers KV.
    #[test]
    fn the_form_is_pinned() {
        let quota = "monthly 12 - 10000 0 0 strict month 1 00:00 Europe/Copenhagen";
        let rate = "burst 3 20BAssrdJ8UvAGbTzdPedgcnuDWlHC 100 60000 50 leased ";
        for text in [quota, rate] {
            let policy = Policy::try_from(text.to_owned()).unwrap();
            assert_eq!(policy.is_rate(), text == rate);
            assert_eq!(String::from(policy), text);
        }
        for text in [
            "",
            "a 1 - 1 0 0 exact never",
            "a x - 1 0 0 leased never",
            "a 1 - 1 0 0 leased",
        ] {
            assert!(Policy::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
