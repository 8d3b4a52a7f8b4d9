//! Randomness as an input: drawn at the rim, passed inwards.

/// A source of unpredictable bytes. The Worker's is the runtime's
/// `crypto.getRandomValues`; tests bring a seeded one.
pub trait Randomness {
    /// Fills `bytes`.
    fn fill(&mut self, bytes: &mut [u8]);
}

/// 16 random bytes as 32 hexadecimal digits: request ids, session ids' names,
/// incarnations. Not for secrets that a client types or stores.
pub fn hex_id(randomness: &mut dyn Randomness) -> String {
    let mut bytes = [0; 16];
    randomness.fill(&mut bytes);
    hex(&bytes)
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// A small seeded generator (splitmix64) for tests; predictable, never for keys.
#[cfg(any(test, not(target_arch = "wasm32")))]
pub struct Seeded(pub u64);

#[cfg(any(test, not(target_arch = "wasm32")))]
impl Randomness for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            *byte = ((z ^ (z >> 31)) & 0xff) as u8;
        }
    }
}
