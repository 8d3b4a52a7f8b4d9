//! What the answer to one request may use, and why a command stops.

use super::message::{KeyView, Outcome, Refusal, Request, Who};
use super::settings::RegistrySettings;
use super::store::{self, Key, Organization};
use crate::key::{KeyId, Keyring, Revision};
use crate::sql::{Sql, SqlError};
use crate::time::Timestamp;

/// Why a command stops: refused, or the storage failed.
pub(super) enum CommandError {
    Refused(Refusal),
    Storage(SqlError),
}

impl From<Refusal> for CommandError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<SqlError> for CommandError {
    fn from(error: SqlError) -> Self {
        Self::Storage(error)
    }
}

/// All that the answer to one request may use.
pub(super) struct RequestContext<'a> {
    pub(super) sql: &'a dyn Sql,
    pub(super) keyring: &'a Keyring,
    pub(super) settings: &'a RegistrySettings,
    pub(super) request: &'a Request,
    /// The request's id as it is kept: outside Cloudflare a client can choose it.
    pub(super) request_id: String,
    pub(super) who: Who,
    pub(super) now: Timestamp,
}

/// What comes of a command.
pub(super) type CommandResult = Result<Outcome, CommandError>;

impl RequestContext<'_> {
    /// The key with this id; `not_found` where there is none, or it is of
    /// another brand or environment.
    pub(super) fn key(&self, id: &KeyId) -> Result<Key, CommandError> {
        Key::load(self.sql, &id.public)?
            .filter(|key| key.key_id(self.keyring.brand()) == *id)
            .ok_or_else(|| Refusal::NotFound.into())
    }

    pub(super) fn view(&self, key: &Key, held: &Organization) -> KeyView {
        key.view(self.keyring.brand(), held, self.now)
    }

    pub(super) fn next_revision(&self) -> Result<Revision, SqlError> {
        Ok(store::meta(self.sql, store::REVISION)? + 1)
    }

    pub(super) fn check_if_match(&self, current: Revision) -> Result<(), Refusal> {
        match self.request.if_match {
            Some(asked) if asked != current => Err(Refusal::RevisionMismatch { current }),
            _ => Ok(()),
        }
    }
}
