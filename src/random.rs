//! Randomness as an input: drawn from the runtime, passed inwards.

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
    base16ct::lower::encode_string(&bytes)
}

/// A seeded generator for tests and benches: predictable, never for keys. These few
/// lines of a published algorithm (SplitMix64) rather than a crate, so that a seed
/// that found a fault finds it again after every update.
#[cfg(any(test, not(target_arch = "wasm32")))]
pub struct Seeded(pub u64);

#[cfg(any(test, not(target_arch = "wasm32")))]
impl Seeded {
    /// The next 64 bits.
    pub const fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`; 0 where that is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.roll() % limit.max(1)
    }
}

#[cfg(any(test, not(target_arch = "wasm32")))]
impl Randomness for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte = (self.roll() & 0xff) as u8;
        }
    }
}
