//! Failed authentications at the admin routes, put on record in `_platform`.
//!
//! Edges count them and tell of them in batches. What the audit takes of them in an
//! hour is bounded, for those who had proven a secret and for those who had not
//! apart, and for each key: strangers use up neither the object nor the room of what
//! an administrator must see, and one leaked key id not that of others. Further ones
//! are counted, and the count is put on record in a later hour.

use std::net::IpAddr;

use serde_json::json;

use super::audit::About;
use super::handle::{Registry, Stop};
use super::message::{FailedAuthentication, Refusal};
use super::notes::{check_code, cleaned};
use super::sql as texts;
use super::store;
use crate::key::OrganizationId;
use crate::sql::SqlError;
use crate::time::Timestamp;

/// Most entries of an hour for each of the two classes.
const AN_HOUR: u64 = 100;
/// Most of them that are about one key.
const KEY_AN_HOUR: u64 = 20;
/// Most failures in one message.
const BATCH: usize = 256;
/// Greatest count: far above what an isolate can answer between two flushes, and
/// above what a registry hears of in an hour.
const GREATEST: u64 = 1 << 52;

const HOUR: u64 = 3_600_000;

/// Name in `meta`: which hour since 1970 the counts are of.
const HOUR_OF: &str = "failures.hour";
/// What the names of an hour's entries by key begin with, in `meta`.
const OF_KEY: &str = "failures.of/";

/// A class's names in `meta`: how many of the hour were put on record, and how many
/// were only counted.
struct Class {
    noted: &'static str,
    suppressed: &'static str,
}

const UNPROVEN: Class = Class {
    noted: "failures.noted",
    suppressed: "failures.suppressed",
};
const PROVEN: Class = Class {
    noted: "failures.proven.noted",
    suppressed: "failures.proven.suppressed",
};

/// What is left of a class's room, and how many did not find any.
struct Room {
    noted: u64,
    suppressed: u64,
}

impl Room {
    fn of(registry: &Registry<'_>, class: &Class) -> Result<Self, SqlError> {
        Ok(Self {
            noted: store::meta(registry.sql, class.noted)?,
            suppressed: store::meta(registry.sql, class.suppressed)?,
        })
    }

    fn keep(&self, registry: &Registry<'_>, class: &Class) -> Result<(), SqlError> {
        store::set_meta(registry.sql, class.noted, self.noted)?;
        store::set_meta(registry.sql, class.suppressed, self.suppressed)
    }
}

impl Registry<'_> {
    /// Puts a batch on record, as far as there is room for it.
    pub(super) fn note_failures(
        &self,
        platform: &OrganizationId,
        failures: &[FailedAuthentication],
        beyond_proven: u64,
        beyond_unproven: u64,
    ) -> Result<(), Stop> {
        if failures.len() > BATCH {
            return Err(Refusal::field("failures", format!("at most {BATCH}")).into());
        }
        for failure in failures {
            check_code("problem", &failure.problem)?;
            let address = failure.address.as_deref();
            if address.is_some_and(|address| address.parse::<IpAddr>().is_err()) {
                return Err(Refusal::field("address", "an IP address").into());
            }
        }
        self.sql.transaction(&mut || {
            self.begin_hour(platform)?;
            let mut proven = Room::of(self, &PROVEN)?;
            let mut unproven = Room::of(self, &UNPROVEN)?;
            proven.suppressed = proven.suppressed.saturating_add(beyond_proven);
            unproven.suppressed = unproven.suppressed.saturating_add(beyond_unproven);
            for failure in failures {
                let room = if failure.proves_secret() {
                    &mut proven
                } else {
                    &mut unproven
                };
                if room.noted < AN_HOUR && self.note_failure(platform, failure)? {
                    room.noted += 1;
                } else {
                    room.suppressed = room.suppressed.saturating_add(failure.count);
                }
            }
            proven.keep(self, &PROVEN)?;
            unproven.keep(self, &UNPROVEN)
        })?;
        Ok(())
    }

    /// Puts a failure on record, unless its key had its share of the hour; whether
    /// it did.
    fn note_failure(
        &self,
        platform: &OrganizationId,
        failure: &FailedAuthentication,
    ) -> Result<bool, SqlError> {
        let class = if failure.proves_secret() { "+" } else { "-" };
        let key = failure.key.map(String::from).unwrap_or_default();
        let of_key = [OF_KEY, class, &key].concat();
        let noted = store::meta(self.sql, &of_key)?;
        if noted >= KEY_AN_HOUR {
            return Ok(false);
        }
        let subject = failure
            .key
            .map_or_else(|| About::organization(platform), About::key_id);
        // Edges of an older version tell the path itself.
        let route: Vec<String> = failure.route.split(' ').map(cleaned).collect();
        let after = [
            ("problem", failure.problem.as_str().into()),
            ("route", route.join(" ").into()),
            ("address", json!(failure.address)),
            ("count", failure.count.min(GREATEST).into()),
        ];
        self.record(platform, "authentication.failed", &subject, &after)?;
        store::set_meta(self.sql, &of_key, noted + 1)?;
        Ok(true)
    }

    /// Where another hour has begun: puts the last one's rest on record, and makes
    /// room. A clock that went back stays in the later hour: its room is used up.
    fn begin_hour(&self, platform: &OrganizationId) -> Result<(), SqlError> {
        let hour = self.now.0 / HOUR;
        let counted = store::meta(self.sql, HOUR_OF)?;
        if hour <= counted {
            return Ok(());
        }
        let proven = store::meta(self.sql, PROVEN.suppressed)?;
        let count = store::meta(self.sql, UNPROVEN.suppressed)?.saturating_add(proven);
        if count > 0 {
            let after = [
                ("count", count.min(GREATEST).into()),
                ("proven", proven.min(GREATEST).into()),
                ("hour", Timestamp(counted * HOUR).to_rfc3339().into()),
            ];
            let subject = About::organization(platform);
            let action = "authentication.failures_suppressed";
            self.record(platform, action, &subject, &after)?;
        }
        self.sql.query(texts::FORGET_FAILURES, &[])?;
        store::set_meta(self.sql, HOUR_OF, hour)
    }

    /// How many failures of this hour were only counted.
    pub(super) fn failures_suppressed(&self) -> Result<u64, SqlError> {
        if store::meta(self.sql, HOUR_OF)? != self.now.0 / HOUR {
            return Ok(0);
        }
        let proven = store::meta(self.sql, PROVEN.suppressed)?;
        Ok(store::meta(self.sql, UNPROVEN.suppressed)?.saturating_add(proven))
    }
}
