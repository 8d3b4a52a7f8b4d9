//! What is wrong with a list of the operator's settings, and with which entry of it.

use std::fmt;

use crate::json;

/// Why a list (`ROUTES`, `SCOPES`) cannot be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EntryError {
    /// The setting.
    pub list: &'static str,
    /// 1 for the first entry; 0 where the whole is wrong.
    pub entry: usize,
    /// The earlier entry that it cannot stand beside, counted from 1; 0 for none.
    pub earlier: usize,
    /// What is wrong.
    pub reason: String,
}

impl EntryError {
    pub(super) const fn new(list: &'static str, entry: usize, reason: String) -> Self {
        Self {
            list,
            entry,
            earlier: 0,
            reason,
        }
    }

    /// Of a text that is no list of such entries.
    pub(super) fn of_json(list: &'static str, error: &json::Error) -> Self {
        match error.item() {
            Some(place) => Self::new(list, place + 1, error.message().to_owned()),
            None => Self::new(list, 0, "not a list of tables".to_owned()),
        }
    }
}

impl fmt::Display for EntryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.list)?;
        if self.entry > 0 {
            write!(f, ", entry {}", self.entry)?;
        }
        write!(f, ": {}", self.reason)?;
        if self.earlier > 0 {
            write!(f, " (entry {})", self.earlier)?;
        }
        Ok(())
    }
}
