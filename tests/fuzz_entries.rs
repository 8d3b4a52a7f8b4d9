//! The fuzzers' entry points on stable: over the corpora, and over inputs made
//! of them at random. `FUZZ_SECONDS` gives each entry so much time instead of a
//! fixed number of inputs; the counts are printed.
#![allow(missing_docs, unreachable_pub, reason = "tests")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that panics has failed"
)]

#[path = "../fuzz/entries.rs"]
mod entries;
#[path = "support/sqlite.rs"]
mod sqlite;

use std::time::{Duration, Instant};

use katalo_keys::random::{Randomness as _, Seeded};

/// Inputs of each entry, unless a time is given.
const INPUTS: u64 = 50_000;
/// Longest input, in bytes.
const LONGEST: usize = 8 << 10;

/// What parsers here look for.
const WORDS: [&str; 28] = [
    "Bearer ",
    "kat_live_",
    "kat_admin_",
    ".",
    ":",
    ",",
    "\"",
    "{}",
    "[]",
    "null",
    "true",
    "-1",
    "9007199254740993",
    "1e999",
    "\\u0000",
    "\u{202e}",
    "%2e",
    "/../",
    "?",
    "&",
    "=",
    "\n",
    "{\"v\":1",
    "{id}",
    "\"wait\":false",
    "2026-11-24T00:00:00.000Z",
    "0.0.0.0/0",
    "AAAA",
];

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = format!("{}/fuzz/corpus/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut paths: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect()
}

struct Chance(Seeded);

impl Chance {
    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.0.below(most as u64)).unwrap()
    }

    /// A seed with a few bytes changed, cut out, doubled, or put in from
    /// elsewhere.
    fn input(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut input = match self.below(20) {
            0 => {
                let mut bytes = vec![0; self.below(200)];
                self.0.fill(&mut bytes);
                bytes
            }
            _ => seeds[self.below(seeds.len())].clone(),
        };
        for _ in 0..self.below(6) {
            let at = self.below(input.len() + 1);
            let end = (at + self.below(16)).min(input.len());
            match self.below(6) {
                0 if at < input.len() => input[at] = u8::try_from(self.below(256)).unwrap(),
                1 if at < input.len() => input[at] ^= 1 << self.below(8),
                2 => drop(input.drain(at..end)),
                3 => {
                    let part = input[at..end].to_vec();
                    input.splice(at..at, part);
                }
                4 => {
                    let word = WORDS[self.below(WORDS.len())];
                    input.splice(at..end, word.bytes());
                }
                _ => {
                    let other = &seeds[self.below(seeds.len())];
                    let from = self.below(other.len());
                    let part = other[from..(from + self.below(64)).min(other.len())].to_vec();
                    input.splice(at..end, part);
                }
            }
        }
        input.truncate(LONGEST);
        input
    }
}

fn run(name: &str) {
    let (_, entry) = entries::ENTRIES
        .into_iter()
        .find(|(known, _)| *known == name)
        .unwrap();
    let seeds = corpus(name);
    assert!(!seeds.is_empty(), "no corpus for {name}");
    for seed in &seeds {
        entry(seed);
    }
    let time = std::env::var("FUZZ_SECONDS").ok().map(|seconds| {
        let seconds = seconds.parse().unwrap();
        Duration::from_secs(seconds)
    });
    let mut chance = Chance(Seeded(if time.is_some() {
        std::process::id().into()
    } else {
        1
    }));
    let (began, mut inputs) = (Instant::now(), 0_u64);
    while time.map_or(inputs < INPUTS, |time| began.elapsed() < time) {
        let input = chance.input(&seeds);
        let outcome = std::panic::catch_unwind(|| entry(&input));
        assert!(
            outcome.is_ok(),
            "{name}, input {inputs}: {:?}",
            String::from_utf8_lossy(&input)
        );
        inputs += 1;
    }
    println!(
        "{name}: {inputs} inputs in {:.1} s",
        began.elapsed().as_secs_f64()
    );
}

macro_rules! each {
    ($($name:ident),*) => {
        $(
            #[test]
            fn $name() {
                run(stringify!($name));
            }
        )*

        #[test]
        fn every_entry_is_run() {
            let names = [$(stringify!($name)),*];
            assert_eq!(names.as_slice(), entries::ENTRIES.map(|(name, _)| name));
        }
    };
}

each!(header, kv_record, messages, bodies, routes, audit, leaks);
