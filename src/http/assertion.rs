//! `Katalo-Assertion`: who is calling, signed, so that the API behind need not
//! trust the network between (RFC 7519, HS256 of RFC 7518 section 3.2). Signed here
//! and not by a JWT library: there is one algorithm, and nothing is ever parsed.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::identity::Identity;
use crate::json::ObjectWriter;
use crate::time::Timestamp;

/// How long an assertion is good, in seconds.
const LIFETIME: u64 = 60;

/// The request that an assertion is about. The names are those of RFC 9449.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// `iss`: this service's origin.
    pub issuer: &'a str,
    /// `htm`
    pub method: &'a str,
    /// `htu`: the address without its query.
    pub address: &'a str,
}

/// Makes the token; `None` only where the secret cannot be a key, which no
/// length of it is.
#[must_use]
pub fn assertion(
    secret: &str,
    identity: &Identity,
    about: &About<'_>,
    now: Timestamp,
) -> Option<String> {
    let seconds = now.0 / 1_000;
    let claims = ObjectWriter::new()
        .text("env", identity.environment)
        .number("exp", seconds + LIFETIME)
        .text("htm", about.method)
        .text("htu", about.address)
        .number("iat", seconds)
        .text("iss", about.issuer)
        .text("org", &identity.organization)
        .text("scope", &identity.scopes)
        .text("sub", &identity.key_id)
        .end();
    let encode = |bytes: &[u8]| Base64UrlUnpadded::encode_string(bytes);
    let signed = format!(
        "{}.{}",
        encode(br#"{"alg":"HS256","typ":"JWT"}"#),
        encode(claims.as_bytes())
    );
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(signed.as_bytes());
    Some(format!("{signed}.{}", encode(&mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with Python's `hmac`, `json` and `base64`.
    #[test]
    fn the_form_is_pinned() {
        let identity = Identity {
            organization: "acme".into(),
            key_id: "kat_live_x".into(),
            environment: "live",
            scopes: "read".into(),
        };
        let about = About {
            issuer: "https://keys.example",
            method: "GET",
            address: "https://keys.example/v1/usage",
        };
        let token = assertion(
            &"s".repeat(32),
            &identity,
            &about,
            Timestamp(1_700_000_000_999),
        );
        assert_eq!(token.as_deref(), Some(PINNED));
    }

    const PINNED: &str = concat!(
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.",
        "eyJlbnYiOiJsaXZlIiwiZXhwIjoxNzAwMDAwMDYwLCJodG0iOiJHRVQiLCJodHUiOiJodHRwczovL2tleXMuZXhhbXBsZS92MS91c2FnZSIsImlhdCI6MTcwMDAwMDAwMCwiaXNzIjoiaHR0cHM6Ly9rZXlzLmV4YW1wbGUiLCJvcmciOiJhY21lIiwic2NvcGUiOiJyZWFkIiwic3ViIjoia2F0X2xpdmVfeCJ9.",
        "Vx4oZzq61qBWr1bm6CRZH8nlDVvtPjkWbUUZTwB_UWs"
    );
}
