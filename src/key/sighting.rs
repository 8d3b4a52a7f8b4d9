//! Keys inside other text: an address, a form, a report.

use super::brand::Environment;
use super::id::PublicKeyId;
use super::keyring::Keyring;
use super::presented::{PresentedKey, SECRET_LENGTH};

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
