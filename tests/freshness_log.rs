//! What a question costs the change log, counted in steps of SQLite's own
//! machine.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that panics has failed"
)]

#[path = "support/sqlite.rs"]
#[allow(unreachable_pub, reason = "shared by several binaries")]
mod sqlite;

use std::rc::Rc;

use katalo_keys::freshness::ask::{Required, Version};
use katalo_keys::freshness::change_log::{ChangeLog, LogMeta, LogStore};
use katalo_keys::freshness::{
    Bound, Change, Cursor, Incarnation, Question, Reading, Revision, Subject, sql,
};
use katalo_keys::sql::{Row, Sql as _, SqlError, Value};
use sqlite::Sqlite;

/// The object's statements; what no question needs is left out.
struct Store(Rc<Sqlite>);

impl Store {
    fn number(&self, statement: &str, parameters: &[Value]) -> Result<u64, SqlError> {
        let rows = self.0.query(statement, parameters)?;
        rows.first().map_or(Ok(0), |row| row.unsigned(0))
    }
}

impl LogStore for Store {
    type Error = SqlError;

    fn meta(&self) -> Result<Option<LogMeta>, SqlError> {
        let rows = self.0.query(sql::META, &[])?;
        let bound = |row: &Row, at| Bound::new(row.unsigned(at).unwrap()).unwrap();
        Ok(rows.first().map(|row| LogMeta {
            incarnation: Incarnation::from_stored(row.unsigned(0).unwrap()),
            lease: bound(row, 1),
            wait_for: bound(row, 2),
        }))
    }

    fn set_meta(&mut self, meta: &LogMeta) -> Result<(), SqlError> {
        let (lease, wait_for) = (meta.lease.millis().0, meta.wait_for.millis().0);
        let parameters = [meta.incarnation.stored(), lease, wait_for].map(Value::from);
        self.0.query(sql::SET_META, &parameters).map(|_| ())
    }

    fn head(&self) -> Result<u64, SqlError> {
        self.number(sql::HEAD, &[])
    }

    fn upsert_subject(&mut self, _: &Change, _: Subject) -> Result<(), SqlError> {
        unreachable!("a question writes no subject")
    }

    fn changes_since(&self, seq: u64, limit: usize) -> Result<Vec<Change>, SqlError> {
        let parameters = [seq.into(), (limit as u64).into()];
        let rows = self.0.query(sql::CHANGES_SINCE, &parameters)?;
        let change = |row: &Row| Change {
            subject: Subject::parse(row.text(0).unwrap()).unwrap(),
            revision: Revision(row.unsigned(1).unwrap()),
            seq: row.unsigned(2).unwrap(),
        };
        Ok(rows.iter().map(change).collect())
    }

    fn revision_of(&self, subject: Subject) -> Result<Option<Revision>, SqlError> {
        let rows = self.0.query(sql::REVISION_OF, &[subject.as_str().into()])?;
        Ok(rows.first().map(|row| Revision(row.unsigned(0).unwrap())))
    }

    fn greatest_revision_of(&self, _: Subject) -> Result<Revision, SqlError> {
        unreachable!("a question does not ask for it")
    }

    fn beyond(
        &self,
        _: Subject,
        _: Revision,
        _: Option<Subject>,
        _: usize,
    ) -> Result<Vec<Required>, SqlError> {
        unreachable!("a question does not ask for it")
    }
}

fn subject(number: u64) -> Subject {
    Subject::parse(&format!("20organizat00nonce{number:012}")).unwrap()
}

/// Changes of as many subjects, from `from` to `to`.
fn grow(sqlite: &Sqlite, from: u64, to: u64) {
    let statement = "WITH RECURSIVE n(n) AS (SELECT ?1 UNION ALL SELECT n + 1 FROM n WHERE n < ?2)
        INSERT INTO log_subject (subject, organization, revision, seq)
        SELECT printf('20organizat00nonce%012d', n), 'organizat00', n, n FROM n";
    sqlite.query(statement, &[from.into(), to.into()]).unwrap();
}

/// Asks for a follower that knows all but the last `behind` changes and has one
/// new subject: the answer's changes, and the steps it took.
fn ask(sqlite: &Rc<Sqlite>, head: u64, behind: u64) -> (usize, u64) {
    let incarnation = Incarnation::from_stored(1);
    let mut log = ChangeLog::start(Store(Rc::clone(sqlite)), incarnation);
    log.status(Reading::at(0)).unwrap();
    let question = Question {
        v: Version::CURRENT,
        cursor: Some(Cursor {
            incarnation,
            seq: head - behind,
        }),
        subjects: vec![subject(head / 2)],
    };
    let before = sqlite.steps();
    let answer = log.ask(&question, Reading::at(0)).unwrap();
    let steps = sqlite.steps() - before;
    assert!(!answer.reset);
    assert_eq!(answer.cursor.seq, head);
    assert_eq!(answer.required[0].revision, Revision(head / 2));
    (answer.changes.len(), steps)
}

#[test]
fn a_million_changes_do_not_slow_the_question_of_a_follower() {
    const FEW: u64 = 1_000;
    const MANY: u64 = 1_000_000;
    let sqlite = Rc::new(Sqlite::in_memory());
    for statement in sql::SCHEMA {
        sqlite.query(statement, &[]).unwrap();
    }
    let costs = |head| [0, 10, 100].map(|behind| ask(&sqlite, head, behind));
    grow(&sqlite, 1, FEW);
    let few = costs(FEW);
    grow(&sqlite, FEW + 1, MANY);
    let many = costs(MANY);
    for (few, many) in few.into_iter().zip(many) {
        assert_eq!(few.0, many.0, "as many changes");
        assert!(
            many.1 <= few.1 + few.1 / 20,
            "{few:?} with few changes, {many:?} with many"
        );
    }
    // It costs what changed since the cursor: nothing, ten, a hundred.
    assert_eq!(many.map(|(changes, _)| changes), [0, 10, 100]);
    assert!(many[0].1 < 100, "{many:?}");
}
