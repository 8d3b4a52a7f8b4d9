//! The change log's storage on SQLite.

use std::rc::Rc;

use super::change_log::{KeysRevoked, LogMeta, LogStore};
use super::sql;
use super::sync::{Change, Incarnation, Requirement, Revision};
use super::time::Bound;
use crate::key::Subject;
use crate::sql::{Row, Sql, SqlError, Value};

/// [`LogStore`] over a database with the log's tables.
#[derive(Debug)]
pub struct SqlLog<S>(Rc<S>);

/// Creates the tables that are missing; run at the start of the object.
///
/// # Errors
/// If storage fails.
pub fn create_tables(database: &impl Sql) -> Result<(), SqlError> {
    for statement in sql::SCHEMA {
        database.query(statement, &[])?;
    }
    Ok(())
}

impl<S: Sql> SqlLog<S> {
    /// The storage in `database`.
    #[must_use]
    pub const fn over(database: Rc<S>) -> Self {
        Self(database)
    }

    fn number(&self, statement: &str, parameters: &[Value]) -> Result<u64, SqlError> {
        let rows = self.0.query(statement, parameters)?;
        rows.first().map_or(Ok(0), |row| row.unsigned(0))
    }
}

fn subject(row: &Row, column: usize) -> Result<Subject, SqlError> {
    Subject::parse(row.text(column)?).map_err(|_| SqlError("a row's subject is none".to_owned()))
}

fn change(row: &Row) -> Result<Change, SqlError> {
    Ok(Change {
        subject: subject(row, 0)?,
        revision: Revision(row.unsigned(1)?),
        seq: row.unsigned(2)?,
    })
}

fn bound(row: &Row, column: usize) -> Result<Bound, SqlError> {
    Bound::new(row.unsigned(column)?).ok_or_else(|| SqlError("a stored bound is none".to_owned()))
}

impl<S: Sql> LogStore for SqlLog<S> {
    type Error = SqlError;

    fn meta_and_head(&self) -> Result<Option<(LogMeta, u64)>, SqlError> {
        let rows = self.0.query(sql::META_AND_HEAD, &[])?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let meta = LogMeta {
            incarnation: Incarnation::from_stored(row.unsigned(0)?),
            lease: bound(row, 1)?,
            wait_for: bound(row, 2)?,
        };
        Ok(Some((meta, row.unsigned(3)?)))
    }

    fn set_meta(&mut self, meta: &LogMeta) -> Result<(), SqlError> {
        let parameters = [
            meta.incarnation.stored(),
            meta.lease.millis().0,
            meta.wait_for.millis().0,
        ];
        self.0
            .query(sql::SET_META, &parameters.map(Value::from))
            .map(|_| ())
    }

    fn upsert_subject(&mut self, change: &Change, organization: Subject) -> Result<(), SqlError> {
        let parameters = [
            change.subject.as_str().into(),
            organization.as_str().into(),
            change.revision.0.into(),
            change.seq.into(),
        ];
        self.0.query(sql::UPSERT_SUBJECT, &parameters).map(|_| ())
    }

    fn changes_since(&self, seq: u64, limit: usize) -> Result<Vec<Change>, SqlError> {
        let parameters = [seq.into(), (limit as u64).into()];
        let rows = self.0.query(sql::CHANGES_SINCE, &parameters)?;
        rows.iter().map(change).collect()
    }

    fn last_change_of(&self, of: Subject) -> Result<Option<Change>, SqlError> {
        let rows = self.0.query(sql::LAST_CHANGE_OF, &[of.as_str().into()])?;
        rows.first().map(change).transpose()
    }

    fn set_keys_revoked(
        &mut self,
        organization: Subject,
        said: KeysRevoked,
    ) -> Result<(), SqlError> {
        let parameters = [
            organization.as_str().into(),
            said.through.0.into(),
            said.at.0.into(),
        ];
        self.0.query(sql::SET_KEYS_REVOKED, &parameters).map(|_| ())
    }

    fn keys_revoked(&self, organization: Subject) -> Result<Option<KeysRevoked>, SqlError> {
        let rows = (self.0).query(sql::KEYS_REVOKED, &[organization.as_str().into()])?;
        rows.first()
            .map(|row| {
                Ok(KeysRevoked {
                    through: Revision(row.unsigned(0)?),
                    at: Revision(row.unsigned(1)?),
                })
            })
            .transpose()
    }

    fn greatest_revision_of(&self, organization: Subject) -> Result<Revision, SqlError> {
        self.number(sql::GREATEST_REVISION_OF, &[organization.as_str().into()])
            .map(Revision)
    }

    fn beyond(
        &self,
        organization: Subject,
        revision: Revision,
        after: Option<Subject>,
        limit: usize,
    ) -> Result<Vec<Requirement>, SqlError> {
        let after = after
            .as_ref()
            .map_or(sql::AFTER_EVERY_SUBJECT, Subject::as_str);
        let parameters = [
            organization.as_str().into(),
            revision.0.into(),
            after.into(),
            (limit as u64).into(),
        ];
        let rows = self.0.query(sql::BEYOND, &parameters)?;
        rows.iter()
            .map(|row| {
                Ok(Requirement {
                    subject: subject(row, 0)?,
                    revision: Revision(row.unsigned(1)?),
                })
            })
            .collect()
    }
}
