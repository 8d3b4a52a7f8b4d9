//! From the `Authorization` header to a key that parsed.

use super::decide::Denial;
use crate::key::{KeyId, Keyring, PresentedKey, PublicKeyId, Unreadable};

/// What a request showed.
pub enum Credentials {
    /// A key of the right form with a genuine id.
    Key(PresentedKey),
    /// Nothing usable, and why.
    Refused(Denial),
}

/// The token of `Authorization: Bearer <token>`: the scheme in any case, one
/// space or more after it (RFC 9110 section 11.4, RFC 6750 section 2.1).
/// `None` for another scheme. Two `Authorization` headers reach us joined by a
/// comma, which no key contains: they are refused as malformed.
#[must_use]
pub fn bearer_token(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_at_checked("Bearer".len())?;
    if !scheme.eq_ignore_ascii_case("Bearer") {
        return None;
    }
    let trimmed = token.trim_start_matches(' ');
    (trimmed.len() < token.len() || token.is_empty()).then_some(trimmed)
}

/// The id of the key in an `Authorization` header, going by its form alone: for
/// the log.
#[must_use]
pub fn shown_id(authorization: &str) -> Option<KeyId> {
    let (id, _) = bearer_token(authorization)?.split_once('.')?;
    KeyId::parse(id)
}

impl Credentials {
    /// Reads the header's value; no look-up is made.
    #[must_use]
    pub fn read(authorization: Option<&str>, keyring: &Keyring) -> Self {
        Self::read_with(authorization, keyring, |_| false)
    }

    /// The same, with [`Keyring::read_with`].
    pub fn read_with(
        authorization: Option<&str>,
        keyring: &Keyring,
        is_held: impl FnOnce(&PublicKeyId) -> bool,
    ) -> Self {
        let Some(authorization) = authorization else {
            return Self::Refused(Denial::MissingCredentials);
        };
        let Some(token) = bearer_token(authorization) else {
            // Another scheme is no attempt to use a key (RFC 6750 section 3.1:
            // no authentication information, no error code).
            return Self::Refused(Denial::MissingCredentials);
        };
        match keyring.read_with(token, is_held) {
            Ok(key) => Self::Key(key),
            Err(Unreadable::Malformed) => Self::Refused(Denial::MalformedKey),
            Err(Unreadable::Forged) => Self::Refused(Denial::InvalidKey),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Brand, Environment, OrganizationId};
    use crate::random::Seeded;

    const ROOT_KEYS: &str =
        r#"{"current":"1","keys":{"1":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}}"#;

    #[test]
    fn what_a_request_showed() {
        let keyring = Keyring::parse(Brand::KATALO, ROOT_KEYS).unwrap();
        let tag = OrganizationId::parse("acme").unwrap().tag();
        let key = keyring
            .mint(Environment::Live, tag, &mut Seeded(1))
            .unwrap();
        let header = format!("Bearer {}", key.text().expose());
        let read = |header: Option<&str>| match Credentials::read(header, &keyring) {
            Credentials::Key(read) => Ok(*read.id()),
            Credentials::Refused(denial) => Err(denial),
        };
        assert_eq!(read(Some(&header)), Ok(*key.id()));
        for none in [None, Some(""), Some("Basic abc")] {
            assert_eq!(read(none), Err(Denial::MissingCredentials));
        }
        assert_eq!(read(Some("Bearer abc")), Err(Denial::MalformedKey));
        let twice = format!("{header}, {header}");
        assert_eq!(read(Some(&twice)), Err(Denial::MalformedKey));

        let other = ROOT_KEYS.replace("AAEC", "BBEC");
        let other = Keyring::parse(Brand::KATALO, &other).unwrap();
        let forged = |is_held: bool| Credentials::read_with(Some(&header), &other, |_| is_held);
        let refused = forged(false);
        assert!(matches!(refused, Credentials::Refused(Denial::InvalidKey)));
        assert!(matches!(forged(true), Credentials::Key(_)));

        assert_eq!(shown_id(&header), Some(*key.id()));
        for unreadable in ["Basic a.b", "Bearer abc", "Bearer a.b"] {
            assert_eq!(shown_id(unreadable), None);
        }
    }

    #[test]
    fn schemes() {
        assert_eq!(bearer_token("Bearer abc"), Some("abc"));
        assert_eq!(bearer_token("bEARER    abc"), Some("abc"));
        assert_eq!(bearer_token("Bearer"), Some(""));
        assert_eq!(bearer_token("Bearer "), Some(""));
        assert_eq!(bearer_token("Bearerabc"), None);
        assert_eq!(bearer_token("Basic abc"), None);
        assert_eq!(bearer_token(""), None);
        assert_eq!(bearer_token("Béarer x"), None);
    }
}
