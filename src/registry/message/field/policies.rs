//! `limits`: rates and quotas as administrators write them.

use serde::{Deserialize, Serialize};

use crate::bounded::bounded;
use crate::key::{PublicKeyId, Revision};
use crate::limits::policy::{Policy, Precision};
use crate::limits::window::{Clock, Resets};

bounded! {
    /// Units in a window: 1 to 1,000,000,000.
    LimitUnits, (1..=1_000_000_000), "a limit must be between 1 and 1000000000"
}

bounded! {
    /// The window of a rate, in seconds: 1 to a day.
    WindowSeconds, (1..=86_400), "a window must be between 1 and 86400 seconds"
}

bounded! {
    /// On which day of the month a quota begins anew: 1 to 28.
    ResetDay, (1..=28), "a quota must begin anew on a day between 1 and 28"
}

/// The greatest limit of a rate, and of its burst.
const FASTEST: u64 = 10_000_000;

/// How long a quota lasts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Period {
    /// A day.
    Day,
    /// A month.
    Month,
    /// For ever.
    Forever,
}

/// A rate (with `window_seconds`) or a quota (with `period`).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitPolicy {
    /// `[a-z0-9_-]{1,32}`, once in a list; in the fields `RateLimit` and
    /// `RateLimit-Policy`.
    pub name: String,
    /// Units in a window.
    pub limit: LimitUnits,
    /// Of a rate: its window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_seconds: Option<WindowSeconds>,
    /// Of a rate: how many more than `limit` may be admitted in a window of that
    /// length; half of it unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u64>,
    /// Of a quota: how long it lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<Period>,
    /// Of a quota by the month: the day on which it begins anew; 1 unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset_day: Option<ResetDay>,
    /// Of a quota by the day or month: when; `00:00` unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset_time: Option<String>,
    /// Whose clocks show it: a name of the IANA time zone database; `UTC` unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// How exactly it is kept; `leased` unless said.
    #[serde(default)]
    pub precision: Precision,
}

/// Limits of a key or an organization: at most 8, none twice by name.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<LimitPolicy>", into = "Vec<LimitPolicy>")]
pub struct Limits(Vec<Policy>);

impl Limits {
    /// Most of them.
    pub const MAX: usize = 8;

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As records carry them, set at `revision` in the place of others: what does not
    /// change stays under its revision, and a limit of the same name goes on with what
    /// was spent.
    #[must_use]
    pub fn replacing(&self, before: &[Policy], revision: Revision) -> Vec<Policy> {
        let policies = self.0.iter().cloned();
        policies
            .map(|mut policy| {
                let old = before.iter().find(|old| old.name == policy.name);
                policy.revision = revision;
                if let Some(old) = old {
                    policy.meter = old.meter;
                    let is_same = Policy {
                        revision,
                        ..old.clone()
                    } == policy;
                    if is_same {
                        policy.revision = old.revision;
                    }
                }
                policy
            })
            .collect()
    }

    /// Those of the key that replaces `key`: on its meters.
    #[must_use]
    pub fn handed_on(policies: &[Policy], key: PublicKeyId) -> Vec<Policy> {
        let policies = policies.iter().cloned();
        policies
            .map(|policy| Policy {
                meter: policy.meter.or(Some(key)),
                ..policy
            })
            .collect()
    }

    /// The same as administrators see them.
    #[must_use]
    pub fn shown(policies: &[Policy]) -> Self {
        Self(policies.to_vec())
    }

    /// The time zones that they name.
    pub fn zones(&self) -> impl Iterator<Item = String> {
        let resets = self.0.iter().filter_map(|one| Resets::parse(&one.resets));
        resets.filter_map(|resets| resets.zone().map(str::to_owned))
    }
}

impl TryFrom<Vec<LimitPolicy>> for Limits {
    type Error = String;
    fn try_from(written: Vec<LimitPolicy>) -> Result<Self, Self::Error> {
        if written.len() > Self::MAX {
            return Err("there may be at most 8 limits".to_owned());
        }
        let policies: Vec<Policy> = written
            .into_iter()
            .map(Policy::try_from)
            .collect::<Result<_, _>>()?;
        let mut names: Vec<&str> = policies.iter().map(|one| one.name.as_str()).collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair.first() == pair.last()) {
            Some(pair) => Err(format!("two limits are named {}", pair.concat())),
            None => Ok(Self(policies)),
        }
    }
}

impl TryFrom<LimitPolicy> for Policy {
    type Error = String;
    fn try_from(written: LimitPolicy) -> Result<Self, Self::Error> {
        let name = &written.name;
        let is_name = (1..=32).contains(&name.len())
            && (name.bytes())
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b));
        if !is_name {
            return Err("a limit's `name` must be 1 to 32 of a-z 0-9 _ -".to_owned());
        }
        let wrong = |what: &str| Err(format!("limit {name}: {what}"));
        let limit = written.limit.get();
        let is_rate = written.window_seconds.is_some();
        if is_rate == written.period.is_some() {
            return wrong(
                "it must have either `window_seconds`, for a rate, or `period`, for a quota",
            );
        }
        let has_reset = written.reset_time.is_some() || written.time_zone.is_some();
        match written.period {
            None if has_reset || written.reset_day.is_some() => {
                return wrong(
                    "a rate does not begin anew: only a quota has `reset_day`, `reset_time` and `time_zone`",
                );
            }
            Some(Period::Forever) if has_reset || written.reset_day.is_some() => {
                return wrong("a quota for ever does not begin anew");
            }
            Some(Period::Day) if written.reset_day.is_some() => {
                return wrong("`reset_day` is for quotas by the month");
            }
            Some(_) if written.burst.is_some() => return wrong("only a rate has a `burst`"),
            Some(_) if written.precision == Precision::Local => {
                return wrong(
                    "a quota is `leased` or `strict`: isolates that count by themselves would each have all of it",
                );
            }
            _ => {}
        }
        let window_ms = written.window_seconds.map_or(0, |it| it.get() * 1_000);
        let mut burst = 0;
        if is_rate {
            let least = match written.precision {
                Precision::Leased => Self::lag(limit, window_ms) + 1,
                Precision::Local | Precision::Strict => 1,
            };
            burst = written.burst.unwrap_or_else(|| least.max(limit / 2));
            if limit > FASTEST || burst > FASTEST {
                return wrong("the limit and the burst of a rate must be at most 10000000");
            }
            if burst < least {
                return wrong(&format!(
                    "`burst` must be at least {least} at this precision"
                ));
            }
        }
        let clock = || {
            let time = written.reset_time.as_deref().unwrap_or("00:00");
            let zone = written.time_zone.as_deref().unwrap_or("UTC");
            let is_zone = (1..=64).contains(&zone.len())
                && (zone.bytes()).all(|b| b.is_ascii_alphanumeric() || b"_+-/".contains(&b));
            match (Clock::minutes(time), is_zone) {
                (Some(minutes), true) => Ok(Clock {
                    minutes,
                    zone: zone.to_owned(),
                }),
                (None, _) => Err(format!(
                    "limit {name}: `reset_time` must be a time of day, as 00:00"
                )),
                (_, false) => Err(format!(
                    "limit {name}: `time_zone` must be a name of the IANA time zone database, as Europe/Copenhagen"
                )),
            }
        };
        let resets = match written.period {
            None => String::new(),
            Some(Period::Forever) => Resets::Never.to_string(),
            Some(Period::Day) => Resets::Daily(clock()?).to_string(),
            Some(Period::Month) => {
                let day = written.reset_day.map_or(1, ResetDay::get);
                Resets::Monthly(day, clock()?).to_string()
            }
        };
        Ok(Self {
            name: written.name,
            revision: 0,
            meter: None,
            limit,
            window_ms,
            burst,
            resets,
            precision: written.precision,
        })
    }
}

impl From<Limits> for Vec<LimitPolicy> {
    fn from(limits: Limits) -> Self {
        limits.0.into_iter().map(LimitPolicy::from).collect()
    }
}

impl From<Policy> for LimitPolicy {
    fn from(policy: Policy) -> Self {
        let resets = Resets::parse(&policy.resets);
        let (period, day, clock) = match (policy.is_rate(), resets) {
            (true, _) => (None, None, None),
            (false, Some(Resets::Daily(clock))) => (Some(Period::Day), None, Some(clock)),
            (false, Some(Resets::Monthly(day, clock))) => (
                Some(Period::Month),
                ResetDay::try_from(day).ok(),
                Some(clock),
            ),
            (false, _) => (Some(Period::Forever), None, None),
        };
        let window = WindowSeconds::try_from(policy.window_ms / 1_000);
        Self {
            limit: LimitUnits::try_from(policy.limit).unwrap_or(LimitUnits(1)),
            window_seconds: window.ok().filter(|_| policy.is_rate()),
            burst: policy.is_rate().then_some(policy.burst),
            period,
            reset_day: day,
            reset_time: (clock.as_ref())
                .map(|it| format!("{:02}:{:02}", it.minutes / 60, it.minutes % 60)),
            time_zone: clock.map(|clock| clock.zone),
            name: policy.name,
            precision: policy.precision,
        }
    }
}
