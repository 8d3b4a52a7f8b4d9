//! The meter's storage: a row for each policy that was ever spent from.

use super::meter::{Ledger, Ledgers};
use crate::json;
use crate::key::Subject;
use crate::sql::{Row, Sql, SqlError, Value};

/// For how long a ledger of which nothing counts any more is kept, in milliseconds.
const KEPT: u64 = 86_400_000;
/// How many ledgers one housekeeping drops, at most.
const MOST: u64 = 1_000;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS ledgers (
        meter TEXT NOT NULL,
        policy TEXT NOT NULL,
        ends INTEGER,
        ledger TEXT NOT NULL,
        PRIMARY KEY (meter, policy)
    ) WITHOUT ROWID";
const ENDS: &str =
    "CREATE INDEX IF NOT EXISTS ledgers_end ON ledgers (ends) WHERE ends IS NOT NULL";
const GET: &str = "SELECT ledger FROM ledgers WHERE meter = ?1 AND policy = ?2";
const PUT: &str = "INSERT INTO ledgers (meter, policy, ends, ledger) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (meter, policy) DO UPDATE SET ends = excluded.ends, ledger = excluded.ledger";
const DROP: &str = "DELETE FROM ledgers WHERE (meter, policy) IN
    (SELECT meter, policy FROM ledgers WHERE ends < ?1 LIMIT ?2)";

/// The ledgers in a SQLite database.
pub struct SqlLedgers<'s>(pub &'s dyn Sql);

impl SqlLedgers<'_> {
    /// Makes the table where it is not there.
    ///
    /// # Errors
    /// Those of the storage.
    pub fn migrate(&self) -> Result<(), SqlError> {
        self.0.query(TABLE, &[])?;
        self.0.query(ENDS, &[])?;
        Ok(())
    }

    /// Drops ledgers that have been of no use for a day.
    ///
    /// # Errors
    /// Those of the storage.
    pub fn tidy(&self, now: u64) -> Result<(), SqlError> {
        let before = now.saturating_sub(KEPT);
        self.0.query(DROP, &[before.into(), MOST.into()])?;
        Ok(())
    }
}

fn read(row: &Row) -> Result<Ledger, SqlError> {
    json::from_str(row.text(0)?).map_err(|_| SqlError("a ledger cannot be read".to_owned()))
}

impl Ledgers for SqlLedgers<'_> {
    type Error = SqlError;

    fn get(&self, meter: &Subject, policy: &str) -> Result<Option<Ledger>, SqlError> {
        let rows = self.0.query(GET, &[meter.as_str().into(), policy.into()])?;
        rows.first().map(read).transpose()
    }

    fn put(&mut self, meter: &Subject, ledger: &Ledger, policy: &str) -> Result<(), SqlError> {
        let text = serde_json::to_string(ledger)
            .map_err(|_| SqlError("a ledger cannot be written".to_owned()))?;
        let ends = ledger.ends().map_or(Value::Null, Value::from);
        let row = [meter.as_str().into(), policy.into(), ends, text.into()];
        self.0.query(PUT, &row)?;
        Ok(())
    }
}
