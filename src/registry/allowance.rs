//! A bound on what strangers can add to the audit: so many entries of a kind in a
//! period. What is beyond is counted, and the count goes on record once the period
//! is over.

use super::store::{meta, set_meta};
use crate::sql::{Sql, SqlError};
use crate::time::Timestamp;

/// How many entries of a kind there may be in a period.
pub(super) struct Allowance {
    /// Name in `meta`: the period that is counted, as a number of periods since 1970.
    pub(super) period: &'static str,
    /// Name in `meta`: entries of that period.
    pub(super) noted: &'static str,
    /// Name in `meta`: what was left out of it.
    pub(super) left_out: &'static str,
    /// Length of a period, in milliseconds.
    pub(super) length: u64,
    /// Most entries of a period.
    pub(super) most: u64,
}

/// What was left out of a period that is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct LeftOut {
    /// How many entries.
    pub(super) count: u64,
    /// When the period began.
    pub(super) since: Timestamp,
}

impl Allowance {
    /// What was left out of the last period that had entries, once it is over, and
    /// forgotten with that. To be called within the transaction that puts it on
    /// record.
    pub(super) fn settle(
        &self,
        sql: &dyn Sql,
        now: Timestamp,
    ) -> Result<Option<LeftOut>, SqlError> {
        let counted = meta(sql, self.period)?;
        let count = meta(sql, self.left_out)?;
        if count == 0 || now.0 / self.length <= counted {
            return Ok(None);
        }
        set_meta(sql, self.left_out, 0)?;
        Ok(Some(LeftOut {
            count,
            since: Timestamp(counted * self.length),
        }))
    }

    /// The room of the present period; [`Room::close`] keeps what was taken of it.
    /// To be called after [`settle`](Self::settle), within the same transaction.
    pub(super) fn open(&self, sql: &dyn Sql, now: Timestamp) -> Result<Room<'_>, SqlError> {
        let counted = meta(sql, self.period)?;
        // A clock that went back stays in the later period, whose room is used up.
        let period = (now.0 / self.length).max(counted);
        let noted = if period > counted {
            0
        } else {
            meta(sql, self.noted)?
        };
        Ok(Room {
            of: self,
            period,
            noted,
            left_out: meta(sql, self.left_out)?,
        })
    }

    /// Whether the period that was counted last is over.
    pub(super) fn is_over(&self, sql: &dyn Sql, now: Timestamp) -> Result<bool, SqlError> {
        Ok(now.0 / self.length > meta(sql, self.period)?)
    }

    /// What was left out of the present period so far.
    pub(super) fn left_out(&self, sql: &dyn Sql, now: Timestamp) -> Result<u64, SqlError> {
        if self.is_over(sql, now)? {
            return Ok(0);
        }
        meta(sql, self.left_out)
    }
}

/// The room of one period.
pub(super) struct Room<'a> {
    of: &'a Allowance,
    period: u64,
    noted: u64,
    left_out: u64,
}

impl Room<'_> {
    /// Whether another entry has room.
    pub(super) const fn is_left(&self) -> bool {
        self.noted < self.of.most
    }

    /// Takes room for an entry; `false` where none is left, and then it is counted.
    pub(super) fn take(&mut self) -> bool {
        let has_room = self.is_left();
        if has_room {
            self.noted += 1;
        } else {
            self.leave_out(1);
        }
        has_room
    }

    /// Counts what found no entry.
    pub(super) const fn leave_out(&mut self, count: u64) {
        self.left_out = self.left_out.saturating_add(count);
    }

    /// Keeps what was taken and counted: three writes, however much it was.
    pub(super) fn close(self, sql: &dyn Sql) -> Result<(), SqlError> {
        set_meta(sql, self.of.period, self.period)?;
        set_meta(sql, self.of.noted, self.noted)?;
        set_meta(sql, self.of.left_out, self.left_out)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeMap;

    use super::*;
    use crate::sql::{Row, Value};

    /// `meta` and nothing else.
    #[derive(Default)]
    struct Meta(RefCell<BTreeMap<String, Value>>);

    impl Sql for Meta {
        fn query(&self, _: &str, parameters: &[Value]) -> Result<Vec<Row>, SqlError> {
            match parameters {
                [Value::Text(name)] => {
                    let value = self.0.borrow().get(name).cloned();
                    Ok(value.into_iter().map(|value| Row(vec![value])).collect())
                }
                [Value::Text(name), value] => {
                    self.0.borrow_mut().insert(name.clone(), value.clone());
                    Ok(Vec::new())
                }
                other => panic!("{other:?}"),
            }
        }

        fn transaction(
            &self,
            work: &mut dyn FnMut() -> Result<(), SqlError>,
        ) -> Result<(), SqlError> {
            work()
        }
    }

    const ALLOWANCE: Allowance = Allowance {
        period: "period",
        noted: "noted",
        left_out: "left_out",
        length: 100,
        most: 2,
    };

    #[test]
    fn each_period_has_its_room_and_tells_what_the_one_before_left_out() {
        let meta = Meta::default();
        let take = |now| {
            let left_out = ALLOWANCE.settle(&meta, Timestamp(now)).unwrap();
            let left_out = left_out.map(|left_out| (left_out.count, left_out.since.0));
            let mut room = ALLOWANCE.open(&meta, Timestamp(now)).unwrap();
            let took = room.take();
            room.close(&meta).unwrap();
            (left_out, took)
        };
        for (now, told, has_room) in [
            (700, None, true),
            (710, None, true),
            (720, None, false),
            (799, None, false),
            // A clock that goes back finds no new room.
            (650, None, false),
            (900, Some((3, 700)), true),
            (901, None, true),
            (999, None, false),
            (1_000, Some((1, 900)), true),
            (1_100, None, true),
        ] {
            assert_eq!(take(now), (told, has_room), "{now}");
        }
    }
}
