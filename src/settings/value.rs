//! Reads one setting.

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
    text: Option<String>,
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
    text: Option<String>,
    name: &'static str,
    expected: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, SettingsError> {
    match text.as_deref() {
        None | Some("") => Ok(None),
        Some(text) => read(text)
            .map(Some)
            .ok_or(SettingsError::Value { name, expected }),
    }
}

/// A freshness bound in milliseconds.
pub(super) fn bound(
    text: Option<String>,
    name: &'static str,
) -> Result<Option<Bound>, SettingsError> {
    value(text, name, "between 200 and 600000", |text| {
        Bound::new(text.parse().ok()?)
    })
}
