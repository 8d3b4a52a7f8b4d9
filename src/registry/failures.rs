//! Failed authentications at the admin routes, put on record in `_platform`.
//!
//! Edges count them and tell of them in batches. What the audit takes of them in an
//! hour is bounded, for those who had proven a secret and for those who had not
//! apart, and for each key: strangers use up neither the object nor the room of what
//! an administrator must see, and one leaked key id not that of others. Further ones
//! are counted, and the count is put on record in a later hour: by the next failure, or,
//! where none comes, by the registry's housekeeping.

use std::net::IpAddr;

use serde_json::json;

use super::allowance::Allowance;
use super::audit::AuditSubject;
use super::context::{CommandError, RequestContext};
use super::message::{FailedAuthentication, Refusal};
use super::notes::{check_code, cleaned};
use super::record;
use super::sql as statements;
use super::store;
use crate::key::OrganizationId;
use crate::sql::{Sql, SqlError};
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

/// What the names of an hour's entries by key begin with, in `meta`.
const OF_KEY: &str = "failures.of/";

/// Those who had not proven a secret.
const UNPROVEN: Allowance = Allowance {
    period: "failures.hour",
    noted: "failures.noted",
    left_out: "failures.suppressed",
    length: HOUR,
    most: AN_HOUR,
};
/// Those who had.
const PROVEN: Allowance = Allowance {
    period: "failures.proven.hour",
    noted: "failures.proven.noted",
    left_out: "failures.proven.suppressed",
    length: HOUR,
    most: AN_HOUR,
};

impl RequestContext<'_> {
    /// Puts a batch on record, as far as there is room for it.
    pub(super) fn note_failures(
        &self,
        platform: &OrganizationId,
        failures: &[FailedAuthentication],
        beyond_proven: u64,
        beyond_unproven: u64,
    ) -> Result<(), CommandError> {
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
            let mut proven = PROVEN.open(self.sql, self.now)?;
            let mut unproven = UNPROVEN.open(self.sql, self.now)?;
            proven.leave_out(beyond_proven);
            unproven.leave_out(beyond_unproven);
            for failure in failures {
                let room = if failure.proves_secret() {
                    &mut proven
                } else {
                    &mut unproven
                };
                if room.is_left() && self.note_failure(platform, failure)? {
                    room.take();
                } else {
                    room.leave_out(failure.count);
                }
            }
            proven.close(self.sql)?;
            unproven.close(self.sql)
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
        let subject = failure.key.map_or_else(
            || AuditSubject::organization(platform),
            AuditSubject::key_id,
        );
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
        if UNPROVEN.is_over(self.sql, self.now)? {
            self.sql.query(statements::FORGET_FAILURES, &[])?;
        }
        put_down_left_out(self.sql, platform, self.now)
    }

    /// How many failures of this hour were only counted.
    pub(super) fn failures_suppressed(&self) -> Result<u64, SqlError> {
        let proven = PROVEN.left_out(self.sql, self.now)?;
        Ok(UNPROVEN
            .left_out(self.sql, self.now)?
            .saturating_add(proven))
    }
}

/// Puts on record how many failures an hour that is over left out. To be called within
/// a transaction.
pub(super) fn put_down_left_out(
    sql: &dyn Sql,
    platform: &OrganizationId,
    now: Timestamp,
) -> Result<(), SqlError> {
    let proven = PROVEN.settle(sql, now)?;
    let unproven = UNPROVEN.settle(sql, now)?;
    let Some(since) = proven.or(unproven).map(|left_out| left_out.since) else {
        return Ok(());
    };
    let [proven, unproven] =
        [proven, unproven].map(|left_out| left_out.map_or(0, |left_out| left_out.count));
    let count = proven.saturating_add(unproven);
    let after = [
        ("count", count.min(GREATEST).into()),
        ("proven", proven.min(GREATEST).into()),
        ("hour", since.to_rfc3339().into()),
    ];
    let action = "authentication.failures_suppressed";
    record::by_registry(sql, platform, action, &after, now)
}
