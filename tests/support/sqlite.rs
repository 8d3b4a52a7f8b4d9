//! The SQL port on a real SQLite, as strict as the object's: whatever it would
//! refuse in production fails here too. It can also fail or stop on demand, and
//! knows every statement's plan.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::path::Path;

use katalo_keys::sql::{Row, Sql, SqlError, Value};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, StatementStatus, ToSql};

/// Most parameters of one statement in a Durable Object.
const MOST_PARAMETERS: usize = 100;
/// Longest statement, in bytes.
const LONGEST_STATEMENT: usize = 100_000;
/// Largest row, in bytes.
const LARGEST_ROW: usize = 2_000_000;
/// Numbers cross as `f64`.
const GREATEST_NUMBER: i64 = 1 << 53;

pub struct Sqlite {
    connection: Connection,
    within: Cell<bool>,
    /// Statements left until the storage fails; `None`: it never does.
    failing_after: Cell<Option<u64>>,
    statements: Cell<u64>,
    /// Steps of SQLite's own machine: what a statement costs, the same on every
    /// computer.
    steps: Cell<u64>,
    seen: RefCell<BTreeSet<String>>,
}

impl Sqlite {
    pub fn in_memory() -> Self {
        Self::new(Connection::open_in_memory().unwrap())
    }

    #[allow(dead_code)]
    pub fn at(path: &Path) -> Self {
        Self::new(Connection::open(path).unwrap())
    }

    fn new(connection: Connection) -> Self {
        connection.set_prepared_statement_cache_capacity(200);
        Self {
            connection,
            within: Cell::new(false),
            failing_after: Cell::new(None),
            statements: Cell::new(0),
            steps: Cell::new(0),
            seen: RefCell::default(),
        }
    }

    /// Lets `statements` more through, then fails until [`Sqlite::heal`].
    #[allow(dead_code)]
    pub fn fail_after(&self, statements: u64) {
        self.failing_after.set(Some(statements));
    }

    #[allow(dead_code)]
    pub fn heal(&self) {
        self.failing_after.set(None);
    }

    /// How many statements have run.
    #[allow(dead_code)]
    pub fn statements(&self) -> u64 {
        self.statements.get()
    }

    /// How many steps all statements took so far.
    #[allow(dead_code)]
    pub fn steps(&self) -> u64 {
        self.steps.get()
    }

    /// Every text that was run.
    #[allow(dead_code)]
    pub fn texts(&self) -> BTreeSet<String> {
        self.seen.borrow().clone()
    }

    /// What SQLite would do for a statement, a step per line.
    #[allow(dead_code)]
    pub fn plan(&self, statement: &str) -> Vec<String> {
        let mut prepared = self
            .connection
            .prepare(&format!("EXPLAIN QUERY PLAN {statement}"))
            .unwrap();
        let steps = prepared.raw_query().mapped(|row| row.get(3));
        steps.collect::<Result<_, _>>().unwrap()
    }

    /// How many rows a table has.
    #[allow(dead_code)]
    pub fn count(&self, table: &str) -> i64 {
        let text = format!("SELECT count(*) FROM {table}");
        self.connection
            .query_row(&text, [], |row| row.get(0))
            .unwrap()
    }

    /// Every value of every table, as text.
    #[allow(dead_code)]
    pub fn dump(&self) -> String {
        let names = "SELECT name FROM sqlite_master WHERE type = 'table'";
        let mut tables = self.connection.prepare(names).unwrap();
        let tables = tables.query_map([], |row| row.get::<_, String>(0)).unwrap();
        let mut dump = String::new();
        for table in tables {
            let text = format!("SELECT * FROM {}", table.unwrap());
            for row in self.run(&text, &[]).unwrap() {
                dump.push_str(&format!("{:?}\n", row.0));
            }
        }
        dump
    }

    fn run(&self, statement: &str, parameters: &[Value]) -> Result<Vec<Row>, SqlError> {
        let error = |error: rusqlite::Error| SqlError(error.to_string());
        let mut prepared = self.connection.prepare_cached(statement).map_err(error)?;
        assert_eq!(
            prepared.parameter_count(),
            parameters.len(),
            "another number of parameters than in {statement}"
        );
        for (place, value) in parameters.iter().enumerate() {
            prepared
                .raw_bind_parameter(place + 1, Bound(value))
                .map_err(error)?;
        }
        let columns = prepared.column_count();
        let mut rows = prepared.raw_query();
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(error)? {
            let values = (0..columns).map(|column| match row.get_ref_unwrap(column) {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(number) => {
                    assert!(number.abs() <= GREATEST_NUMBER, "{number} in {statement}");
                    Value::Integer(number)
                }
                ValueRef::Text(text) => {
                    Value::Text(String::from_utf8(text.to_vec()).expect("UTF-8"))
                }
                other => panic!("{other:?} in {statement}"),
            });
            found.push(Row(values.collect()));
        }
        drop(rows);
        let steps = prepared.reset_status(StatementStatus::VmStep);
        self.steps
            .set(self.steps.get() + u64::try_from(steps).unwrap());
        Ok(found)
    }
}

impl Sql for Sqlite {
    fn query(&self, statement: &str, parameters: &[Value]) -> Result<Vec<Row>, SqlError> {
        check(statement, parameters);
        if let Some(left) = self.failing_after.get() {
            if left == 0 {
                return Err(SqlError("failed on demand".to_owned()));
            }
            self.failing_after.set(Some(left - 1));
        }
        self.statements.set(self.statements.get() + 1);
        if !self.seen.borrow().contains(statement) {
            self.seen.borrow_mut().insert(statement.to_owned());
        }
        self.run(statement, parameters)
    }

    fn transaction(&self, work: &mut dyn FnMut() -> Result<(), SqlError>) -> Result<(), SqlError> {
        assert!(!self.within.replace(true), "a transaction in a transaction");
        self.connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        let outcome = work();
        let end = if outcome.is_ok() {
            "COMMIT"
        } else {
            "ROLLBACK"
        };
        self.connection.execute_batch(end).unwrap();
        self.within.set(false);
        outcome
    }
}

fn check(statement: &str, parameters: &[Value]) {
    assert!(parameters.len() <= MOST_PARAMETERS, "{statement}");
    assert!(statement.len() <= LONGEST_STATEMENT, "{statement}");
    assert!(!statement.contains(';'), "two statements: {statement}");
    let upper = statement.to_uppercase();
    for word in [
        "PRAGMA",
        "BEGIN",
        "COMMIT",
        "SAVEPOINT",
        "LIKE",
        "GLOB",
        "ATTACH",
        "VACUUM",
    ] {
        let there = upper
            .split(|c: char| !c.is_ascii_alphanumeric())
            .any(|part| part == word);
        assert!(!there, "{word} in {statement}");
    }
    let mut size = 0;
    for value in parameters {
        size += match value {
            Value::Text(text) => text.len(),
            Value::Integer(number) => {
                assert!(number.abs() <= GREATEST_NUMBER, "{number} for {statement}");
                8
            }
            Value::Null => 1,
        };
    }
    assert!(size <= LARGEST_ROW, "{size} bytes for {statement}");
}

struct Bound<'a>(&'a Value);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Value::Null => ValueRef::Null,
            Value::Integer(number) => ValueRef::Integer(*number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}
