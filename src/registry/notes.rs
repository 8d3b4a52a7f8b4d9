//! What browsers tell, and what is put on record in `_platform`. Most of it comes
//! from strangers: texts are cut and cleaned, and no flood of them fills the object.

use super::allowance::Allowance;
use super::context::{CommandError, RequestContext};
use super::message::{Command, FailedAuthentication, Outcome, Preflight, PreflightCount, Refusal};
use super::record;
use super::sql as statements;
use super::store::{self, Key, Organization, first};
use crate::key::{OrganizationId, PublicKeyId, redacted};
use crate::sql::{Sql, SqlError};
use crate::time::Timestamp;

/// A key is marked as exposed no sooner than this after the last time, in
/// milliseconds: a minute.
const MARK_AFTER: u64 = 60_000;

/// Marks that go on record, of all keys together.
const EXPOSURES: Allowance = Allowance {
    period: "exposures.day",
    noted: "exposures.noted",
    left_out: "exposures.left_out",
    length: 86_400_000,
    most: 100,
};

/// The same of reports of leaks that change nothing.
pub(super) const LEAKS: Allowance = Allowance {
    period: "leaks.day",
    noted: "leaks.noted",
    left_out: "leaks.left_out",
    ..EXPOSURES
};

/// Most characters kept of a text that a stranger sent.
const LONGEST: usize = 256;

/// Most origins whose preflights are counted. When there are more, the one seen
/// least often goes: a flood of made-up origins, each seen once, drives out its
/// own kind and not the page that somebody is at work on.
const ORIGINS: u64 = 100;

/// For how long an origin is kept after its last preflight, in milliseconds: 30
/// days.
const KEPT: u64 = 30 * 86_400_000;

impl RequestContext<'_> {
    /// A browser showed the key. Nothing that decides changes, so no revision. The
    /// key itself always tells of the last time.
    pub(super) fn mark_exposed(
        &self,
        held: &Organization,
        id: &PublicKeyId,
        origin: &str,
    ) -> Result<Outcome, CommandError> {
        let key = Key::load(self.sql, id)?.ok_or(Refusal::NotFound)?;
        let marked = key.exposed.as_ref().map(|(at, _)| *at);
        if marked.is_some_and(|at| self.now.since(at) < MARK_AFTER) {
            return Ok(Outcome::Done {});
        }
        let origin = cleaned(origin);
        self.sql.transaction(&mut || {
            let row = [key.issued.into(), self.now.0.into(), origin.as_str().into()];
            self.sql.query(statements::MARK_EXPOSED, &row)?;
            if !self.has_room(&EXPOSURES, held, marked.is_none())? {
                return Ok(());
            }
            let after = [("origin", origin.as_str().into())];
            self.record_of_key("key.exposed", &key, held, &after)
        })?;
        Ok(Outcome::Done {})
    }

    /// Whether a sighting of a key goes on record: a day has room for so many. The first
    /// one of each key always does, so that a key that is shown all day long hides no
    /// other. To be called within the transaction that puts it there.
    pub(super) fn has_room(
        &self,
        allowance: &Allowance,
        held: &Organization,
        is_first: bool,
    ) -> Result<bool, SqlError> {
        put_down_left_out(self.sql, &held.id, self.now)?;
        if is_first {
            return Ok(true);
        }
        let mut room = allowance.open(self.sql, self.now)?;
        let has_room = room.take();
        room.close(self.sql)?;
        Ok(has_room)
    }

    /// A note in `_platform`, which takes them before its first admin key too;
    /// `None` where the command is no such note.
    pub(super) fn note(
        &self,
        platform: &OrganizationId,
        held: Option<&Organization>,
    ) -> Option<Result<Outcome, CommandError>> {
        let noted = match &self.request.command {
            Command::NotePreflights { preflights } => self.note_preflights(preflights),
            Command::NotePreflight { origin, count } => {
                let (origin, count) = (origin.clone(), *count);
                self.note_preflights(&[PreflightCount { origin, count }])
            }
            Command::NoteFailedAuthentication {
                problem,
                key,
                route,
                address,
            } => {
                let failure = FailedAuthentication {
                    problem: problem.clone(),
                    key: *key,
                    route: route.clone(),
                    address: address.clone(),
                    count: 1,
                };
                self.note_failures(platform, &[failure], 0, 0)
            }
            Command::NoteFailures {
                failures,
                beyond_proven,
                beyond_unproven,
            } => self.note_failures(platform, failures, *beyond_proven, *beyond_unproven),
            Command::NoteDeletion {
                organization,
                revision,
            } => self.note_deletion(platform, held, organization, *revision),
            _ => return None,
        };
        Some(noted.map(|()| Outcome::Done {}))
    }

    fn note_preflights(&self, preflights: &[PreflightCount]) -> Result<(), CommandError> {
        if preflights.len() > ORIGINS as usize {
            return Err(Refusal::field("preflights", format!("at most {ORIGINS}")).into());
        }
        self.sql.transaction(&mut || {
            for PreflightCount { origin, count } in preflights {
                self.note_preflight(&cleaned(origin), *count)?;
            }
            Ok(())
        })?;
        Ok(())
    }

    fn note_preflight(&self, origin: &str, count: u64) -> Result<(), SqlError> {
        let known = first(self.sql, statements::PREFLIGHT, &[origin.into()])?.is_some();
        let origins = first(self.sql, statements::PREFLIGHT_ORIGINS, &[])?
            .map_or(Ok(0), |row| row.unsigned(0))?;
        if !known && origins >= ORIGINS {
            self.sql.query(statements::DROP_PREFLIGHT, &[])?;
        }
        let row = [origin.into(), self.now.0.into(), count.into()];
        self.sql
            .query(statements::COUNT_PREFLIGHT, &row)
            .map(|_| ())
    }

    /// The origins whose preflights were counted, most frequent first.
    pub(super) fn preflights(&self) -> Result<Vec<Preflight>, SqlError> {
        let rows = self.sql.query(statements::PREFLIGHTS, &[])?;
        rows.iter()
            .map(|row| {
                Ok(Preflight {
                    origin: row.text(0)?.to_owned(),
                    count: row.unsigned(1)?,
                    last_at: store::instant(row, 2)?,
                })
            })
            .collect()
    }
}

/// Puts on record how many sightings a day that is over left out. To be called within
/// a transaction.
pub(super) fn put_down_left_out(
    sql: &dyn Sql,
    organization: &OrganizationId,
    now: Timestamp,
) -> Result<(), SqlError> {
    for (allowance, action) in [
        (&EXPOSURES, "key.exposures_suppressed"),
        (&LEAKS, "key.leaks_suppressed"),
    ] {
        let Some(left_out) = allowance.settle(sql, now)? else {
            continue;
        };
        let members = [
            ("count", left_out.count.into()),
            ("day", left_out.since.to_rfc3339().into()),
        ];
        record::by_registry(sql, organization, action, &members, now)?;
    }
    Ok(())
}

/// Drops origins that were not seen for long.
pub(super) fn forget(sql: &dyn Sql, now: Timestamp) -> Result<(), SqlError> {
    let oldest = now.0.saturating_sub(KEPT);
    sql.query(statements::FORGET_PREFLIGHTS, &[oldest.into()])?;
    Ok(())
}

/// A stranger's text as it is kept: without secrets, its first 256 characters, with
/// `?` for all that is not visible ASCII or could end a tag, an attribute or a string
/// where somebody shows it carelessly.
pub(super) fn cleaned(text: &str) -> String {
    let safe =
        |c: char| c.is_ascii_graphic() && !matches!(c, '<' | '>' | '"' | '\'' | '`' | '&' | '\\');
    redacted(text)
        .chars()
        .take(LONGEST)
        .map(|c| if safe(c) { c } else { '?' })
        .collect()
}

/// That a text is a problem's code or `allowed`: 1 to 64 of `a-z`, `0-9`, `_`.
pub(super) fn check_code(field: &str, text: &str) -> Result<(), Refusal> {
    let is_of_code = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if (1..=64).contains(&text.len()) && text.bytes().all(is_of_code) {
        Ok(())
    } else {
        Err(Refusal::field(field, "1 to 64 of a-z, 0-9 and _"))
    }
}
