//! Checks `Katalo-Assertion`, with the crates `base64ct` (feature `alloc`),
//! `hmac`, `serde_json` and `sha2`.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;

/// The claims, or `None` where the assertion is not good for this request.
/// `path` is without its query; `now` in seconds.
pub fn check(
    assertion: &str,
    secret: &str,
    issuer: &str,
    method: &str,
    path: &str,
    now: u64,
) -> Option<Value> {
    let (signed, signature) = assertion.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let read = |part: &str| Base64UrlUnpadded::decode_vec(part).ok();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(signed.as_bytes());
    mac.verify_slice(&read(signature)?).ok()?;
    let header: Value = serde_json::from_slice(&read(header)?).ok()?;
    let said: Value = serde_json::from_slice(&read(claims)?).ok()?;
    let good = header["alg"] == "HS256"
        && said["iss"] == issuer
        && said["exp"].as_u64()? > now
        && said["htm"] == method
        && said["htu"] == format!("{issuer}{path}");
    good.then_some(said)
}
