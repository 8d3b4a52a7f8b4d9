//! One sync of the view with the change log: relay after relay, then the log
//! itself, until one answers.

use crate::freshness::failover::{Failover, Hop};
use crate::freshness::follower::{Accepted, PendingSync};
use crate::freshness::records::Record;
use crate::freshness::view::{Refresh, View};
use crate::freshness::{EdgeClock, Millis, Reading, SyncReply, SyncRequest};

/// A sync under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FailoverSync {
    pending: PendingSync<EdgeClock>,
    hops: Failover,
    began: Reading<EdgeClock>,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncStep {
    /// Send [`FailoverSync::request`] there. What comes later than the deadline, in
    /// milliseconds, is dropped.
    Send(Hop, Millis),
    /// It is over: what became of the reply; none where nobody answered.
    Done(Option<Accepted>),
}

impl FailoverSync {
    /// Begins at the first of `hops`.
    #[must_use]
    pub const fn new(
        pending: PendingSync<EdgeClock>,
        hops: Failover,
        now: Reading<EdgeClock>,
    ) -> Self {
        Self {
            pending,
            hops,
            began: now,
        }
    }

    /// Renews the view's proof for the requests to come, off the path of the one
    /// that was just decided; `None` where somebody is at it.
    pub fn in_background<R: Record>(
        view: &mut View<R>,
        hops: Failover,
        now: Reading<EdgeClock>,
    ) -> Option<Self> {
        match view.begin_refresh(now) {
            Refresh::Send(pending) => Some(Self::new(pending, hops, now)),
            Refresh::Wait(_) | Refresh::Failing => None,
        }
    }

    /// What to send.
    #[must_use]
    pub const fn request(&self) -> &SyncRequest {
        &self.pending.request
    }

    /// Takes the reply to the last sending; `None` at the beginning, and where the
    /// hop did not answer. An earlier hop's reply must never come here: the proof
    /// counts from the last sending.
    pub fn next<R: Record>(
        &mut self,
        view: &mut View<R>,
        reply: Option<&SyncReply>,
        now: Reading<EdgeClock>,
    ) -> SyncStep {
        view.observe(now);
        if let Some(reply) = reply {
            return SyncStep::Done(Some(view.accept(&self.pending, reply, now)));
        }
        match self.hops.next(now.since(&self.began)) {
            Some((hop, deadline)) => {
                self.pending.sent_to(hop, now);
                SyncStep::Send(hop, deadline)
            }
            None => {
                view.failed(&self.pending, now);
                SyncStep::Done(None)
            }
        }
    }
}
