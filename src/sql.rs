//! The SQL port: one set of statements, run by the object's SQLite in
//! production and by a real SQLite natively in tests.

use std::fmt;

/// One value of a row or a parameter.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// `NULL`
    Null,
    /// A whole number within ±2⁵³: the runtime carries numbers as `f64`.
    Integer(i64),
    /// Text.
    Text(String),
}

/// A row's values in the order of the statement's columns.
#[derive(Clone, PartialEq, Debug)]
pub struct Row(pub Vec<Value>);

/// What the storage said; never holds a parameter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SqlError(pub String);

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "storage: {}", self.0)
    }
}

/// A SQLite database that runs one statement at a time.
pub trait Sql {
    /// Runs one statement with its parameters bound to `?1`, `?2` …, and gives
    /// all rows.
    ///
    /// # Errors
    /// What the storage said.
    fn query(&self, statement: &str, parameters: &[Value]) -> Result<Vec<Row>, SqlError>;

    /// Runs `work` so that all it wrote is kept, or, where it errs, nothing.
    /// Not to be nested.
    ///
    /// # Errors
    /// Those of `work` and of the storage.
    fn transaction(&self, work: &mut dyn FnMut() -> Result<(), SqlError>) -> Result<(), SqlError>;
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        // Revisions and milliseconds: below 2⁵³ for the next 285,000 years. Numbers
        // cross to the object's SQLite as `f64`: what a message says beyond that
        // would become another number on the way.
        const GREATEST: i64 = (1 << 53) - 1;
        Self::Integer(i64::try_from(number).map_or(GREATEST, |number| number.min(GREATEST)))
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Integer(flag.into())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl Row {
    /// The whole number in `column`; an error where there is another thing.
    ///
    /// # Errors
    /// The column is missing or holds another type.
    pub fn integer(&self, column: usize) -> Result<i64, SqlError> {
        match self.0.get(column) {
            Some(Value::Integer(number)) => Ok(*number),
            _ => Err(SqlError(format!("column {column} is no integer"))),
        }
    }

    /// The number in `column` as one that cannot be negative.
    ///
    /// # Errors
    /// The column is missing, negative or of another type.
    pub fn unsigned(&self, column: usize) -> Result<u64, SqlError> {
        u64::try_from(self.integer(column)?)
            .map_err(|_| SqlError(format!("column {column} is negative")))
    }

    /// The text in `column`.
    ///
    /// # Errors
    /// The column is missing or holds another type.
    pub fn text(&self, column: usize) -> Result<&str, SqlError> {
        match self.0.get(column) {
            Some(Value::Text(text)) => Ok(text),
            _ => Err(SqlError(format!("column {column} is no text"))),
        }
    }

    /// Whether `column` is `NULL` (or missing).
    #[must_use]
    pub fn is_null(&self, column: usize) -> bool {
        matches!(self.0.get(column), None | Some(Value::Null))
    }
}
