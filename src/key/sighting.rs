//! Keys inside other text: an address, a form, a report.

use std::borrow::Cow;
use std::ops::Range;

use super::brand::Environment;
use super::id::PublicKeyId;
use super::keyring::Keyring;
use super::presented::{MAX_LENGTH, PresentedKey, SECRET_LENGTH, SECRET_RANDOM};

impl Keyring {
    /// Every place in `text` that looks like a key of this installation: brand,
    /// environment, id, dot and secret part, each of its length. Most are keys
    /// once made here ([`Self::read`]); a few may only look so.
    pub fn sightings<'t>(&self, text: &'t str) -> impl Iterator<Item = &'t str> {
        let brand = self.brand();
        let mut rest = text;
        std::iter::from_fn(move || {
            loop {
                let at = rest.find(brand.as_str())?;
                let candidate = rest.get(at..)?;
                rest = candidate.get(1..).unwrap_or_default();
                if let Some(length) = length_of_key(candidate, brand.as_str().len()) {
                    rest = candidate.get(length..).unwrap_or_default();
                    return candidate.get(..length);
                }
            }
        })
    }

    /// The first key in `text` that was made here.
    #[must_use]
    pub fn first_made_here(&self, text: &str) -> Option<PresentedKey> {
        self.sightings(text).find_map(|key| self.read(key).ok())
    }
}

/// Looks for a key that was made here in a text that comes piece by piece, and keeps no
/// more of it than a key is long.
pub struct Search<'k> {
    keyring: &'k Keyring,
    pub(super) kept: Vec<u8>,
}

impl<'k> Search<'k> {
    /// A search that has seen nothing yet.
    #[must_use]
    pub const fn new(keyring: &'k Keyring) -> Self {
        let kept = Vec::new();
        Self { keyring, kept }
    }

    /// The first key that ends in the next piece.
    pub fn next(&mut self, piece: &[u8]) -> Option<PresentedKey> {
        self.kept.extend(piece);
        let found = self
            .keyring
            .first_made_here(&String::from_utf8_lossy(&self.kept));
        let seen = self.kept.len().saturating_sub(MAX_LENGTH - 1);
        self.kept.drain(..seen);
        found
    }
}

/// What [`redacted`] leaves in the place of a secret.
pub const REDACTED: &str = "[secret]";

/// A stranger's text as it may be stored or logged: with [`REDACTED`] for each
/// run of base62 digits that could be, or hold, the secret part of a key.
///
/// That is any run of at least 43 digits, as many as a secret has random ones,
/// whatever stands around it; and, behind a key id and its dot (`%2E` too), any
/// run at all: there a part of a secret was cut off. Key ids stay, and so do the
/// 40 digits of a Git commit. Linear in the text.
#[must_use]
pub fn redacted(text: &str) -> Cow<'_, str> {
    let mut clean = String::new();
    let mut copied = 0;
    let mut follows_id = false;
    for run in runs_of_digits(text) {
        let before = text.get(..run.start).unwrap_or_default();
        let is_cut_off = follows_id && before.ends_with(['.', '%']);
        if is_cut_off || run.len() >= SECRET_RANDOM {
            clean.push_str(before.get(copied..).unwrap_or_default());
            clean.push_str(REDACTED);
            copied = run.end;
        }
        follows_id = run.len() == PublicKeyId::LENGTH && ends_with_environment(before);
    }
    if copied == 0 {
        return text.into();
    }
    clean.push_str(text.get(copied..).unwrap_or_default());
    clean.into()
}

/// Where the digits of base62 stand in `text`, as long as they go on.
fn runs_of_digits(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let is_digit = |c: char| c.is_ascii_alphanumeric();
        let start = from + text.get(from..)?.find(is_digit)?;
        let length = text.get(start..)?.find(|c| !is_digit(c));
        from = length.map_or(text.len(), |length| start + length);
        Some(start..from)
    })
}

/// Whether what comes next would be a key's id, of whatever brand.
fn ends_with_environment(text: &str) -> bool {
    text.strip_suffix('_').is_some_and(|text| {
        Environment::ALL.into_iter().any(|environment| {
            let brand = text.strip_suffix(environment.as_str());
            brand.is_some_and(|brand| brand.ends_with('_'))
        })
    })
}

/// How many bytes of `text` are a key, if it begins with one.
fn length_of_key(text: &str, brand: usize) -> Option<usize> {
    let rest = text.get(brand..)?.strip_prefix('_')?;
    let environment = Environment::ALL.into_iter().find_map(|environment| {
        let name = environment.as_str();
        rest.strip_prefix(name)?.strip_prefix('_').map(|_| name)
    })?;
    let id = brand + 1 + environment.len() + 1;
    let dot = id + PublicKeyId::LENGTH;
    let end = dot + 1 + SECRET_LENGTH;
    let digits = |from: usize, to: usize| {
        text.get(from..to)
            .is_some_and(|part| part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    };
    (digits(id, dot) && text.get(dot..=dot) == Some(".") && digits(dot + 1, end)).then_some(end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "10BAssrdJ8UvA7Xk2mQp9LwZa1B2c3";
    const SECRET: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklm";

    #[test]
    fn a_secret_is_taken_out_and_the_rest_stays() {
        assert_eq!(
            (ID.len(), SECRET.len()),
            (PublicKeyId::LENGTH, SECRET_LENGTH)
        );
        for (text, clean) in [
            (
                format!("kat_live_{ID}.{SECRET}"),
                format!("kat_live_{ID}.[secret]"),
            ),
            (
                format!("GET /x/acme_test_{ID}.{SECRET}/y?z"),
                format!("GET /x/acme_test_{ID}.[secret]/y?z"),
            ),
            (
                format!("k=kat_admin_{ID}%2E{SECRET}&k=kat_admin_{ID}.{SECRET}"),
                format!("k=kat_admin_{ID}%[secret]&k=kat_admin_{ID}.[secret]"),
            ),
            // Percent-encoded to the letter, in one case, or without its id.
            (
                format!("kat%5Flive%5F{ID}%2e{SECRET}"),
                format!("kat%5Flive%5F{ID}%[secret]"),
            ),
            (
                format!("https://{}.example", SECRET.to_lowercase()),
                "https://[secret].example".into(),
            ),
            (SECRET[..43].to_owned(), "[secret]".into()),
            (format!("æ{SECRET}ø"), "æ[secret]ø".into()),
            // Cut off, by whoever.
            (
                format!("kat_live_{ID}.0"),
                format!("kat_live_{ID}.[secret]"),
            ),
            (
                format!("kat_live_{ID}.{}", &SECRET[..40]),
                format!("kat_live_{ID}.[secret]"),
            ),
        ] {
            assert_eq!(redacted(&text), clean);
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        for text in [
            "",
            "https://shop.example",
            "https://github.com/a/b/blob/0123456789abcdef0123456789abcdef01234567/.env#L3",
            &format!("kat_live_{ID}"),
            &format!("kat_live_{ID}/revoke"),
            &format!("{ID}.example"),
            "https://my_live_shop.example",
            &SECRET[..42],
        ] {
            assert!(matches!(redacted(text), Cow::Borrowed(same) if same == text));
        }
    }

    proptest! {
        #[test]
        fn no_secret_is_left_whatever_stands_around_it(before in ".{0,60}", after in ".{0,60}") {
            let text = format!("{before}{SECRET}{after}");
            prop_assert!(!redacted(&text).contains(SECRET));
            let twice = redacted(&text).into_owned();
            prop_assert_eq!(redacted(&twice), twice.as_str());
        }
    }
}
