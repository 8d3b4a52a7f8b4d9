//! Whether the time that a wrong key takes tells how much of it is right: a
//! statistical test in the manner of dudect (Reparaz, Balasch, Verbauwhede,
//! 2016), by `cargo xtask timing`. Never a part of CI: it measures this machine.
//!
//! Two classes of digests are compared against one record, in random order: one
//! class shares the first bytes with the record's digest, the other none. The
//! slowest measurements, interruptions, are cut off; Welch's t-test says whether
//! the means differ, and the difference is held against [`EFFECT_NS`].
//!
//! The same test must tell a comparison that stops at the first difference,
//! else it could tell nothing.
#![allow(missing_docs, reason = "tests")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that panics has failed"
)]

use std::hint::black_box;
use std::time::Instant;

use katalo_keys::key::{Brand, Environment, KeyDigest, Keyring, OrganizationId};
use katalo_keys::random::{Randomness as _, Seeded};

/// The least difference of the means that counts as a leak, in nanoseconds for
/// one comparison. Over a network, with jitter of 10 µs and more, telling 1 ns
/// apart takes over 10⁸ tries at one digest; each try that gets further is one
/// of 2⁸, and the digest is an HMAC that nobody can steer.
const EFFECT_NS: f64 = 1.0;
/// From where on dudect speaks of a leak.
const T_LIMIT: f64 = 4.5;
/// Measurements of each class.
const MEASUREMENTS: usize = 200_000;
/// What part of the measurements is kept: the fastest.
const KEPT: f64 = 0.9;
/// How many rounds there are; noise goes one way and the other.
const ROUNDS: usize = 5;

struct Verdict {
    /// Mean of the second class less mean of the first, per comparison.
    difference_ns: f64,
    t: f64,
}

impl Verdict {
    fn is_leak(&self) -> bool {
        self.t.abs() > T_LIMIT && self.difference_ns.abs() > EFFECT_NS
    }
}

fn moments(times: &mut Vec<f64>) -> (f64, f64, f64) {
    times.sort_by(f64::total_cmp);
    let kept = (times.len() as f64 * KEPT) as usize;
    times.truncate(kept);
    let count = times.len() as f64;
    let mean = times.iter().sum::<f64>() / count;
    let squares: f64 = times.iter().map(|time| (time - mean).powi(2)).sum();
    (mean, squares / (count - 1.0), count)
}

/// Times `work` on inputs of two classes, in random order; `together` calls at a
/// time, as reading the clock costs more than one.
fn measure<T>(together: u32, classes: [&[T]; 2], work: impl Fn(&T) -> bool) -> Verdict {
    let mut order = Seeded(u64::from(std::process::id()));
    let mut times = [const { Vec::new() }; 2];
    for times in &mut times {
        times.reserve(MEASUREMENTS);
    }
    for place in 0..2 * MEASUREMENTS {
        let mut coin = [0];
        order.fill(&mut coin);
        let class = usize::from(coin[0] & 1);
        let (Some(inputs), Some(times)) = (classes.get(class), times.get_mut(class)) else {
            continue;
        };
        let Some(input) = inputs.get(place % inputs.len()) else {
            continue;
        };
        let began = Instant::now();
        for _ in 0..together {
            black_box(work(black_box(input)));
        }
        times.push(began.elapsed().as_nanos() as f64 / f64::from(together));
    }
    let [first, second] = &mut times;
    let (mean_0, variance_0, count_0) = moments(first);
    let (mean_1, variance_1, count_1) = moments(second);
    Verdict {
        difference_ns: mean_1 - mean_0,
        t: (mean_1 - mean_0) / (variance_0 / count_0 + variance_1 / count_1).sqrt(),
    }
}

/// The verdict in the middle of some rounds.
fn settled<T>(name: &str, together: u32, classes: [&[T]; 2], work: impl Fn(&T) -> bool) -> Verdict {
    let mut rounds: Vec<Verdict> = (0..ROUNDS)
        .map(|_| measure(together, classes, &work))
        .collect();
    rounds.sort_by(|a, b| a.difference_ns.total_cmp(&b.difference_ns));
    let middle = rounds.swap_remove(ROUNDS / 2);
    println!(
        "{name}: {:+.3} ns, t = {:+.1}",
        middle.difference_ns, middle.t
    );
    middle
}

/// Digests that share their first `shared` bytes with `record`, and no more.
fn sharing(record: &[u8; 32], shared: usize) -> Vec<[u8; 32]> {
    let mut randomness = Seeded(shared as u64 + 1);
    (0..64)
        .map(|_| {
            let mut digest = [0; 32];
            randomness.fill(&mut digest);
            for (place, (mine, theirs)) in digest.iter_mut().zip(record).enumerate() {
                if place < shared {
                    *mine = *theirs;
                } else if place == shared {
                    *mine = !theirs;
                }
            }
            digest
        })
        .collect()
}

/// What the crate stores of a digest, from its bytes.
fn stored(bytes: &[u8; 32]) -> KeyDigest {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for part in bytes.chunks(3) {
        let mut group = [0; 3];
        for (place, byte) in group.iter_mut().zip(part) {
            *place = *byte;
        }
        let number = u32::from_be_bytes([0, group[0], group[1], group[2]]);
        for digit in 0..=part.len() {
            let index = (number >> (18 - 6 * digit)) & 63;
            text.extend(DIGITS.get(index as usize).copied().map(char::from));
        }
    }
    KeyDigest::from_text(&text).unwrap()
}

#[test]
#[ignore = "measures; by cargo xtask timing"]
fn wrong_digests_of_any_shared_prefix_cannot_be_told_apart() {
    let mut record = [0; 32];
    Seeded(9).fill(&mut record);
    let known = stored(&record);
    let none: Vec<KeyDigest> = sharing(&record, 0).iter().map(stored).collect();
    for shared in [1, 8, 16, 31] {
        let some: Vec<KeyDigest> = sharing(&record, shared).iter().map(stored).collect();
        let name = format!("constant-time compare, {shared} bytes shared");
        let verdict = settled(&name, 64, [&none, &some], |digest| known.matches(digest));
        assert!(!verdict.is_leak(), "{name}");
    }
}

/// The mutant: it stops at the first difference.
#[test]
#[ignore = "measures; by cargo xtask timing"]
fn a_comparison_that_stops_early_is_told() {
    let mut record = [0; 32];
    Seeded(9).fill(&mut record);
    let leaky = |digest: &[u8; 32]| {
        for (mine, theirs) in record.iter().zip(digest) {
            if black_box(mine) != black_box(theirs) {
                return false;
            }
        }
        true
    };
    let none = sharing(&record, 0);
    for shared in [8, 16, 31] {
        let some = sharing(&record, shared);
        let name = format!("leaky compare, {shared} bytes shared");
        let verdict = settled(&name, 64, [&none, &some], leaky);
        assert!(verdict.is_leak(), "{name} was not told");
    }
}

/// From the header to the refusal: a presented key whose secret is wrong in its
/// first digit against one that is wrong in its last.
#[test]
#[ignore = "measures; by cargo xtask timing"]
fn wrong_secrets_cannot_be_told_apart() {
    let ring = r#"{"current":"1","keys":{"1":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}}"#;
    let keyring = Keyring::parse(Brand::KATALO, ring).unwrap();
    let tag = OrganizationId::parse("acme").unwrap().tag();
    let key = keyring
        .mint(Environment::Live, tag, &mut Seeded(1))
        .unwrap();
    let known = keyring.digest(&key).unwrap();
    let wrong = |place: usize| -> Vec<String> {
        let text = key.text().expose();
        let at = text.find('.').unwrap() + 1 + place;
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
            .chars()
            .filter(|other| !text[at..].starts_with(*other))
            .map(|other| {
                let mut changed = text[..text.len() - 6].to_owned();
                changed.replace_range(at..=at, &other.to_string());
                with_checksum(&changed)
            })
            .collect()
    };
    let (first, last) = (wrong(0), wrong(42));
    let refused = |text: &String| {
        let key = keyring.read(text).ok().unwrap();
        keyring.digest(&key).unwrap().matches(&known)
    };
    let verdict = settled(
        "a whole wrong key, first or last digit",
        4,
        [&first, &last],
        refused,
    );
    // A whole check takes microseconds: the effect is relative to that.
    assert!(
        verdict.t.abs() <= T_LIMIT || verdict.difference_ns.abs() < 20.0 * EFFECT_NS,
        "{:+.3} ns",
        verdict.difference_ns
    );
}

fn with_checksum(text: &str) -> String {
    let mut rest = u64::from(crc32(text.as_bytes()));
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        let digits = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        *digit = digits.get((rest % 62) as usize).copied().unwrap();
        rest /= 62;
    }
    format!("{text}{}", std::str::from_utf8(&digits).unwrap())
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}
