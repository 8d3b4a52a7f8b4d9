//! Base62 in fixed-width fields: `0-9A-Za-z`, most significant digit first.

/// The digits in order of their value.
pub(super) const DIGITS: &[u8; 62] =
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Value of one digit, or `None` for any other byte.
pub(super) const fn value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'Z' => Some(digit - b'A' + 10),
        b'a'..=b'z' => Some(digit - b'a' + 36),
        _ => None,
    }
}

/// Whether every byte is a digit.
pub(super) fn is_base62(text: &[u8]) -> bool {
    text.iter().all(|&byte| value(byte).is_some())
}

/// Writes `number` into exactly `N` digits: a number that does not fit loses its
/// leading ones.
pub(super) fn encode<const N: usize>(mut number: u64) -> [u8; N] {
    let mut text = [b'0'; N];
    for place in text.iter_mut().rev() {
        let digit = usize::try_from(number % 62).unwrap_or(0);
        *place = DIGITS.get(digit).copied().unwrap_or(b'0');
        number /= 62;
    }
    text
}

/// Reads a field whose greatest canonical number is `max`. `None` for a byte
/// that is no digit and for a number beyond `max`: two texts never mean the same.
pub(super) fn decode(text: &[u8], max: u64) -> Option<u64> {
    let mut number: u64 = 0;
    for &byte in text {
        number = number
            .checked_mul(62)?
            .checked_add(u64::from(value(byte)?))?;
    }
    (number <= max).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn eleven_digits_hold_every_u64(number: u64) {
            prop_assert_eq!(decode(&encode::<11>(number), u64::MAX), Some(number));
        }

        #[test]
        fn six_digits_hold_every_u32(number: u32) {
            prop_assert_eq!(decode(&encode::<6>(number.into()), u32::MAX.into()), Some(number.into()));
        }
    }

    #[test]
    fn beyond_the_range_is_refused() {
        assert_eq!(decode(b"zzzzzz", u32::MAX.into()), None);
        assert_eq!(decode(b"zzzzzzzzzzz", u64::MAX), None);
        assert_eq!(decode(b"00000-", u64::MAX), None);
    }
}
