//! A row read from its first column to its last.

use serde::de::DeserializeOwned;

use super::value::{from_json, instant, parsed, public_id, word};
use crate::key::PublicKeyId;
use crate::sql::{Row, SqlError};
use crate::time::Timestamp;

/// The columns of a row in the order in which its statement names them.
pub(super) struct Columns<'r> {
    row: &'r Row,
    next: usize,
}

impl<'r> Columns<'r> {
    pub(super) const fn of(row: &'r Row) -> Self {
        Self { row, next: 0 }
    }

    /// Passes over one.
    pub(super) const fn skip(&mut self) {
        self.next += 1;
    }

    fn take<T>(
        &mut self,
        read: impl FnOnce(&'r Row, usize) -> Result<T, SqlError>,
    ) -> Result<T, SqlError> {
        let column = self.next;
        self.next += 1;
        read(self.row, column)
    }

    /// What takes so many columns, the first of which is `NULL` where it is absent.
    pub(super) fn optional<T>(
        &mut self,
        width: usize,
        read: impl FnOnce(&mut Self) -> Result<T, SqlError>,
    ) -> Result<Option<T>, SqlError> {
        if self.row.is_null(self.next) {
            self.next += width;
            Ok(None)
        } else {
            read(self).map(Some)
        }
    }

    pub(super) fn text(&mut self) -> Result<&'r str, SqlError> {
        self.take(Row::text)
    }

    pub(super) fn unsigned(&mut self) -> Result<u64, SqlError> {
        self.take(Row::unsigned)
    }

    pub(super) fn flag(&mut self) -> Result<bool, SqlError> {
        Ok(self.take(Row::integer)? != 0)
    }

    pub(super) fn instant(&mut self) -> Result<Timestamp, SqlError> {
        self.take(instant)
    }

    pub(super) fn public_id(&mut self) -> Result<PublicKeyId, SqlError> {
        self.take(public_id)
    }

    /// A word of an enumeration as serde names it.
    pub(super) fn word<T: DeserializeOwned>(&mut self, place: &str) -> Result<T, SqlError> {
        word(self.text()?, place)
    }

    pub(super) fn json<T: DeserializeOwned>(&mut self, place: &str) -> Result<T, SqlError> {
        from_json(self.text()?, place)
    }

    /// Text that `read` can read.
    pub(super) fn parse<T, E>(
        &mut self,
        read: impl FnOnce(String) -> Result<T, E>,
        place: &str,
    ) -> Result<T, SqlError> {
        parsed(read(self.text()?.to_owned()), place)
    }
}
