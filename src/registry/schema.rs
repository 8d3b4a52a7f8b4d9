//! The tables and their version.

use super::sql as texts;
use super::store::{first, meta, set_meta};
use crate::sql::{Sql, SqlError};

/// Whether the tables are there. A registry object that was only asked after
/// stays without: see [`absent`](super::absent).
///
/// # Errors
/// Those of the storage.
pub fn exists(sql: &dyn Sql) -> Result<bool, SqlError> {
    Ok(first(sql, texts::EXISTS, &[])?.is_some())
}

/// Makes the tables, or brings older ones up to date. Once per start of the
/// object, before anything else is asked.
///
/// # Errors
/// Those of the storage, and tables of a later version than this code's.
pub fn migrate(sql: &dyn Sql) -> Result<(), SqlError> {
    if exists(sql)? {
        return match meta(sql, "schema")? {
            texts::SCHEMA_VERSION => Ok(()),
            other => Err(SqlError(format!("tables of unknown version {other}"))),
        };
    }
    sql.transaction(&mut || {
        for statement in texts::SCHEMA {
            sql.query(statement, &[])?;
        }
        set_meta(sql, "schema", texts::SCHEMA_VERSION)
    })
}
