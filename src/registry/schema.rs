//! The tables and their version.

use super::sql as statements;
use super::store::{first, meta, set_meta};
use crate::sql::{Sql, SqlError};

/// Whether the tables are there. A registry object that was only asked after
/// stays without: see [`absent`](super::absent).
///
/// # Errors
/// Those of the storage.
pub fn exists(sql: &dyn Sql) -> Result<bool, SqlError> {
    Ok(first(sql, statements::EXISTS, &[])?.is_some())
}

/// Makes the tables, or brings older ones up to date. Once per start of the
/// object, before anything else is asked.
///
/// # Errors
/// Those of the storage, and tables of a later version than this code's.
pub fn migrate(sql: &dyn Sql) -> Result<(), SqlError> {
    let current = statements::SCHEMA.len() as u64;
    let version = if exists(sql)? { meta(sql, VERSION)? } else { 0 };
    if version == current {
        return Ok(());
    }
    if version > current {
        return Err(SqlError(format!("tables of unknown version {version}")));
    }
    sql.transaction(&mut || {
        for (_, step) in (0_u64..)
            .zip(statements::SCHEMA)
            .filter(|(at, _)| *at >= version)
        {
            for statement in *step {
                sql.query(statement, &[])?;
            }
        }
        set_meta(sql, VERSION, current)
    })
}

/// Name in `meta` of the tables' version.
const VERSION: &str = "schema";
