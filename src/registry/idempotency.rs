//! Making a key twice by mistake: `Idempotency-Key`, remembered for 24 hours.
//! Secrets are not stored, so a repeat is told which key the first one made.

use super::message::Idempotency;
use super::sql as statements;
use super::store::{Key, first};
use crate::sql::{Sql, SqlError};
use crate::time::Timestamp;

/// For how long a key is remembered.
const REMEMBERED: u64 = 86_400_000;

/// What the same actor did under this key before.
pub(super) enum Seen {
    /// Made this key with the same request.
    Made(Box<Key>),
    /// Sent another request.
    OtherBody,
}

pub(super) fn seen(
    sql: &dyn Sql,
    actor: &str,
    asked: &Idempotency,
    now: Timestamp,
) -> Result<Option<Seen>, SqlError> {
    let parameters = [actor.into(), asked.key.as_str().into(), oldest(now).into()];
    let Some(row) = first(sql, statements::IDEMPOTENCY, &parameters)? else {
        return Ok(None);
    };
    if row.text(0)? != asked.body_digest {
        return Ok(Some(Seen::OtherBody));
    }
    let key = Key::load_issued(sql, row.unsigned(1)?)?;
    Ok(key.map(|key| Seen::Made(Box::new(key))))
}

/// Drops what need not be remembered.
pub(super) fn forget(sql: &dyn Sql, now: Timestamp) -> Result<(), SqlError> {
    sql.query(statements::FORGET_IDEMPOTENCY, &[oldest(now).into()])?;
    Ok(())
}

const fn oldest(now: Timestamp) -> u64 {
    now.0.saturating_sub(REMEMBERED)
}
