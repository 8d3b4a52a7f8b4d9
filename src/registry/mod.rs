//! The truth about one organization: its keys, its audit, its usage.
//!
//! Pure but for the SQL port: the clock and randomness are passed in, and the
//! same statements run on the object's SQLite and, in tests, on a real one.

pub mod message;
mod subject;

pub use subject::Subject;
