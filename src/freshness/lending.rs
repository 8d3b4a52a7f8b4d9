//! What a relay's leases come to: those it gave its edges, and its own at the log.

use super::account::Account;
use super::holding::{HolderId, Holding};
use super::sync::Cursor;
use super::time::{Reading, RelayClock};

/// The leases a relay gave and holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lending {
    /// As whom it holds its own.
    pub holder: HolderId,
    /// Its edges'.
    pub account: Account<RelayClock>,
    /// The floor that the log was told last.
    pub(super) told: Option<Cursor>,
    /// When it last sent a watch to the log, and at which place.
    pub(super) watched: Option<(Reading<RelayClock>, Option<Cursor>)>,
}

impl Lending {
    /// Of a relay that has given no lease yet.
    pub(super) const fn new(holder: HolderId, holders: usize) -> Self {
        Self {
            holder,
            account: Account::new(holders),
            told: None,
            watched: None,
        }
    }

    /// Whether the log is to be told once the floor passes the last urgent change;
    /// none where nothing is urgent.
    pub(super) fn owes(&self, own: Cursor) -> Option<bool> {
        let urgent = self.account.urgent(own.incarnation)?;
        let knows = |told: Cursor| told.incarnation == own.incarnation && told.seq >= urgent;
        Some(!self.told.is_some_and(knows))
    }

    /// What the log is to be told now; it counts as told.
    pub(super) fn confirmation(
        &mut self,
        own: Cursor,
        now: Reading<RelayClock>,
    ) -> Option<Holding> {
        let urgent = self.account.urgent(own.incarnation)?;
        if !self.owes(own)? {
            return None;
        }
        if self.account.is_below(urgent, now) {
            return None;
        }
        let floor = self.account.floor(own, now)?;
        if floor.seq < urgent {
            return None;
        }
        self.told = Some(floor);
        Some(Holding {
            id: self.holder,
            floor: Some(floor),
        })
    }
}
