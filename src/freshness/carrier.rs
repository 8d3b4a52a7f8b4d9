//! How an edge hears of urgent changes, and tells everybody who lent to it that it
//! is past them.
//!
//! A view remembers the places that gave it a lease: relays, and the change log
//! where it was asked directly. A [`Carrier`] keeps a watch open at the newest of
//! them, off every request's path, and says where the view stands to all of them
//! whenever an urgent change was taken over, **after** the view has taken it over.
//! The view's cursor never falls, and a record below its requirement is never
//! stored: so once a message with a cursor has left, no later request is decided
//! from memory below what the log required there. No clock is involved.
//!
//! The platform ends what outlives its request after 30 seconds. A carrier ends
//! itself before that, and a request that comes while it still runs starts the
//! next one early enough that every lease ends under an open watch. An isolate that
//! falls idle can thus still confirm, and nothing need be released.

use super::failover::Hop;
use super::follower::{Follower, PendingSync};
use super::holding::{HolderId, Holding};
use super::records::Record;
use super::sync::{Confirm, Cursor, SyncReply, Version};
use super::time::{EdgeClock, Millis, Reading};
use super::view::View;

/// How long a carrier runs: the platform ends it at 30 seconds.
pub const CARRIER: Millis = Millis(24_000);
/// How long nobody watches where that failed twice: a relay of an older version
/// cannot, or one is cut off.
const HOLD_OFF: Millis = Millis(5_000);
/// Places remembered: as many as [`Failover`](super::failover::Failover) asks.
const PLACES: usize = 4;

/// One place that gave a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Lender {
    place: Hop,
    /// Until when it counts on this view.
    until: Reading<EdgeClock>,
    /// The cursor it was told last.
    told: Option<Cursor>,
}

/// The places that lent to a view, and who tells them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Lenders {
    holder: HolderId,
    /// The newest last.
    lenders: Vec<Lender>,
    /// The last urgent change that the view has taken over.
    urgent: Option<Cursor>,
    /// The carrier in charge, and when it ends.
    running: Option<(u32, Reading<EdgeClock>)>,
    /// Carriers begun.
    begun: u32,
    /// When watching failed.
    failed_at: Option<Reading<EdgeClock>>,
}

impl Lenders {
    pub(super) const fn new(holder: HolderId) -> Self {
        Self {
            holder,
            lenders: Vec::new(),
            urgent: None,
            running: None,
            begun: 0,
            failed_at: None,
        }
    }

    /// Who asks, at the view's cursor.
    pub(super) const fn holding(&self, cursor: Option<Cursor>) -> Holding {
        Holding {
            id: self.holder,
            floor: cursor,
        }
    }

    /// A reply came, whatever becomes of it: it and every place that was asked
    /// before, and did not answer in time, may have granted a lease.
    pub(super) fn answered(
        &mut self,
        sync: &PendingSync<EdgeClock>,
        reply: &SyncReply,
        now: Reading<EdgeClock>,
    ) {
        let span = reply.bound_ms.wait().less(reply.age_ms);
        let grants = sync.sent.ahead_by(span) > now;
        let told = sync.request.holding.and_then(|holding| holding.floor);
        let last = sync.hops.len().saturating_sub(1);
        for (at, place) in sync.hops.iter().enumerate() {
            let known = self
                .lenders
                .iter()
                .position(|lender| lender.place == *place);
            let mut lender = match known {
                Some(known) => self.lenders.remove(known),
                None => Lender {
                    place: *place,
                    until: now,
                    // What it lent first, it lent at its own cursor.
                    told: (at == last).then_some(reply.cursor),
                },
            };
            if grants {
                lender.until = lender.until.max(now.ahead_by(reply.bound_ms.wait()));
            }
            if at == last && !is_past(lender.told, told) {
                lender.told = told;
            }
            self.lenders.push(lender);
        }
        self.lenders.retain(|lender| now < lender.until);
        let over = self.lenders.len().saturating_sub(PLACES);
        self.lenders.drain(..over);
    }

    /// The view has taken over an urgent change.
    pub(super) fn passed(&mut self, urgent: Cursor) {
        if !is_past(self.urgent, Some(urgent)) {
            self.urgent = Some(urgent);
        }
    }

    /// Who is to be told next; `beside` a watch that tells one of them itself.
    fn next_confirmation(
        &mut self,
        cursor: Cursor,
        beside: Option<Hop>,
        now: Reading<EdgeClock>,
    ) -> Option<Hop> {
        let urgent = self
            .urgent
            .filter(|urgent| urgent.incarnation == cursor.incarnation)?;
        let mut owed = self.lenders.iter_mut().filter(|lender| {
            now < lender.until
                && Some(lender.place) != beside
                && !is_past(lender.told, Some(urgent))
        });
        let lender = owed.next()?;
        lender.told = Some(cursor);
        Some(lender.place)
    }

    fn newest(&mut self, now: Reading<EdgeClock>) -> Option<&mut Lender> {
        self.lenders.last_mut().filter(|lender| now < lender.until)
    }
}

/// Whether whoever was told `told` knows of `place`, in the same life of the log.
fn is_past(told: Option<Cursor>, place: Option<Cursor>) -> bool {
    match (told, place) {
        (Some(told), Some(place)) => told.incarnation == place.incarnation && place.seq <= told.seq,
        (_, None) => true,
        (None, Some(_)) => false,
    }
}

/// One run of what keeps a watch open.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Carrier {
    number: u32,
    ends: Reading<EdgeClock>,
    /// When it watched last, and at which cursor.
    watched: Option<(Reading<EdgeClock>, Option<Cursor>)>,
    /// Watches that failed one after the other.
    failures: u8,
}

impl Carrier {
    /// The watch failed: nobody answered, or with nothing.
    pub fn failed(&mut self) {
        self.failures += 1;
    }

    /// The watch was answered, and the view has the reply.
    pub fn answered(&mut self) {
        self.failures = 0;
    }
}

/// What a carrier does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this as a [`Watch`](super::sync::Watch); then [`View::accept`] and
    /// [`Carrier::answered`], or [`Carrier::failed`].
    Watch {
        /// Where.
        to: Hop,
        /// What is asked.
        sync: Box<PendingSync<EdgeClock>>,
        /// How long it may be held.
        hold: Millis,
    },
    /// Send this beside the rest; if it fails, [`View::confirmation_failed`].
    Confirm(Hop, Confirm),
    /// Not before this time.
    Pause(Millis),
    /// It is over.
    Done,
}

impl<R: Record> View<R> {
    /// Whether a request that was just decided should leave a carrier running: the
    /// view holds a lease, and no carrier runs for long enough.
    #[must_use]
    pub fn should_carry(&self, now: Reading<EdgeClock>) -> bool {
        let Some(lenders) = &self.lenders else {
            return false;
        };
        let lease = self
            .follower
            .proof()
            .map_or(Millis::ZERO, |proof| proof.bound.wait());
        let enough = lease.min(Millis(CARRIER.0 / 2));
        let held = lenders
            .lenders
            .last()
            .is_some_and(|lender| now < lender.until);
        let failed = lenders
            .failed_at
            .is_some_and(|at| at <= now && now.since(&at) < HOLD_OFF);
        let runs = lenders.running.is_some_and(|(_, ends)| {
            let left = ends.since(&now);
            enough <= left && left <= CARRIER
        });
        held && !failed && !runs
    }

    /// Begins a carrier; the one that runs ends with its present watch.
    pub fn begin_carrier(&mut self, now: Reading<EdgeClock>) -> Option<Carrier> {
        self.follower.observe(now);
        if !self.should_carry(now) {
            return None;
        }
        let lenders = self.lenders.as_mut()?;
        let ends = now.ahead_by(CARRIER);
        lenders.begun = lenders.begun.wrapping_add(1);
        lenders.running = Some((lenders.begun, ends));
        Some(Carrier {
            number: lenders.begun,
            ends,
            watched: None,
            failures: 0,
        })
    }

    /// What a carrier does next.
    pub fn next_step(&mut self, carrier: &mut Carrier, now: Reading<EdgeClock>) -> Step {
        self.follower.observe(now);
        let cursor = self.follower.cursor();
        let Some(lenders) = &mut self.lenders else {
            return Step::Done;
        };
        if lenders.running.map(|(number, _)| number) != Some(carrier.number) {
            return Step::Done;
        }
        let left = carrier.ends.since(&now);
        let newest = lenders.newest(now).map(|lender| lender.place);
        let (Some(to), Some(at)) = (newest, cursor) else {
            lenders.running = None;
            return Step::Done;
        };
        if left == Millis::ZERO || left > CARRIER || carrier.failures > 1 {
            lenders.failed_at = (carrier.failures > 1).then_some(now);
            lenders.running = None;
            return Step::Done;
        }
        // The newest is told by the watch.
        if let Some(to) = lenders.next_confirmation(at, Some(to), now) {
            let holding = lenders.holding(cursor);
            return Step::Confirm(to, confirm(holding));
        }
        if let Some((before, seen)) = carrier.watched
            && seen == cursor
            && before <= now
            && now.since(&before) < Follower::<EdgeClock>::PAUSE
        {
            let pause = Follower::<EdgeClock>::PAUSE.less(now.since(&before));
            return Step::Pause(pause);
        }
        carrier.watched = Some((now, cursor));
        if let Some(lender) = lenders.newest(now) {
            lender.told = cursor;
        }
        let mut sync = self.request(Vec::new(), false, now);
        sync.sent_to(to, now);
        Step::Watch {
            to,
            sync: Box::new(sync),
            hold: left,
        }
    }

    /// Whom to tell, where no carrier does: to be asked for after every reply, until
    /// nobody is left. The place where a watch is open is told too: the watch may have
    /// ended in silence.
    pub fn next_confirmation(&mut self, now: Reading<EdgeClock>) -> Option<(Hop, Confirm)> {
        self.follower.observe(now);
        let cursor = self.follower.cursor()?;
        let lenders = self.lenders.as_mut()?;
        let to = lenders.next_confirmation(cursor, None, now)?;
        Some((to, confirm(lenders.holding(Some(cursor)))))
    }

    /// A confirmation did not arrive: it is due again.
    pub fn confirmation_failed(&mut self, place: Hop) {
        let lenders = self
            .lenders
            .iter_mut()
            .flat_map(|lenders| &mut lenders.lenders);
        for lender in lenders.filter(|lender| lender.place == place) {
            lender.told = None;
        }
    }
}

const fn confirm(holding: Holding) -> Confirm {
    Confirm {
        v: Version::CURRENT,
        holding,
    }
}
