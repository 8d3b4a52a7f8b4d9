//! What becomes of old entries where the operator lets them go: the beginning of a
//! chain is sealed and dropped, and what is kept still verifies.
//!
//! A step is one transaction: a signed checkpoint takes the place of the entries that
//! go, an entry `audit.sealed` in the chain itself tells of them, and they are gone.
//! So there is never a gap without its checkpoint, nor a checkpoint of which the chain
//! knows nothing.

use serde_json::json;

use super::checkpoint_text;
use crate::key::{Keyring, OrganizationId};
use crate::registry::message::AuditCheckpoint;
use crate::registry::record;
use crate::registry::sql as statements;
use crate::registry::store::{first, instant, parsed};
use crate::sql::{Sql, SqlError};
use crate::time::Timestamp;

/// What the entry of a seal says was done.
pub(super) const SEALED: &str = "audit.sealed";

/// Most entries that go in one step; each is a row that is deleted.
const AT_ONCE: u64 = 1_000;

/// A seal is an entry too: with fewer than [`AT_ONCE`] to go there is one a day, so
/// that a busy organization does not write one for each entry that grows old.
const DAY: u64 = 86_400_000;

/// How soon the next step may follow, in milliseconds.
const NEXT_STEP: u64 = 1_000;

/// Where the chain begins that is kept, if its beginning was dropped.
pub(super) fn checkpoint(
    sql: &dyn Sql,
    organization: &OrganizationId,
) -> Result<Option<AuditCheckpoint>, SqlError> {
    first(sql, statements::AUDIT_CHECKPOINT, &[])?
        .map(|row| {
            Ok(AuditCheckpoint {
                organization: organization.clone(),
                seq: row.unsigned(0)?,
                hash: row.text(1)?.to_owned(),
                at: instant(&row, 2)?,
                signature: row.text(3)?.to_owned(),
            })
        })
        .transpose()
}

/// One step: seals and drops entries that are `days` old, together with all before
/// them. An entry that is younger by its own stamp holds up those after it, so that a
/// clock that was wrong once drops nothing too early. Gives back when the next step
/// is due.
pub(in crate::registry) fn seal(
    sql: &dyn Sql,
    keyring: &Keyring,
    organization: &OrganizationId,
    days: u32,
    now: Timestamp,
) -> Result<Timestamp, SqlError> {
    let end_of = |at: Timestamp| at.plus(u64::from(days) * DAY);
    let last = checkpoint(sql, organization)?;
    let (through, sealed_at) = last.map_or((0, None), |last| (last.seq, Some(last.at)));
    let Some(oldest) = written_at(sql, through + 1)? else {
        return Ok(now.plus(DAY));
    };
    if end_of(oldest) > now {
        return Ok(end_of(oldest));
    }
    let is_batch = written_at(sql, through + AT_ONCE)?.is_some_and(|at| end_of(at) <= now);
    if let Some(again) = sealed_at.map(|at| at.plus(DAY))
        && again > now
        && !is_batch
    {
        return Ok(again);
    }
    let mut old = None;
    for row in sql.query(statements::AUDIT_AGES, &[through.into(), AT_ONCE.into()])? {
        if end_of(stamp(row.text(1)?)?) > now {
            break;
        }
        old = Some((row.unsigned(0)?, row.text(2)?.to_owned()));
    }
    let (seq, hash) = parsed(old, "an old audit entry")?;
    let signature = keyring.sign_audit_head(&checkpoint_text(organization, seq, &hash, now));
    let signature = parsed(signature, "the current root key")?;
    let after = [
        ("dropped", (seq - through).into()),
        ("hash", json!(hash)),
        ("seq", seq.into()),
    ];
    sql.transaction(&mut || {
        sql.query(
            statements::PUT_AUDIT_CHECKPOINT,
            &[
                seq.into(),
                hash.as_str().into(),
                now.0.into(),
                signature.as_str().into(),
            ],
        )?;
        record::by_registry(sql, organization, SEALED, &after, now)?;
        sql.query(statements::DROP_AUDIT, &[seq.into()]).map(|_| ())
    })?;
    Ok(now.plus(NEXT_STEP))
}

/// When an entry was written, if there is one of this number.
fn written_at(sql: &dyn Sql, seq: u64) -> Result<Option<Timestamp>, SqlError> {
    first(sql, statements::AUDIT_AT, &[seq.into()])?
        .map(|row| stamp(row.text(0)?))
        .transpose()
}

fn stamp(text: &str) -> Result<Timestamp, SqlError> {
    parsed(Timestamp::from_rfc3339(text), "audit.at")
}
