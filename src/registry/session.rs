//! The dashboard's sessions, in `_platform`.
//!
//! The browser holds a token of 192 random bits in a cookie. The registry holds
//! a MAC of it (HMAC-SHA-256 under a derived key) and never the token, so that a
//! copy of the storage opens nothing; the CSRF token is derived and not stored.
//! A session lasts an hour. It rests on the key that opened it: that key's row
//! is read each time the session is, so revoking, disabling or expiry ends it in
//! the same moment.

use super::context::{CommandError, RequestContext};
use super::message::{Actor, Outcome, Refusal, Session, SessionToken};
use super::sql as statements;
use super::store::{self, Key, Organization, first, parsed};
use crate::key::KeyState;
use crate::random::Randomness;
use crate::sql::SqlError;
use crate::time::Timestamp;

/// How long a session lasts, in milliseconds: one hour.
const LIFETIME: u64 = 3_600_000;

/// Most sessions of one key; the oldest goes when another is opened.
const MOST: u64 = 10;

/// A session that is held here, over or not.
struct Found {
    /// The ring's entry that it was opened under.
    entry: char,
    key: Key,
    expires_at: Timestamp,
}

impl RequestContext<'_> {
    /// Opens a session for the acting key.
    pub(super) fn open_session(
        &self,
        held: &Organization,
        randomness: &mut dyn Randomness,
    ) -> Result<Outcome, CommandError> {
        // A session does not beget another one.
        let Actor::Key(admin) = &self.request.actor else {
            return Err(Refusal::NotFound.into());
        };
        let key = self.key(&admin.id)?;
        self.check_usable(held, &key)?;
        let token = self.keyring.session_token(randomness);
        let token = token.and_then(|token| SessionToken::try_from(token.to_string()).ok());
        let token = parsed(token, "a new session token")?;
        let entry = self.keyring.current_name();
        let mac = self.mac(entry, "token", &token)?;
        let expires_at = self.now.plus(LIFETIME);
        let session = self.show(
            &token,
            Found {
                entry,
                key: key.clone(),
                expires_at,
            },
        )?;
        self.sql.transaction(&mut || {
            self.sql
                .query(statements::FORGET_SESSIONS, &[self.now.0.into()])?;
            let row = [mac.as_str().into(), key.issued.into(), expires_at.0.into()];
            self.sql.query(statements::INSERT_SESSION, &row)?;
            self.sql.query(
                statements::BOUND_SESSIONS,
                &[key.issued.into(), MOST.into()],
            )?;
            let after = [("expires_at", expires_at.to_rfc3339().into())];
            self.record_of_key("session.open", &key, held, &after)
        })?;
        Ok(Outcome::Session(Box::new(Session {
            token: Some(token),
            ..session
        })))
    }

    /// Who is behind a token.
    pub(super) fn read_session(
        &self,
        held: &Organization,
        token: &SessionToken,
    ) -> Result<Outcome, CommandError> {
        let found = self.behind(token)?.ok_or(Refusal::NoSession)?;
        if found.expires_at <= self.now {
            return Err(Refusal::NoSession.into());
        }
        self.check_usable(held, &found.key)?;
        let session = self.show(token, found)?;
        Ok(Outcome::Session(Box::new(session)))
    }

    /// Ends a session; one that is over already stays so.
    pub(super) fn close_session(
        &self,
        held: &Organization,
        token: &SessionToken,
    ) -> Result<Outcome, CommandError> {
        if let Some(Found { entry, key, .. }) = self.behind(token)? {
            let mac = self.mac(entry, "token", token)?;
            self.sql.transaction(&mut || {
                self.sql
                    .query(statements::CLOSE_SESSION, &[mac.as_str().into()])?;
                self.record_of_key("session.close", &key, held, &[])
            })?;
        }
        Ok(Outcome::Done {})
    }

    /// The session of this token, whichever of the ring's entries it is under.
    fn behind(&self, token: &SessionToken) -> Result<Option<Found>, SqlError> {
        for entry in self.keyring.names() {
            let mac = self.mac(entry, "token", token)?;
            let Some(row) = first(self.sql, statements::SESSION, &[mac.into()])? else {
                continue;
            };
            let key = Key::load_issued(self.sql, row.unsigned(0)?)?;
            let expires_at = store::instant(&row, 1)?;
            return Ok(key.map(|key| Found {
                entry,
                key,
                expires_at,
            }));
        }
        Ok(None)
    }

    fn check_usable(&self, held: &Organization, key: &Key) -> Result<(), Refusal> {
        match key.state(held, self.now) {
            KeyState::Active | KeyState::Retiring => Ok(()),
            KeyState::Disabled | KeyState::Expired | KeyState::Revoked => Err(Refusal::NoSession),
        }
    }

    fn mac(&self, entry: char, purpose: &str, token: &SessionToken) -> Result<String, SqlError> {
        parsed(
            self.keyring.session_mac(entry, purpose, token.expose()),
            "the session's root key",
        )
    }

    fn show(&self, token: &SessionToken, found: Found) -> Result<Session, SqlError> {
        let Found {
            entry,
            key,
            expires_at,
        } = found;
        Ok(Session {
            token: None,
            csrf_token: self.mac(entry, "csrf", token)?,
            expires_at,
            id: key.key_id(self.keyring.brand()),
            record: key.record(),
        })
    }
}
