//! Why the settings cannot be used.

use std::fmt;

use crate::http::EntryError;
use crate::key::KeyringError;

/// Why the Worker cannot start to serve. Never holds a secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SettingsError {
    /// A secret or variable is missing.
    Missing(&'static str),
    /// `ROOT_KEYS`
    Keyring(KeyringError),
    /// `BRAND`
    Brand,
    /// `ROUTES` or `SCOPES`
    Entry(EntryError),
    /// An API that a route names, by its name, is nowhere.
    Unbound(String),
    /// The URL of an API, by its name, is no origin.
    Origin(String),
    /// A secret of fewer than 32 characters.
    Short(&'static str),
    /// A number out of its range, or a name that is none.
    Value {
        /// Of which variable.
        name: &'static str,
        /// What it would be.
        expected: &'static str,
    },
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(name) => write!(f, "{name} is not set"),
            Self::Keyring(error) => error.fmt(f),
            Self::Brand => f.write_str("BRAND must be 2 to 8 letters from a to z"),
            Self::Entry(error) => error.fmt(f),
            Self::Unbound(name) => write!(
                f,
                "ROUTES: the upstream {name} is neither bound as a service nor is there {name}_URL"
            ),
            Self::Origin(name) => write!(
                f,
                "{name}_URL must be an origin: http:// or https://, a host, and a port where it is not the usual one"
            ),
            Self::Value { name, expected } => write!(f, "{name} must be {expected}"),
            Self::Short(name) => write!(f, "{name} must have at least 32 characters"),
        }
    }
}
