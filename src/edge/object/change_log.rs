//! The change log's object: one for the whole deployment, so one name.
//!
//! **Atomicity.** Each event runs from its first read to its last write without
//! an await, so the runtime commits it whole and sends nothing before it is
//! durable.

use std::cell::RefCell;
use std::rc::Rc;

use wasm_bindgen::prelude::*;
use worker::{DurableObject, Env, Request, Response, Result, State, durable_object};

use super::sql::ObjectSql;
use crate::edge::{log, objects, rim};
use crate::freshness::change_log::{ChangeLog as Log, LogMeta, LogStore};
use crate::freshness::message::{LogReply, LogRequest};
use crate::freshness::{Bound, Change, Incarnation, Revision, Subject, ask, sql};
use crate::random::Randomness as _;
use crate::settings::names;
use crate::sql::{Row, Sql as _, SqlError, Value};

/// The one name there is. Sharding would go here: a log per group of
/// organization tags, each with its own leases.
pub(in crate::edge) const NAME: &str = "log";

/// [`LogStore`] over the object's SQLite.
struct SqlLog(Rc<ObjectSql>);

fn subject(row: &Row, column: usize) -> std::result::Result<Subject, SqlError> {
    Subject::parse(row.text(column)?).map_err(|_| SqlError("a row's subject is none".to_owned()))
}

fn bound(row: &Row, column: usize) -> std::result::Result<Bound, SqlError> {
    Bound::new(row.unsigned(column)?).ok_or_else(|| SqlError("a stored bound is none".to_owned()))
}

impl SqlLog {
    fn number(&self, statement: &str, parameters: &[Value]) -> std::result::Result<u64, SqlError> {
        let rows = self.0.query(statement, parameters)?;
        rows.first().map_or(Ok(0), |row| row.unsigned(0))
    }
}

impl LogStore for SqlLog {
    type Error = SqlError;

    fn meta(&self) -> std::result::Result<Option<LogMeta>, SqlError> {
        let rows = self.0.query(sql::META, &[])?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        Ok(Some(LogMeta {
            incarnation: Incarnation::from_stored(row.unsigned(0)?),
            lease: bound(row, 1)?,
            wait_for: bound(row, 2)?,
        }))
    }

    fn set_meta(&mut self, meta: &LogMeta) -> std::result::Result<(), SqlError> {
        let parameters = [
            meta.incarnation.stored(),
            meta.lease.millis().0,
            meta.wait_for.millis().0,
        ];
        self.0
            .query(sql::SET_META, &parameters.map(Value::from))
            .map(|_| ())
    }

    fn head(&self) -> std::result::Result<u64, SqlError> {
        self.number(sql::HEAD, &[])
    }

    fn upsert_subject(
        &mut self,
        change: &Change,
        organization: Subject,
    ) -> std::result::Result<(), SqlError> {
        let parameters = [
            change.subject.as_str().into(),
            organization.as_str().into(),
            change.revision.0.into(),
            change.seq.into(),
        ];
        self.0.query(sql::UPSERT_SUBJECT, &parameters).map(|_| ())
    }

    fn changes_since(&self, seq: u64, limit: usize) -> std::result::Result<Vec<Change>, SqlError> {
        let rows = self
            .0
            .query(sql::CHANGES_SINCE, &[seq.into(), (limit as u64).into()])?;
        rows.iter()
            .map(|row| {
                Ok(Change {
                    subject: subject(row, 0)?,
                    revision: Revision(row.unsigned(1)?),
                    seq: row.unsigned(2)?,
                })
            })
            .collect()
    }

    fn revision_of(&self, of: Subject) -> std::result::Result<Option<Revision>, SqlError> {
        let rows = self.0.query(sql::REVISION_OF, &[of.as_str().into()])?;
        rows.first()
            .map(|row| row.unsigned(0).map(Revision))
            .transpose()
    }

    fn greatest_revision_of(
        &self,
        organization: Subject,
    ) -> std::result::Result<Revision, SqlError> {
        self.number(sql::GREATEST_REVISION_OF, &[organization.as_str().into()])
            .map(Revision)
    }

    fn beyond(
        &self,
        organization: Subject,
        revision: Revision,
        after: Option<Subject>,
        limit: usize,
    ) -> std::result::Result<Vec<ask::Required>, SqlError> {
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
                Ok(ask::Required {
                    subject: subject(row, 0)?,
                    revision: Revision(row.unsigned(1)?),
                })
            })
            .collect()
    }
}

/// The object.
#[durable_object(fetch)]
pub struct ChangeLog {
    log: RefCell<Log<SqlLog>>,
}

impl DurableObject for ChangeLog {
    fn new(state: State, env: Env) -> Self {
        let sql = Rc::new(ObjectSql::of(&state));
        let mut bits = [0; 8];
        rim::Crypto.fill(&mut bits);
        let mut log = Log::start(
            SqlLog(Rc::clone(&sql)),
            Incarnation::from_random(u64::from_be_bytes(bits)),
        );
        if let Err(error) = prepare(&sql, &mut log, env.as_ref()) {
            log::storage_failed("ChangeLog", &error);
        }
        Self {
            log: RefCell::new(log),
        }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let request: LogRequest = objects::message(&request.text().await?)?;
        let now = rim::reading();
        // No await from here on.
        let mut log = self.log.borrow_mut();
        let reply = match &request {
            LogRequest::Ask(question) => log.ask(question, now).map(LogReply::Answer),
            LogRequest::Append(append) => log.append(append, now).map(LogReply::Ack),
            LogRequest::Standing(question) => log.standing(question).map(LogReply::Standing),
            LogRequest::Status {} => log
                .status(now)
                .map(|(meta, head)| LogReply::Status(meta.into_status(head))),
        };
        match reply {
            Ok(reply) => Response::from_json(&reply),
            Err(error) => {
                log::storage_failed("ChangeLog", &error);
                Response::error("storage", 500)
            }
        }
    }
}

/// Makes the tables and takes over the operator's bound.
fn prepare(
    sql: &ObjectSql,
    log: &mut Log<SqlLog>,
    env: &JsValue,
) -> std::result::Result<(), SqlError> {
    for statement in sql::SCHEMA {
        sql.query(statement, &[])?;
    }
    let wanted =
        objects::variable(env, names::FRESHNESS_BOUND_MS).and_then(|text| text.parse().ok());
    let now = rim::reading();
    match wanted.and_then(Bound::new) {
        Some(wanted) if log.status(now)?.0.lease != wanted => log.set_bound(wanted, now),
        _ => Ok(()),
    }
}
