//! Who uses what: counts per key, scope and outcome, and last use.
//!
//! Isolates count and send batches. A batch carries an id, and one that comes
//! again within an hour is not added again (an isolate gives a batch up long
//! before). Counts lie in buckets of an hour; after 90 days a day's hours become
//! one bucket of that day, and after 400 days that goes.
//!
//! What bounds the rows: a key has at most 64 counts in one bucket (what is
//! beyond is counted as outcome `other` without a scope), and buckets have an
//! end. Lists read only the rows they show, and for days those of each day that
//! has any.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use base64ct::{Base64UrlUnpadded, Encoding as _};

use super::context::{CommandError, RequestContext};
use super::message::{
    Impact, ListUsage, Outcome, Page, Refusal, Span, Successor, UsageCount, UsageRow, WindowUse,
};
use super::notes::check_code;
use super::sql as statements;
use super::store::{Key, first, instant, public_id, word};
use crate::key::{KeyId, Revision};
use crate::sql::{Row, Sql, SqlError, Value};
use crate::time::Timestamp;

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

/// For how many days hours are kept.
const HOURS_KEPT: u64 = 90;
/// For how many days days are kept: a month more than a year, so that a month
/// can be held against the same one a year ago.
const DAYS_KEPT: u64 = 400;
/// For how long a batch's id is remembered.
const BATCH_REMEMBERED: u64 = HOUR;
/// Most counts of one batch.
const MOST_ROWS: usize = 2_000;
/// Most counts of one key in one bucket, but for `other`.
const MOST_IN_BUCKET: u64 = 64;
/// Greatest single count: far above what an isolate can serve between two
/// flushes, far below what a sum may reach.
const GREATEST: u64 = 1_000_000_000;
/// How many days one step of housekeeping folds.
const FOLDED_AT_ONCE: u32 = 31;

impl RequestContext<'_> {
    /// Adds a batch. Counts of keys that are not known here are left out.
    pub(super) fn count_usage(
        &self,
        batch: &str,
        rows: &[UsageCount],
    ) -> Result<Outcome, CommandError> {
        check_batch(batch, rows)?;
        if first(self.sql, statements::BATCH, &[batch.into()])?.is_some() {
            return Ok(Outcome::Done {});
        }
        let mut keys = BTreeMap::new();
        for row in rows {
            if let Entry::Vacant(place) = keys.entry(row.key) {
                let found = first(self.sql, statements::ISSUED, &[row.key.as_str().into()])?;
                place.insert(found.map(|found| found.unsigned(0)).transpose()?);
            }
        }
        self.sql.transaction(&mut || {
            let oldest = self.now.0.saturating_sub(BATCH_REMEMBERED);
            self.sql
                .query(statements::FORGET_BATCHES, &[oldest.into()])?;
            self.sql
                .query(statements::INSERT_BATCH, &[batch.into(), self.now.0.into()])?;
            for row in rows {
                if let Some(Some(issued)) = keys.get(&row.key) {
                    self.add(*issued, row)?;
                }
            }
            Ok(())
        })?;
        Ok(Outcome::Done {})
    }

    fn add(&self, issued: Revision, row: &UsageCount) -> Result<(), SqlError> {
        // An edge's clock may be ahead of this one.
        let at = row.last_at.min(self.now);
        if row.count == 0 || day_of(at) < day_of(self.now).saturating_sub(DAYS_KEPT * DAY) {
            return Ok(());
        }
        let in_days = day_of(at) < first_hours(self.now);
        let start = if in_days {
            day_of(at)
        } else {
            at.0 - at.0 % HOUR
        };
        let mut scope = row.scope.as_ref().map_or("", |scope| scope.as_str());
        let mut outcome = row.outcome.as_str();
        let place = [
            issued.into(),
            start.into(),
            in_days.into(),
            scope.into(),
            outcome.into(),
        ];
        let beside = first(self.sql, statements::USAGE_BESIDE, &place)?
            .map_or(Ok(0), |found| found.unsigned(0))?;
        if beside >= MOST_IN_BUCKET {
            (scope, outcome) = ("", "other");
        }
        let count = row.count.min(GREATEST);
        self.sql.query(
            statements::ADD_USAGE,
            &[
                start.into(),
                issued.into(),
                scope.into(),
                outcome.into(),
                in_days.into(),
                count.into(),
            ],
        )?;
        if row.outcome == ALLOWED {
            self.sql
                .query(statements::USED, &[issued.into(), at.0.into()])?;
        }
        Ok(())
    }

    /// A page of counts, oldest bucket first. Hours go back as far as they are
    /// kept.
    pub(super) fn list_usage(&self, asked: &ListUsage) -> Result<Outcome, CommandError> {
        let key = match &asked.key {
            None => None,
            Some(id) => match first(self.sql, statements::ISSUED, &[id.as_str().into()])? {
                Some(row) => Some(row.unsigned(0)?),
                None => return Ok(page(Vec::new(), None)),
            },
        };
        let after = asked.cursor.as_deref().map(Place::read).transpose()?;
        match asked.by {
            Span::Hour => self.list_hours(asked, key, after),
            Span::Day => self.list_days(asked, key, after),
        }
    }

    fn list_hours(
        &self,
        asked: &ListUsage,
        key: Option<Revision>,
        after: Option<Place>,
    ) -> Result<Outcome, CommandError> {
        // Before it there are only days, which need not be passed over.
        let from = asked.from.0.max(first_hours(self.now));
        let after = after.unwrap_or_default();
        let limit = asked.limit.get();
        let mut parameters: Vec<Value> = vec![
            (from - from % HOUR).into(),
            asked.to.0.into(),
            after.start.into(),
            after.issued.into(),
            after.scope.into(),
            after.outcome.into(),
            (limit + 1).into(),
        ];
        let text = match key {
            None => statements::LIST_HOURS,
            Some(issued) => {
                parameters.push(issued.into());
                statements::LIST_HOURS_OF_KEY
            }
        };
        let rows = self.sql.query(text, &parameters)?;
        let found = self.found(&rows, Span::Hour)?;
        Ok(cut(found, limit))
    }

    fn list_days(
        &self,
        asked: &ListUsage,
        key: Option<Revision>,
        after: Option<Place>,
    ) -> Result<Outcome, CommandError> {
        let limit = asked.limit.get();
        let mut found = Vec::new();
        let mut after = after.unwrap_or_default();
        let mut from = day_of(asked.from).max(after.start);
        while (found.len() as u64) <= limit {
            let mut range: Vec<Value> = vec![from.into(), asked.to.0.into()];
            range.extend(key.map(Value::from));
            let next = if key.is_some() {
                statements::NEXT_USAGE_OF_KEY
            } else {
                statements::NEXT_USAGE
            };
            let Some(row) = first(self.sql, next, &range)? else {
                break;
            };
            let start = day_of(instant(&row, 0)?);
            if start != after.start {
                after = Place::default();
            }
            let left = limit + 1 - found.len() as u64;
            let mut parameters: Vec<Value> = vec![
                start.into(),
                (start + DAY).into(),
                after.issued.into(),
                std::mem::take(&mut after.scope).into(),
                std::mem::take(&mut after.outcome).into(),
                left.into(),
            ];
            parameters.extend(key.map(Value::from));
            let text = if key.is_some() {
                statements::LIST_DAY_OF_KEY
            } else {
                statements::LIST_DAY
            };
            found.extend(self.found(&self.sql.query(text, &parameters)?, Span::Day)?);
            from = start + DAY;
        }
        Ok(cut(found, limit))
    }

    fn found(&self, rows: &[Row], by: Span) -> Result<Vec<(UsageRow, Revision)>, SqlError> {
        rows.iter()
            .map(|row| {
                let scope = row.text(3)?;
                let shown = UsageRow {
                    start: instant(row, 0)?,
                    by,
                    key: KeyId {
                        brand: self.keyring.brand(),
                        environment: word(row.text(2)?, "keys.environment")?,
                        public: public_id(row, 1)?,
                    },
                    scope: (!scope.is_empty()).then(|| scope.to_owned()),
                    outcome: row.text(4)?.to_owned(),
                    count: row.unsigned(5)?,
                };
                Ok((shown, row.unsigned(6)?))
            })
            .collect()
    }

    /// What a revocation of the key would hit.
    pub(super) fn impact(&self, id: &KeyId) -> Result<Outcome, CommandError> {
        let key = self.key(id)?;
        let hour = self.now.0 - self.now.0 % HOUR;
        let rows = self.sql.query(
            statements::ALLOWED,
            &[
                key.issued.into(),
                hour.saturating_sub(HOUR).into(),
                hour.saturating_sub(DAY).into(),
                hour.saturating_sub(30 * DAY).into(),
            ],
        )?;
        let window = |column: usize| -> Result<WindowUse, SqlError> {
            let mut used = WindowUse::default();
            for row in &rows {
                let count = row.unsigned(column)?;
                if count > 0 {
                    used.requests += count;
                    used.by_scope.insert(row.text(0)?.to_owned(), count);
                }
            }
            Ok(used)
        };
        let successor = match &key.replaced_by {
            Some(id) => Key::load(self.sql, id)?,
            None => None,
        };
        Ok(Outcome::Impact(Impact {
            key: *id,
            last_used_at: key.last_used_at,
            last_hour: window(1)?,
            last_day: window(2)?,
            last_30_days: window(3)?,
            successor: successor.map(|successor| Successor {
                id: successor.key_id(self.keyring.brand()),
                in_use: successor.last_used_at.is_some(),
                last_used_at: successor.last_used_at,
            }),
        }))
    }
}

/// The outcome of a request that was let through.
const ALLOWED: &str = "allowed";

fn check_batch(batch: &str, rows: &[UsageCount]) -> Result<(), Refusal> {
    if !(1..=64).contains(&batch.len()) || !batch.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Refusal::field("batch", "1 to 64 visible ASCII characters"));
    }
    if rows.len() > MOST_ROWS {
        return Err(Refusal::field("rows", "at most 2000 counts"));
    }
    rows.iter()
        .try_for_each(|row| check_code("rows.outcome", &row.outcome))
}

const fn day_of(at: Timestamp) -> u64 {
    at.0 - at.0 % DAY
}

/// The first day of which hours are kept.
const fn first_hours(now: Timestamp) -> u64 {
    day_of(now).saturating_sub(HOURS_KEPT * DAY)
}

/// Folds days whose hours are kept no longer, drops days that are, and forgets
/// old batches; whether there is more to fold.
pub(super) fn fold(sql: &dyn Sql, now: Timestamp) -> Result<bool, SqlError> {
    let oldest_batch = now.0.saturating_sub(BATCH_REMEMBERED);
    sql.query(statements::FORGET_BATCHES, &[oldest_batch.into()])?;
    let oldest_day = day_of(now).saturating_sub(DAYS_KEPT * DAY);
    sql.query(statements::FORGET_USAGE, &[oldest_day.into()])?;
    for _ in 0..FOLDED_AT_ONCE {
        let Some(row) = first(sql, statements::OLDEST_HOUR, &[])? else {
            return Ok(false);
        };
        let start = day_of(instant(&row, 0)?);
        if start >= first_hours(now) {
            return Ok(false);
        }
        let range = [start.into(), (start + DAY).into()];
        sql.transaction(&mut || {
            sql.query(statements::FOLD_HOURS, &range)?;
            sql.query(statements::DROP_HOURS, &range).map(|_| ())
        })?;
    }
    Ok(true)
}

/// Where a page ended. As text: base64url of `start issued scope outcome`, with
/// single spaces between; neither scopes nor outcomes hold one.
#[derive(Default)]
struct Place {
    start: u64,
    issued: Revision,
    scope: String,
    outcome: String,
}

impl Place {
    fn read(text: &str) -> Result<Self, Refusal> {
        let read = || {
            let bytes = Base64UrlUnpadded::decode_vec(text).ok()?;
            let text = String::from_utf8(bytes).ok()?;
            let mut parts = text.split(' ');
            let mut number = || {
                let number: u64 = parts.next()?.parse().ok()?;
                (number < 1 << 53).then_some(number)
            };
            let (start, issued) = (number()?, number()?);
            let (scope, outcome) = (parts.next()?.to_owned(), parts.next()?.to_owned());
            parts.next().is_none().then_some(Self {
                start,
                issued,
                scope,
                outcome,
            })
        };
        read().ok_or_else(|| {
            Refusal::field(
                "cursor",
                "`cursor` must be the `next_cursor` of the page before.",
            )
        })
    }

    fn write(row: &UsageRow, issued: Revision) -> String {
        let scope = row.scope.as_deref().unwrap_or_default();
        let text = format!("{} {issued} {scope} {}", row.start.0, row.outcome);
        Base64UrlUnpadded::encode_string(text.as_bytes())
    }
}

/// A page of what was found, of which there may be one more than fits.
fn cut(mut found: Vec<(UsageRow, Revision)>, limit: u64) -> Outcome {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = found.len() > limit;
    found.truncate(limit);
    let end = found.last().filter(|_| more);
    let next_cursor = end.map(|(row, issued)| Place::write(row, *issued));
    page(found.into_iter().map(|(row, _)| row).collect(), next_cursor)
}

const fn page(items: Vec<UsageRow>, next_cursor: Option<String>) -> Outcome {
    Outcome::Usage(Page { items, next_cursor })
}
