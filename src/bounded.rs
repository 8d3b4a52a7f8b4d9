//! Whole numbers within a range, read from JSON.

use std::fmt;

use serde::Deserializer;
use serde::de::{Error, Unexpected, Visitor};

/// Reads a number that is whole, however JSON writes it: `86400`, `86400.0` and
/// `8.64e4` are the same (RFC 8259 section 6).
pub(crate) fn whole_number<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    struct Whole;

    impl Visitor<'_> for Whole {
        type Value = u64;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a whole number")
        }
        fn visit_u64<E>(self, number: u64) -> Result<u64, E> {
            Ok(number)
        }
        fn visit_f64<E: Error>(self, number: f64) -> Result<u64, E> {
            // The cast saturates.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let kept = number as u64;
            if number.fract() == 0.0 && number >= 0.0 {
                Ok(kept)
            } else {
                Err(E::invalid_value(Unexpected::Float(number), &self))
            }
        }
    }

    from.deserialize_u64(Whole)
}

/// A whole number within a range, with the range in its error.
macro_rules! bounded {
    ($(#[$doc:meta])* $name:ident, $range:expr, $otherwise:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
        #[serde(into = "u64")]
        pub struct $name(u64);

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                Self::try_from($crate::bounded::whole_number(from)?)
                    .map_err(serde::de::Error::custom)
            }
        }

        impl $name {
            /// What it may be.
            pub const RANGE: std::ops::RangeInclusive<u64> = $range;

            /// The number.
            #[must_use]
            pub const fn get(self) -> u64 {
                self.0
            }
        }

        impl TryFrom<u64> for $name {
            type Error = &'static str;
            fn try_from(number: u64) -> Result<Self, &'static str> {
                if Self::RANGE.contains(&number) {
                    Ok(Self(number))
                } else {
                    Err($otherwise)
                }
            }
        }

        impl From<$name> for u64 {
            fn from(number: $name) -> Self {
                number.0
            }
        }
    };
}

pub(crate) use bounded;
