//! Instants of the wall clock, in milliseconds, and their RFC 3339 form.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Milliseconds since 1970-01-01T00:00:00Z. Stored as a number, shown to people
/// and programs outside as [`Timestamp::to_rfc3339`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

/// Milliseconds of a day.
pub(crate) const DAY: u64 = 86_400_000;

/// The last instant RFC 3339 can write: 9999-12-31T23:59:59.999Z.
const LAST: u64 = 253_402_300_799_999;

impl Timestamp {
    /// The instant `milliseconds` later; stops at the last one RFC 3339 can write.
    #[must_use]
    pub fn plus(self, milliseconds: u64) -> Self {
        Self(self.0.saturating_add(milliseconds).min(LAST))
    }

    /// Milliseconds from `earlier` to here; 0 when `earlier` lies after.
    #[must_use]
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// `2026-11-24T03:41:14.000Z` (RFC 3339 section 5.6, UTC, milliseconds).
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        let at = self.0.min(LAST);
        let (year, month, day) = date(at / DAY);
        let mut text = String::with_capacity(24);
        for (number, digits, end) in [
            (year, 4, '-'),
            (month, 2, '-'),
            (day, 2, 'T'),
            (at / 3_600_000 % 24, 2, ':'),
            (at / 60_000 % 60, 2, ':'),
            (at / 1_000 % 60, 2, '.'),
            (at % 1_000, 3, 'Z'),
        ] {
            for place in (0..digits).rev() {
                let digit = number / 10_u64.pow(place) % 10;
                text.extend(char::from_digit(u32::try_from(digit).unwrap_or(0), 10));
            }
            text.push(end);
        }
        text
    }

    /// `Tue, 24 Nov 2026 03:41:14 GMT` (IMF-fixdate, RFC 9110 section 5.6.7).
    #[must_use]
    pub fn to_http_date(self) -> String {
        const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
        const MONTHS: [&str; 12] = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ];
        let text = self.to_rfc3339();
        let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
        let month = part(5, 7).parse::<usize>().unwrap_or(1);
        // 1970-01-01 was a Thursday.
        let day = (self.0.min(LAST) / DAY % 7) as usize;
        format!(
            "{}, {} {} {} {} GMT",
            DAYS.get(day).unwrap_or(&"Thu"),
            part(8, 10),
            MONTHS.get(month.saturating_sub(1)).unwrap_or(&"Jan"),
            part(0, 4),
            part(11, 19),
        )
    }

    /// Reads an RFC 3339 instant (section 5.6); anything finer than a millisecond is cut
    /// off. `None` where it is not one, or lies before 1970. A leap second counts as the
    /// second after it.
    #[must_use]
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let number = |from: usize, digits: usize| {
            let mut digits = bytes.get(from..from + digits)?.iter();
            digits.try_fold(0, |number, byte| {
                let digit = char::from(*byte).to_digit(10)?;
                Some(number * 10 + u64::from(digit))
            })
        };
        for (place, mark) in
            [(4, b"-"), (7, b"-"), (10, b"Tt"), (13, b":"), (16, b":")] as [(usize, &[u8]); 5]
        {
            if !mark.contains(bytes.get(place)?) {
                return None;
            }
        }
        let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
        let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
        let days = days(year, month, day).filter(|days| date(*days) == (year, month, day))?;
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let mut end = 19;
        let mut millis = 0;
        if bytes.get(end) == Some(&b'.') {
            let fraction = bytes.get(end + 1..)?;
            let digits = fraction
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
                .count();
            if digits == 0 {
                return None;
            }
            millis = (0..3).fold(0, |millis, place| {
                let digit = number(end + 1 + place, 1).filter(|_| place < digits);
                millis * 10 + digit.unwrap_or(0)
            });
            end += 1 + digits;
        }
        let local = days * DAY + hour * 3_600_000 + minute * 60_000 + second * 1_000 + millis;
        let utc = match (bytes.get(end)?, bytes.len() - end) {
            (b'Z' | b'z', 1) => local,
            (sign @ (b'+' | b'-'), 6) if bytes.get(end + 3) == Some(&b':') => {
                let (hours, minutes) = (number(end + 1, 2)?, number(end + 4, 2)?);
                if hours > 23 || minutes > 59 {
                    return None;
                }
                let offset = hours * 3_600_000 + minutes * 60_000;
                if *sign == b'+' {
                    local.checked_sub(offset)?
                } else {
                    local + offset
                }
            }
            _ => return None,
        };
        Some(Self(utc.min(LAST)))
    }
}

/// Days from 1970-01-01 to this date, the other way round than [`date`]; none before.
/// What is no date is told by another date there.
const fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    if month == 0 || month > 12 || day == 0 || year == 0 {
        return None;
    }
    let year = if month < 3 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let all = year * 365 + year / 4 - year / 100 + year / 400 + of_year;
    all.checked_sub(719_468)
}

/// Year, month and day, so many days after 1970-01-01, in the Gregorian calendar. Years
/// begin in March here, so that the leap day is the last one (Howard Hinnant's
/// `civil_from_days`).
pub(crate) const fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (era * 400 + year + next, month, day)
}

/// `#[serde(with = "Rfc3339")]`: a [`Timestamp`] as its text. A type rather than a
/// module, so that it can have a JSON Schema too.
pub struct Rfc3339;

impl Rfc3339 {
    /// Writes `2026-11-24T03:41:14.000Z`.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&at.to_rfc3339())
    }

    /// Reads an RFC 3339 instant.
    ///
    /// # Errors
    /// Where the text is not one.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(from)?;
        Timestamp::from_rfc3339(&text).ok_or_else(|| {
            D::Error::custom("expected an RFC 3339 time, such as 2026-11-24T03:41:14Z")
        })
    }
}

/// `#[serde(with = "Rfc3339OrNull")]`: the same for an instant that may be absent
/// (`null`).
pub struct Rfc3339OrNull;

impl Rfc3339OrNull {
    /// Writes the text, or `null`.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(at: &Option<Timestamp>, to: S) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => Rfc3339::serialize(at, to),
            None => to.serialize_none(),
        }
    }

    /// Reads the text, or `null`.
    ///
    /// # Errors
    /// Where the text is not an RFC 3339 time.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
        #[derive(Deserialize)]
        struct Shown(#[serde(with = "Rfc3339")] Timestamp);
        Ok(Option::<Shown>::deserialize(from)?.map(|shown| shown.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_dates() {
        // The example of RFC 9110 section 5.6.7, and the day this was written.
        for (milliseconds, text) in [
            (784_111_777_000, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (1_795_491_674_999, "Tue, 24 Nov 2026 03:41:14 GMT"),
        ] {
            assert_eq!(Timestamp(milliseconds).to_http_date(), text);
        }
    }

    #[test]
    fn every_day_is_written_and_read_as_another_library_does() {
        // The last second of each day, a little of it gone.
        for day in 1..=LAST / DAY {
            let at = Timestamp(day * DAY - day % 1_000 - 1);
            let other = std::time::UNIX_EPOCH + std::time::Duration::from_millis(at.0);
            let other = humantime::format_rfc3339_millis(other).to_string();
            assert_eq!(at.to_rfc3339(), other);
            assert_eq!(Timestamp::from_rfc3339(&other), Some(at));
        }
    }

    #[test]
    fn text_and_back() {
        let at = Timestamp(1_795_491_674_123);
        assert_eq!(at.to_rfc3339(), "2026-11-24T03:41:14.123Z");
        assert_eq!(Timestamp::from_rfc3339(&at.to_rfc3339()), Some(at));
        assert_eq!(Timestamp::from_rfc3339("2026-11-24"), None);
        assert_eq!(Timestamp::from_rfc3339("1969-12-31T23:59:59Z"), None);
        assert_eq!(Timestamp(u64::MAX).to_rfc3339(), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn any_offset_is_read() {
        let at = Timestamp(1_795_491_674_123);
        for same in [
            "2026-11-24T03:41:14.123Z",
            "2026-11-24T03:41:14.123+00:00",
            "2026-11-24T03:41:14.123-00:00",
            "2026-11-24T04:41:14.123+01:00",
            "2026-11-23T20:11:14.123-07:30",
            "2026-11-25T03:40:14.123+23:59",
        ] {
            assert_eq!(Timestamp::from_rfc3339(same), Some(at), "{same}");
        }
        for none in [
            "2026-11-24T03:41:14+24:00",
            "2026-11-24T03:41:14+01:60",
            "2026-11-24T03:41:14+1:00",
            "2026-11-24T03:41:14+0100",
            "2026-11-24T03:41:14 01:00",
            "2026-11-24T03:41:14Z+01:00",
            "2026-11-24T03:41:14+01:00Z",
            "2026-11-24T03:41:14",
            "2026-11-24",
            "1970-01-01T00:30:00+01:00",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-10T00:00:00Z",
            "2026-11-24T24:00:00Z",
            "2026-11-24T00:60:00Z",
            "2026-11-24T03:41:14.Z",
            "2026-11-24T03:41:14Zé",
            "+01:00",
            "é01:00",
            "",
        ] {
            assert_eq!(Timestamp::from_rfc3339(none), None, "{none}");
        }
    }
}
