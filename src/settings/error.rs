//! Why the settings cannot be used.

use std::fmt;

use crate::http::RouteTableError;
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
    /// `ROUTES`
    Routes(RouteTableError),
    /// `SCOPES`
    Scopes(String),
    /// An API that a route names, by its name.
    Unbound(String),
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
            Self::Routes(error) => error.fmt(f),
            Self::Scopes(reason) => write!(f, "SCOPES: {reason}"),
            Self::Unbound(name) => write!(
                f,
                "ROUTES: the upstream {name} is neither bound as a service nor is there {name}_URL"
            ),
            Self::Value { name, expected } => write!(f, "{name} must be {expected}"),
            Self::Short(name) => write!(f, "{name} must have at least 32 characters"),
        }
    }
}
