//! Values of rows, and the counters of `meta`.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};

use crate::json;
use crate::key::PublicKeyId;
use crate::registry::sql as statements;
use crate::sql::{Row, Sql, SqlError, Value};
use crate::time::Timestamp;

/// A name as it is searched for: in lower case, beyond ASCII too, which SQLite's
/// own `lower` is not.
pub(in crate::registry) fn folded(name: &str) -> String {
    name.to_lowercase()
}

/// Name in `meta` of the organization's revision counter.
pub(in crate::registry) const REVISION: &str = "revision";
/// Name in `meta` of whether a deleted organization's records are going: its
/// retention is over.
pub(in crate::registry) const GOING: &str = "deletion.going";

/// Whether the records are going.
pub(in crate::registry) fn is_going(sql: &dyn Sql) -> Result<bool, SqlError> {
    Ok(meta(sql, GOING)? != 0)
}

/// A counter of `meta`; 0 where it was never set.
pub(in crate::registry) fn meta(sql: &dyn Sql, name: &str) -> Result<u64, SqlError> {
    first(sql, statements::META, &[name.into()])?.map_or(Ok(0), |row| row.unsigned(0))
}

pub(in crate::registry) fn set_meta(sql: &dyn Sql, name: &str, value: u64) -> Result<(), SqlError> {
    sql.query(statements::SET_META, &[name.into(), value.into()])?;
    Ok(())
}

pub(in crate::registry) fn first(
    sql: &dyn Sql,
    statement: &str,
    parameters: &[Value],
) -> Result<Option<Row>, SqlError> {
    Ok(sql.query(statement, parameters)?.into_iter().next())
}

pub(in crate::registry) fn instant(row: &Row, column: usize) -> Result<Timestamp, SqlError> {
    row.unsigned(column).map(Timestamp)
}

pub(in crate::registry) fn public_id(row: &Row, column: usize) -> Result<PublicKeyId, SqlError> {
    parsed(PublicKeyId::parse(row.text(column)?.as_bytes()), "key id")
}

pub(in crate::registry) fn optional<T>(
    row: &Row,
    column: usize,
    read: impl FnOnce(&Row, usize) -> Result<T, SqlError>,
) -> Result<Option<T>, SqlError> {
    if row.is_null(column) {
        Ok(None)
    } else {
        read(row, column).map(Some)
    }
}

/// What was stored must be readable; an error names the place, not the content.
pub(in crate::registry) fn parsed<T>(read: impl IntoOption<T>, place: &str) -> Result<T, SqlError> {
    read.into_option()
        .ok_or_else(|| SqlError(format!("{place} cannot be read")))
}

/// `Option` and `Result` alike.
pub(in crate::registry) trait IntoOption<T> {
    fn into_option(self) -> Option<T>;
}

impl<T> IntoOption<T> for Option<T> {
    fn into_option(self) -> Self {
        self
    }
}

impl<T, E> IntoOption<T> for Result<T, E> {
    fn into_option(self) -> Option<T> {
        self.ok()
    }
}

pub(in crate::registry) fn from_json<T: DeserializeOwned>(
    text: &str,
    place: &str,
) -> Result<T, SqlError> {
    parsed(json::from_str(text), place)
}

pub(in crate::registry) fn to_json<T: Serialize>(value: &T) -> Result<Value, SqlError> {
    serde_json::to_string(value)
        .map(Value::Text)
        .map_err(|_| SqlError("not JSON".to_owned()))
}

/// A word of an enumeration as serde names it.
pub(in crate::registry) fn word<T: DeserializeOwned>(
    text: &str,
    place: &str,
) -> Result<T, SqlError> {
    parsed(json::from_word(text), place)
}

pub(super) fn object(value: Json) -> Map<String, Json> {
    match value {
        Json::Object(map) => map,
        _ => Map::new(),
    }
}
