//! What the change log and Workers KV do not know yet.
//!
//! A change writes its rows here in its own transaction, so that nothing is lost
//! between the commit and the outside. One row per subject, at its greatest
//! revision: an older one need never be told. A row goes once it is *enforced*
//! (the change log has acknowledged it and, where it decides otherwise than
//! before, the wait is over) and *published* (Workers KV has it). What is new is
//! told the log too, so that every revision that was ever shown is known there,
//! but nobody waits for that.
//!
//! The object that carries this works as follows: ask [`pending_appends`], append
//! each to the change log, wait as the acknowledgement says, [`mark_enforced`];
//! ask [`pending_publications`], write [`kv_value`] (or delete, where there is
//! none), [`mark_published`] or [`put_off`]. All of it may happen twice.

use super::message::{Awaited, Changed, KeyView, Object, OrganizationView, OutboxDepth};
use super::sql as statements;
use super::store::{self, Key, Organization, first, optional, parsed};
use crate::key::{Keyring, Revision, Subject};
use crate::sql::{Sql, SqlError};
use crate::time::Timestamp;

/// What must happen before a change is everywhere.
#[derive(Clone, Copy)]
pub(super) enum Need {
    /// Publish alone: the change log has it.
    Publish,
    /// Tell the change log too, but nobody waits: no request was decided
    /// otherwise before.
    Tell,
    /// Tell the change log, and wait.
    Enforce,
}

impl Need {
    pub(super) const fn of(decides: bool) -> Self {
        if decides { Self::Enforce } else { Self::Tell }
    }
}

/// A change that is to be carried on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// What changed.
    pub subject: Subject,
    /// Its revision now.
    pub revision: Revision,
    /// Whether requests are decided otherwise than before.
    pub decides: bool,
    /// Of the organization, for the change log: through which revision its keys were
    /// revoked at once; zero where they never were.
    pub keys_revoked_through: Option<Revision>,
}

/// Puts a subject's change in. To be called within a transaction.
pub(super) fn put(
    sql: &dyn Sql,
    subject: Subject,
    revision: Revision,
    need: Need,
) -> Result<(), SqlError> {
    let decides = matches!(need, Need::Enforce);
    let enforced = matches!(need, Need::Publish);
    sql.query(
        statements::PUT_OUTBOX,
        &[
            subject.to_string().into(),
            revision.into(),
            decides.into(),
            enforced.into(),
        ],
    )?;
    Ok(())
}

/// What the change log must hear of, as far as it changed after `above`.
///
/// # Errors
/// Those of the storage.
pub fn pending_appends(sql: &dyn Sql, above: Revision) -> Result<Vec<Entry>, SqlError> {
    entries(&sql.query(statements::PENDING_APPENDS, &[above.into()])?)
}

/// At most `limit` subjects whose value in Workers KV must be written, as far as
/// they are not [put off](put_off) beyond `now`.
///
/// # Errors
/// Those of the storage.
pub fn pending_publications(
    sql: &dyn Sql,
    now: Timestamp,
    limit: u64,
) -> Result<Vec<Entry>, SqlError> {
    entries(&sql.query(
        statements::PENDING_PUBLICATIONS,
        &[now.0.into(), limit.into()],
    )?)
}

/// When the earliest publication is due; `None` where none is pending.
///
/// # Errors
/// Those of the storage.
pub fn next_publication(sql: &dyn Sql) -> Result<Option<Timestamp>, SqlError> {
    first(sql, statements::NEXT_PUBLICATION, &[])?
        .map(|row| store::instant(&row, 0))
        .transpose()
}

/// Notes that every edge decides by `revision` of `subject` since
/// `effective_at`. Does nothing, and says `false`, if another revision has taken
/// its place meanwhile.
///
/// # Errors
/// Those of the storage.
pub fn mark_enforced(
    sql: &dyn Sql,
    subject: Subject,
    revision: Revision,
    effective_at: Timestamp,
) -> Result<bool, SqlError> {
    let Some(row) = Pending::load(sql, subject)? else {
        return Ok(false);
    };
    if row.revision != revision || row.enforced {
        return Ok(false);
    }
    sql.transaction(&mut || {
        let name = subject.to_string();
        sql.query(statements::SET_ENFORCED, &[name.as_str().into()])?;
        if row.decides {
            let at = effective_at.0;
            if subject.is_organization() {
                sql.query(statements::ORGANIZATION_EFFECTIVE, &[at.into()])?;
                sql.query(statements::BULK_REVOCATIONS_EFFECTIVE, &[at.into()])?;
            } else {
                sql.query(
                    statements::KEY_EFFECTIVE,
                    &[name.as_str().into(), at.into()],
                )?;
            }
        }
        sql.query(statements::DROP_DONE, &[name.into()])?;
        Ok(())
    })?;
    Ok(true)
}

/// Notes that Workers KV holds `revision` of `subject`. Does nothing, and says
/// `false`, if another revision has taken its place meanwhile.
///
/// # Errors
/// Those of the storage.
pub fn mark_published(
    sql: &dyn Sql,
    subject: Subject,
    revision: Revision,
    now: Timestamp,
) -> Result<bool, SqlError> {
    let Some(row) = Pending::load(sql, subject)? else {
        return Ok(false);
    };
    if row.revision != revision || row.published {
        return Ok(false);
    }
    sql.transaction(&mut || {
        let name = subject.to_string();
        sql.query(statements::SET_PUBLISHED, &[name.as_str().into()])?;
        if subject.is_organization() {
            sql.query(statements::ORGANIZATION_PUBLISHED, &[now.0.into()])?;
        } else {
            sql.query(
                statements::KEY_PUBLISHED,
                &[name.as_str().into(), now.0.into()],
            )?;
        }
        sql.query(statements::DROP_DONE, &[name.into()])?;
        Ok(())
    })?;
    Ok(true)
}

/// Longest pause between two attempts to publish: 5 minutes.
const LONGEST_PAUSE: u64 = 300_000;

/// Notes that publishing failed: the next attempt comes 1, 2, 4 … seconds later,
/// 5 minutes at most, so that one value that cannot be written holds up no other.
///
/// # Errors
/// Those of the storage.
pub fn put_off(sql: &dyn Sql, subject: Subject, now: Timestamp) -> Result<(), SqlError> {
    if let Some(row) = Pending::load(sql, subject)? {
        let pause = 1_000_u64
            .checked_shl(u32::try_from(row.attempts.min(16)).unwrap_or(16))
            .map_or(LONGEST_PAUSE, |pause| pause.min(LONGEST_PAUSE));
        sql.query(
            statements::PUT_OFF,
            &[subject.to_string().into(), now.plus(pause).0.into()],
        )?;
    }
    Ok(())
}

/// What belongs under [`Subject::kv_name`] in Workers KV: the JSON of the
/// subject's record, to be sealed. `None`: the value is to be deleted.
///
/// # Errors
/// Those of the storage.
pub fn kv_value(sql: &dyn Sql, subject: Subject) -> Result<Option<String>, SqlError> {
    let text = if subject.is_organization() {
        let going = store::is_going(sql)?;
        Organization::load(sql)?
            .filter(|_| !going)
            .map(|organization| serde_json::to_string(&organization.record()))
    } else {
        Key::load_subject(sql, subject)?.map(|key| serde_json::to_string(&key.record()))
    };
    text.map(|text| parsed(text, "a record")).transpose()
}

/// A value found behind is written again no sooner than this after the last
/// time: Workers KV takes a minute and more to show a write everywhere.
const REWRITE_AFTER: u64 = 120_000;

/// Workers KV was found to hold an older record of `subject`.
pub(super) fn report_behind(
    sql: &dyn Sql,
    subject: Subject,
    now: Timestamp,
) -> Result<(), SqlError> {
    let name = subject.to_string();
    let row = if subject.is_organization() {
        first(sql, statements::ORGANIZATION_PUBLICATION, &[])?
    } else {
        first(sql, statements::KEY_PUBLICATION, &[name.as_str().into()])?
    };
    let Some(row) = row else {
        return Ok(());
    };
    let last = optional(&row, 0, store::instant)?;
    if last.is_some_and(|last| now.since(last) < REWRITE_AFTER) {
        return Ok(());
    }
    match Pending::load(sql, subject)? {
        Some(pending) if !pending.published => Ok(()),
        Some(_) => sql
            .query(statements::SET_UNPUBLISHED, &[name.into()])
            .map(|_| ()),
        None => put(sql, subject, row.unsigned(1)?, Need::Publish),
    }
}

/// Of these subjects, what is not enforced yet and alters decisions.
pub(super) fn awaits(sql: &dyn Sql, subjects: &[Subject]) -> Result<Vec<Awaited>, SqlError> {
    let mut awaits = Vec::new();
    for &subject in subjects {
        if let Some(row) = first(sql, statements::AWAITED, &[subject.to_string().into()])? {
            awaits.push(Awaited {
                subject,
                revision: row.unsigned(0)?,
                from: None,
            });
        }
    }
    Ok(awaits)
}

/// Brings a reply up to date after waiting: `enforced`, `effective_at` and what
/// is still awaited. All else stays as it was when the change was made.
///
/// # Errors
/// Those of the storage.
pub fn refresh(
    sql: &dyn Sql,
    keyring: &Keyring,
    changed: &mut Changed,
    now: Timestamp,
) -> Result<(), SqlError> {
    let Some(organization) = Organization::load(sql)? else {
        return Ok(());
    };
    let mut subjects = vec![organization.subject()];
    let mut renew_key = |key: &mut KeyView| -> Result<(), SqlError> {
        subjects.push(key.id.public.into());
        if let Some(row) = Key::load(sql, &key.id.public)? {
            let view = row.view(keyring.brand(), &organization, now);
            key.enforced = view.enforced;
            key.effective_at = view.effective_at;
        }
        Ok(())
    };
    match &mut changed.object {
        Object::Key(key) => renew_key(key)?,
        Object::Issued(issued) => {
            renew_key(&mut issued.key)?;
            issued.replaced.iter_mut().try_for_each(renew_key)?;
        }
        Object::Keys(results) => {
            let mut done = results
                .iter_mut()
                .filter_map(|one| one.result.as_mut().ok());
            done.try_for_each(|key| renew_key(key))?;
        }
        Object::Organization(view)
        | Object::Imported {
            organization: view, ..
        } => renew_organization(view, &organization),
    }
    changed.awaits = awaits(sql, &subjects)?;
    Ok(())
}

fn renew_organization(view: &mut OrganizationView, row: &Organization) {
    view.enforced = row.is_enforced();
    view.effective_at = row.effective_at();
}

/// How many subjects the change log and Workers KV do not know yet.
pub(super) fn depth(sql: &dyn Sql) -> Result<OutboxDepth, SqlError> {
    first(sql, statements::OUTBOX_DEPTH, &[])?.map_or_else(
        || Ok(OutboxDepth::default()),
        |row| {
            Ok(OutboxDepth {
                appends: row.unsigned(0)?,
                publications: row.unsigned(1)?,
            })
        },
    )
}

/// A row of the outbox.
struct Pending {
    revision: Revision,
    decides: bool,
    enforced: bool,
    published: bool,
    attempts: u64,
}

impl Pending {
    fn load(sql: &dyn Sql, subject: Subject) -> Result<Option<Self>, SqlError> {
        first(sql, statements::OUTBOX_ROW, &[subject.to_string().into()])?
            .map(|row| {
                Ok(Self {
                    revision: row.unsigned(0)?,
                    decides: row.integer(1)? != 0,
                    enforced: row.integer(2)? != 0,
                    published: row.integer(3)? != 0,
                    attempts: row.unsigned(4)?,
                })
            })
            .transpose()
    }
}

fn entries(rows: &[crate::sql::Row]) -> Result<Vec<Entry>, SqlError> {
    rows.iter()
        .map(|row| {
            Ok(Entry {
                subject: parsed(Subject::parse(row.text(0)?), "outbox.subject")?,
                revision: row.unsigned(1)?,
                decides: row.integer(2)? != 0,
                keys_revoked_through: optional(row, 3, crate::sql::Row::unsigned)?,
            })
        })
        .collect()
}
