//! When a quota begins anew, as people count days and months.

use std::fmt;

use crate::time::{DAY, date};

/// Knows time zones.
pub trait Zones {
    /// How far the zone's clocks are ahead of UTC at this instant, in milliseconds; none
    /// where there is no such zone.
    fn offset(&self, zone: &str, at: u64) -> Option<i64>;
}

/// When a quota begins anew.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Resets {
    /// Never.
    Never,
    /// Every day.
    Daily(Clock),
    /// Every month on this day, 1 to 28.
    Monthly(u64, Clock),
}

/// A time of day somewhere.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Clock {
    /// Minutes after midnight.
    pub minutes: u64,
    /// IANA's name of the zone.
    pub zone: String,
}

/// `never`, `day 00:00 UTC`, `month 1 00:00 Europe/Copenhagen`.
impl fmt::Display for Resets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("never"),
            Self::Daily(clock) => write!(f, "day {clock}"),
            Self::Monthly(day, clock) => write!(f, "month {day} {clock}"),
        }
    }
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hours, minutes) = (self.minutes / 60, self.minutes % 60);
        write!(f, "{hours:02}:{minutes:02} {}", self.zone)
    }
}

impl Clock {
    /// Reads `00:00` as minutes after midnight.
    #[must_use]
    pub fn minutes(text: &str) -> Option<u64> {
        let is_form = text.len() == 5 && text.bytes().filter(u8::is_ascii_digit).count() == 4;
        let (hours, minutes) = text.split_once(':').filter(|_| is_form)?;
        let (hours, minutes) = (hours.parse::<u64>().ok()?, minutes.parse::<u64>().ok()?);
        (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
    }

    /// The instant at which these clocks show this time on the day `days` after
    /// 1970-01-01. Where they skip it, an hour later; where they show it twice, one of
    /// the two.
    fn on(&self, zones: &dyn Zones, days: u64) -> Option<u64> {
        let shown = days.checked_mul(DAY)?.checked_add(self.minutes * 60_000)?;
        let guess = shown.checked_add_signed(-zones.offset(&self.zone, shown)?)?;
        shown.checked_add_signed(-zones.offset(&self.zone, guess)?)
    }
}

impl Resets {
    /// Reads what [`Display`](fmt::Display) writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let first = words.next()?;
        if first == "never" {
            return Some(Self::Never);
        }
        let day = match first {
            "day" => None,
            "month" => Some(words.next()?.parse().ok()?),
            _ => return None,
        };
        let clock = Clock {
            minutes: Clock::minutes(words.next()?)?,
            zone: words.next()?.to_owned(),
        };
        Some(match day {
            None => Self::Daily(clock),
            Some(day) => Self::Monthly(day, clock),
        })
    }

    /// The first instant after `now` at which it begins anew; none where it never does.
    #[must_use]
    pub fn next(&self, zones: &dyn Zones, now: u64) -> Option<u64> {
        let clock = match self {
            Self::Never => return None,
            Self::Daily(clock) | Self::Monthly(_, clock) => clock,
        };
        // Whatever the zone, its date is within a day of UTC's.
        let today = (now / DAY).saturating_sub(1);
        let mut days = today..today.saturating_add(64);
        days.find_map(|day| {
            let is_right = match self {
                Self::Monthly(wanted, _) => date(day).2 == *wanted,
                Self::Daily(_) | Self::Never => true,
            };
            let at = if is_right { clock.on(zones, day) } else { None };
            at.filter(|at| *at > now)
        })
    }

    /// The zone, where there is one.
    #[must_use]
    pub fn zone(&self) -> Option<&str> {
        match self {
            Self::Never => None,
            Self::Daily(clock) | Self::Monthly(_, clock) => Some(&clock.zone),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    /// Copenhagen in 2026: one hour ahead, two from 29 March to 25 October.
    struct Copenhagen;

    impl Zones for Copenhagen {
        fn offset(&self, zone: &str, at: u64) -> Option<i64> {
            let at = Timestamp(at).to_rfc3339();
            let summer = at.as_str() >= "2026-03-29T01" && at.as_str() < "2026-10-25T01";
            match zone {
                "UTC" => Some(0),
                "Europe/Copenhagen" => Some(if summer { 7_200_000 } else { 3_600_000 }),
                _ => None,
            }
        }
    }

    fn next(resets: &str, now: &str) -> Option<String> {
        let now = Timestamp::from_rfc3339(now).unwrap().0;
        let next = Resets::parse(resets).unwrap().next(&Copenhagen, now);
        next.map(|at| Timestamp(at).to_rfc3339())
    }

    #[test]
    fn days_and_months_begin_where_the_operator_is() {
        for (resets, now, expected) in [
            (
                "day 00:00 UTC",
                "2026-11-28T10:00:00Z",
                "2026-11-29T00:00:00.000Z",
            ),
            (
                "day 12:30 UTC",
                "2026-11-28T10:00:00Z",
                "2026-11-28T12:30:00.000Z",
            ),
            (
                "day 12:30 UTC",
                "2026-11-28T12:30:00Z",
                "2026-11-29T12:30:00.000Z",
            ),
            (
                "day 00:00 Europe/Copenhagen",
                "2026-11-28T22:59:59.999Z",
                "2026-11-28T23:00:00.000Z",
            ),
            (
                "month 1 00:00 Europe/Copenhagen",
                "2026-06-30T22:00:00Z",
                "2026-07-31T22:00:00.000Z",
            ),
            // Over the night on which clocks are set back.
            (
                "month 1 00:00 Europe/Copenhagen",
                "2026-10-01T00:00:00Z",
                "2026-10-31T23:00:00.000Z",
            ),
            (
                "month 28 06:00 UTC",
                "2026-02-28T06:00:00Z",
                "2026-03-28T06:00:00.000Z",
            ),
            (
                "month 1 00:00 UTC",
                "2026-12-31T23:59:59Z",
                "2027-01-01T00:00:00.000Z",
            ),
            // A time that clocks skip.
            (
                "day 02:30 Europe/Copenhagen",
                "2026-03-28T12:00:00Z",
                "2026-03-29T01:30:00.000Z",
            ),
        ] {
            assert_eq!(
                next(resets, now).as_deref(),
                Some(expected),
                "{resets} {now}"
            );
        }
        assert_eq!(next("never", "2026-11-28T10:00:00Z"), None);
    }

    #[test]
    fn a_form_is_read_as_it_is_written() {
        for text in ["never", "day 00:00 UTC", "month 28 23:59 Europe/Copenhagen"] {
            assert_eq!(Resets::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "",
            "week 00:00 UTC",
            "day 24:00 UTC",
            "day 0:00 UTC",
            "month x 00:00 UTC",
        ] {
            assert_eq!(Resets::parse(text), None, "{text}");
        }
    }
}
