//! What goes with time: remembered requests, sessions, batches, hours of usage, old
//! entries of the audit where the operator says so, and at last a deleted organization.
//! What was only counted goes on record.

use super::deletion::{self, Progress};
use super::settings::RegistrySettings;
use super::sql as statements;
use super::store::Organization;
use super::{audit, failures, idempotency, notes, usage};
use crate::key::Keyring;
use crate::sql::{Sql, SqlError};
use crate::time::Timestamp;

/// How often it is due where nothing has a date of its own: what it drops is
/// dropped by its next use too, or not looked at any more.
const EVERY: u64 = 86_400_000;
/// How soon it goes on with what one step did not end, in milliseconds.
const NEXT_STEP: u64 = 1_000;
/// How soon it looks again whether the outside was told.
const LOOK_AGAIN: u64 = 10_000;

/// Drops what need not be kept at `now`, a bounded amount of it, and says when
/// to be called again; `None` where there is no organization. May be called at
/// any time and as often as one likes; each step is a transaction of its own.
///
/// # Errors
/// Those of the storage; what is not done then is done by the next call.
pub fn housekeeping(
    sql: &dyn Sql,
    keyring: &Keyring,
    settings: &RegistrySettings,
    now: Timestamp,
) -> Result<Option<Timestamp>, SqlError> {
    idempotency::forget(sql, now)?;
    sql.query(statements::FORGET_SESSIONS, &[now.0.into()])?;
    notes::forget(sql, now)?;
    let mut due = now.plus(EVERY);
    if usage::fold(sql, now)? {
        due = now.plus(NEXT_STEP);
    }
    let Some(held) = Organization::load(sql)? else {
        return Ok(None);
    };
    sql.transaction(&mut || {
        notes::put_down_left_out(sql, &held.id, now)?;
        failures::put_down_left_out(sql, &held.id, now)
    })?;
    if let Some(days) = settings.audit_retention_days {
        due = due.min(audit::seal(sql, keyring, &held.id, days, now)?);
    }
    let then = match deletion::step(sql, settings, &held, now)? {
        Progress::Later(at) => at,
        Progress::Moved => Some(now.plus(NEXT_STEP)),
        Progress::Waits => Some(now.plus(LOOK_AGAIN)),
    };
    Ok(Some(then.map_or(due, |at| at.min(due))))
}
