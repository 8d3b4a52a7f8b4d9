//! Keys that are none, of the right form: prefix, lengths and checksum are right,
//! so that only what is known of the key can refuse them.

use crc::{CRC_32_ISO_HDLC, Crc};

const DIGITS: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// How long the random part of a secret is, before its checksum.
const RANDOM: usize = 43;
/// How long the nonce and the tag at the end of a key id are.
const NONCE_AND_TAG: usize = 12;

/// The same key id with another secret part.
///
/// # Panics
/// It is no presented key.
#[must_use]
pub fn wrong_secret(presented: &str) -> String {
    let (id, secret) = parts(presented);
    with_checksum(&format!("{id}.{}", changed(secret, 0)))
}

/// A key id that this installation never made.
///
/// # Panics
/// It is no presented key.
#[must_use]
pub fn forged_id(presented: &str) -> String {
    let (id, secret) = parts(presented);
    let id = changed(id, id.len() - NONCE_AND_TAG);
    with_checksum(&format!("{id}.{secret}"))
}

/// Appends the CRC-32 of everything before it, in six digits of base62.
#[must_use]
pub fn with_checksum(covered: &str) -> String {
    let mut rest = Crc::<u32>::new(&CRC_32_ISO_HDLC).checksum(covered.as_bytes());
    let mut checksum = Vec::new();
    for _ in 0..6 {
        checksum.extend(DIGITS.chars().nth((rest % 62) as usize));
        rest /= 62;
    }
    covered.chars().chain(checksum.into_iter().rev()).collect()
}

#[expect(clippy::expect_used, reason = "a test's own mistake")]
fn parts(presented: &str) -> (&str, &str) {
    let (id, secret) = presented.split_once('.').expect("a presented key");
    (id, secret.get(..RANDOM).expect("a presented key"))
}

/// The same text with another digit in this place.
fn changed(text: &str, place: usize) -> String {
    let other = |digit| if digit == 'A' { 'B' } else { 'A' };
    text.chars()
        .enumerate()
        .map(|(at, digit)| if at == place { other(digit) } else { digit })
        .collect()
}
