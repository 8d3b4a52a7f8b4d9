//! Reads one setting.

use std::ops::RangeInclusive;

use zeroize::Zeroizing;

use super::error::SettingsError;
use crate::freshness::Bound;

/// Reads a secret that may be absent. A short one could be guessed; the operator
/// draws it from a generator.
pub(super) fn secret(
    text: Option<String>,
    name: &'static str,
) -> Result<Option<Zeroizing<String>>, SettingsError> {
    match text.map(Zeroizing::new) {
        Some(text) if text.is_empty() => Ok(None),
        Some(text) if text.len() < 32 => Err(SettingsError::Short(name)),
        text => Ok(text),
    }
}

/// Reads a variable that is on or off, and may be absent.
pub(super) fn switch(
    text: Option<&str>,
    name: &'static str,
) -> Result<Option<bool>, SettingsError> {
    value(text, name, "on or off", |text| match text {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    })
}

/// Reads a variable that may be absent.
pub(super) fn value<T>(
    text: Option<&str>,
    name: &'static str,
    expected: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, SettingsError> {
    match text {
        None | Some("") => Ok(None),
        Some(text) => read(text)
            .map(Some)
            .ok_or(SettingsError::Value { name, expected }),
    }
}

/// Reads a whole number of a range, which `expected` tells.
pub(super) fn number(
    text: Option<&str>,
    name: &'static str,
    expected: &'static str,
    range: RangeInclusive<u64>,
) -> Result<Option<u64>, SettingsError> {
    value(text, name, expected, |text| {
        text.parse().ok().filter(|number| range.contains(number))
    })
}

/// A freshness bound in milliseconds.
pub(super) fn bound(
    text: Option<&str>,
    name: &'static str,
) -> Result<Option<Bound>, SettingsError> {
    let range = Bound::MIN.millis().0..=Bound::MAX.millis().0;
    Ok(number(text, name, "between 200 and 600000", range)?.and_then(Bound::new))
}
