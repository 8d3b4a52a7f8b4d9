//! The whole string a client sends: key id, dot, secret part.

use crc::{CRC_32_ISO_HDLC, Crc, Table};
use zeroize::Zeroize;

use super::base62;
use super::id::KeyId;

/// Digits of the secret part: 43 random ones and 6 of the checksum.
pub(super) const SECRET_LENGTH: usize = SECRET_RANDOM + CHECKSUM_LENGTH;
/// 43 digits, each drawn evenly from 62, carry 256.03 bits.
pub(super) const SECRET_RANDOM: usize = 43;
const CHECKSUM_LENGTH: usize = 6;

/// Longest presented key, in bytes: with the longest brand and `admin`.
pub const MAX_LENGTH: usize = KeyId::MAX_LENGTH + 1 + SECRET_LENGTH;

// The 1 KiB table; the faster ones cost 16 KiB of wasm for 90 bytes of input.
const CRC: Crc<u32, Table<1>> = Crc::<u32, Table<1>>::new(&CRC_32_ISO_HDLC);

/// The checksum digits for everything before them (CRC-32/ISO-HDLC, the one of
/// zip and gzip), so that scanners and typing errors need no look-up.
pub(super) fn checksum(text: &[u8]) -> [u8; CHECKSUM_LENGTH] {
    base62::encode(CRC.checksum(text).into())
}

/// Text that must not be seen: no `Debug`, no equality, wiped on drop. Reading
/// it takes a visible [`SecretText::expose`].
pub struct SecretText {
    bytes: [u8; MAX_LENGTH],
    length: usize,
}

impl SecretText {
    /// Takes a copy; `None` where it is longer than a presented key can be.
    pub(crate) fn new(text: &[u8]) -> Option<Self> {
        let mut bytes = [0; MAX_LENGTH];
        bytes.get_mut(..text.len())?.copy_from_slice(text);
        Some(Self {
            bytes,
            length: text.len(),
        })
    }

    /// The text itself, for the one answer that carries it and for its digest.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.bytes
            .get(..self.length)
            .and_then(|text| std::str::from_utf8(text).ok())
            .unwrap_or_default()
    }
}

impl Drop for SecretText {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

/// A key as presented: of the right form, its checksum right, its id tag
/// genuine. Whether its secret is the right one only a record can say. Made by
/// [`Keyring::read`](super::Keyring::read) and [`Keyring::mint`](super::Keyring::mint)
/// alone.
pub struct PresentedKey {
    pub(super) id: KeyId,
    pub(super) text: SecretText,
}

impl PresentedKey {
    /// The part before the dot.
    #[must_use]
    pub const fn id(&self) -> &KeyId {
        &self.id
    }

    /// The whole string.
    #[must_use]
    pub const fn text(&self) -> &SecretText {
        &self.text
    }

    /// The whole string, for the one answer that carries it.
    #[must_use]
    pub fn into_text(self) -> SecretText {
        self.text
    }
}

/// Splits a presented key and checks lengths, digits and the checksum; `None`
/// where one is wrong. Lengths are checked before anything is decoded.
pub(super) fn parse(text: &str) -> Option<KeyId> {
    if text.len() > MAX_LENGTH {
        return None;
    }
    let (id, secret) = text.split_once('.')?;
    if secret.len() != SECRET_LENGTH || !base62::is_base62(secret.as_bytes()) {
        return None;
    }
    let id = KeyId::parse(id)?;
    let (covered, given) = text
        .as_bytes()
        .split_at_checked(text.len() - CHECKSUM_LENGTH)?;
    // Not a secret: a checksum that anyone can compute needs no constant time.
    (checksum(covered) == given).then_some(id)
}
