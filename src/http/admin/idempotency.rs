//! `Idempotency-Key`: two requests that are the same one.

use sha2::{Digest as _, Sha256};

use crate::http::problem::Problem;
use crate::registry::message::Idempotency;

/// Most characters of an `Idempotency-Key`.
pub const IDEMPOTENCY_KEY_MAX: usize = 255;

/// `Idempotency-Key`: 1 to 255 visible ASCII characters. What it stands for is
/// the request's path and body.
///
/// # Errors
/// `invalid_request`.
pub fn idempotency(key: &str, path: &str, body: &[u8]) -> Result<Idempotency, Problem> {
    if !(1..=IDEMPOTENCY_KEY_MAX).contains(&key.len())
        || !key.bytes().all(|byte| byte.is_ascii_graphic())
    {
        return Err(Problem::invalid(
            "Idempotency-Key",
            "`Idempotency-Key` must be 1 to 255 visible ASCII characters.",
        ));
    }
    let digest = Sha256::new()
        .chain_update(path)
        .chain_update([0])
        .chain_update(body)
        .finalize();
    Ok(Idempotency {
        key: key.to_owned(),
        body_digest: base16ct::lower::encode_string(&digest),
    })
}
