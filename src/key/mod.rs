//! What a key is: its form, its digest, its record. Pure.
//!
//! ```text
//! kat_live_ 1 0 BAssrdJ8UvA 7Xk2mQp9LwZ a1B2c3 . <43 digits> <6 digits>
//! brand env │ │ organization nonce      id tag   secret      checksum
//!           │ jurisdiction
//!           ring
//! ```

mod base62;
mod brand;
mod digest;
mod id;
mod keyring;
mod organization;
mod presented;
mod record;
mod scope;
mod session_token;
mod sighting;
mod subject;

pub use brand::{Brand, Environment};
pub use digest::KeyDigest;
pub use id::{KeyId, PublicKeyId};
pub use keyring::{Keyring, KeyringError, Unreadable};
pub use organization::{OrganizationId, OrganizationTag};
pub use presented::{MAX_LENGTH, PresentedKey, SecretText};
pub use record::{KeyRecord, KeyState, OrganizationRecord, RECORD_VERSION, Revision};
pub use scope::{Scope, Scopes};
pub use sighting::{REDACTED, Search, redacted};
pub use subject::{NotASubject, Subject};

#[cfg(test)]
mod tests;
