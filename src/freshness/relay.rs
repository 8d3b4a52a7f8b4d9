//! The relay: stands in a region between its edges and the change log, so that
//! the log answers a few relays rather than thousands of isolates.
//!
//! It keeps the recent changes, so that an edge's cursor can be continued, and
//! the revisions of the subjects its edges follow, so that an isolate that
//! starts beside others costs the log nothing. All of it is in memory: after
//! an eviction it starts from the log's head, and resets edges whose cursor is
//! before that. It never guesses: what it does not know it asks the log.
//!
//! The object calls [`Relay::serve`] for each request until there is a reply:
//!
//! ```text
//! loop { match relay.serve(&request, arrived, now) {
//!     Reply(reply)      => send it
//!     SyncWithLog(sync) => ask the log, then relay.accept(…) or relay.failed(…)
//!     Wait(ms)          => look again when the state has changed, or after ms
//!     Unavailable       => 503: the edge goes elsewhere
//! } }
//! ```

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::account::AccountStatus;
use super::follower::{Accepted, Follower, PendingSync, Proof, Turn};
use super::holding::{HolderId, Holding};
use super::lending::Lending;
use super::sync::{
    Change, Confirm, Cursor, Requirement, Revision, SyncReply, SyncRequest, Version,
};
use super::time::{Millis, Reading, RelayClock};
use crate::key::Subject;

/// Changes the relay keeps: as many as one reply may carry, since an edge
/// further behind is reset. About 60 kB.
const WINDOW: usize = SyncReply::MAX_CHANGES;

/// Subjects followed in each half of [`Followed`]: about 10 MB in all, of an
/// object's 128.
const FOLLOWED: usize = 50_000;

/// What to do with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Serve {
    /// Send this.
    Reply(SyncReply),
    /// Ask the change log, and report with [`Relay::accept`] or
    /// [`Relay::failed`].
    SyncWithLog(PendingSync<RelayClock>),
    /// Another request to the log is under way. Call again when it is back, after
    /// this time at the latest.
    Wait(Millis),
    /// There is nothing to tell a watch yet. Call again when [`Relay::accept`] brings
    /// something urgent, and when its hold is over.
    Hold,
    /// The log cannot be reached, and the proof is too old.
    Unavailable,
}

/// What the relay does to hear of urgent changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Upkeep {
    /// Send this as a [`Watch`](super::sync::Watch) held for [`Relay::HOLD`], and
    /// report with [`Relay::accept`]; a failed one needs no report.
    Watch(PendingSync<RelayClock>),
    /// Not before this time.
    Pause(Millis),
    /// Nobody holds a lease: there is nothing to hear for anybody.
    Idle,
}

/// The state of one relay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Relay {
    follower: Follower<RelayClock>,
    /// Whom it gave leases; none where time alone decides.
    pub account: Option<Lending>,
    /// Changes after `window_from`, up to the cursor.
    window: VecDeque<Change>,
    window_from: u64,
    followed: Followed,
    /// Subjects somebody asked for and the log has not been asked about.
    wanted: BTreeSet<Subject>,
}

impl Relay {
    /// How long the log may hold the relay's watch.
    pub const HOLD: Millis = Millis(20_000);
    /// The least time between two watches at the log: changes that follow each
    /// other faster are passed on together.
    const GATHER: Millis = Millis(20);
    /// What each holder adds to it. All of them come back at once, and a relay
    /// answers about a thousand requests a second: half of them remain for the rest.
    const GATHER_FOR_EACH: u64 = 2;

    /// A relay that knows nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps account of at most `holders`, and holds leases from the log as
    /// `holder`; without it, time alone decides.
    #[must_use]
    pub fn with_confirmations(mut self, holder: HolderId, holders: usize) -> Self {
        self.account = Some(Lending::new(holder, holders));
        self
    }

    /// What the status shows of its edges' leases.
    pub fn lending(&mut self, now: Reading<RelayClock>) -> AccountStatus {
        let lending = self.account.as_mut();
        lending.map_or_else(AccountStatus::default, |lending| {
            lending.account.status(now)
        })
    }

    /// The age of the relay's proof.
    #[must_use]
    pub fn age(&self, now: Reading<RelayClock>) -> Option<Millis> {
        self.follower.age(now)
    }

    /// Answers a request, or says what must happen first. `arrived` is the reading
    /// when the request came in, `now` the present one.
    pub fn serve(
        &mut self,
        request: &SyncRequest,
        arrived: Reading<RelayClock>,
        now: Reading<RelayClock>,
    ) -> Serve {
        self.observe(request, now);
        let unknown = self.note_unknown(request);
        if let (Some(cursor), Some(proof)) = (self.follower.cursor(), self.follower.proof()) {
            let age = now.since(&proof.at);
            // A cursor this relay is behind of, or of another incarnation, may
            // be right: only a reply requested after it came can tell.
            let settled = proof.at >= arrived
                || request.cursor.is_none_or(|asked| {
                    asked.incarnation == cursor.incarnation && !cursor.is_behind(&asked)
                });
            let young = age <= proof.bound.quarter();
            let failing = self.follower.is_failing(now) && proof.bound.covers(age);
            if !unknown && settled && (young || proof.at >= arrived || failing) {
                return Serve::Reply(self.reply(request, cursor, proof, arrived, now));
            }
        }
        match self.follower.take_turn(now) {
            Turn::Taken(until) => Serve::Wait(until),
            Turn::Failing => Serve::Unavailable,
            Turn::Yours => {
                let wanted = self.wanted.iter().take(SyncRequest::MAX_SUBJECTS);
                let subjects = wanted.copied().collect();
                Serve::SyncWithLog(self.request(subjects, true, now))
            }
        }
    }

    /// Answers a request that may be held, or says what must happen first: it is
    /// time where something urgent changed since the request's cursor, where the
    /// cursor cannot be continued, and when the hold is `over`. What changed is told
    /// however old the relay's proof is: an old one grants nothing.
    pub fn watch(
        &mut self,
        request: &SyncRequest,
        arrived: Reading<RelayClock>,
        over: bool,
        now: Reading<RelayClock>,
    ) -> Serve {
        self.observe(request, now);
        let known = self.follower.cursor().zip(self.follower.proof());
        let (Some(lending), Some(asked), Some((cursor, proof))) =
            (&self.account, request.cursor, known)
        else {
            return self.serve(request, arrived, now);
        };
        if asked.incarnation != cursor.incarnation {
            return self.serve(request, arrived, now);
        }
        let ahead = cursor.is_behind(&asked);
        let is_time = asked.seq < self.window_from || lending.account.is_urgent_above(asked);
        match (ahead, is_time || over) {
            (false, true) => Serve::Reply(self.reply(request, cursor, proof, arrived, now)),
            // Nothing to tell it that it does not know.
            (true, _) if over => Serve::Unavailable,
            _ => Serve::Hold,
        }
    }

    /// A holder says what it no longer decides on.
    pub fn confirm(&mut self, holding: &Holding, now: Reading<RelayClock>) {
        self.follower.observe(now);
        if let Some(lending) = &mut self.account {
            lending.account.observe(now);
            lending.account.confirmed(holding);
        }
    }

    /// What the log is to be told now: the floor has passed the last urgent change,
    /// and the log does not know. To be asked for after every event; changes that
    /// follow each other are confirmed by one message.
    pub fn confirmation(&mut self, now: Reading<RelayClock>) -> Option<Confirm> {
        self.follower.observe(now);
        let own = self.follower.cursor()?;
        let holding = self.account.as_mut()?.confirmation(own, now)?;
        Some(Confirm {
            v: Version::CURRENT,
            holding,
        })
    }

    /// The confirmation did not arrive: it is due again.
    pub fn confirmation_failed(&mut self) {
        if let Some(lending) = &mut self.account {
            lending.told = None;
        }
    }

    /// What to do next to hear of urgent changes. One watch is open at the log while
    /// anybody holds a lease, and none otherwise: it keeps an object in memory.
    pub fn upkeep(&mut self, now: Reading<RelayClock>) -> Upkeep {
        self.follower.observe(now);
        let cursor = self.follower.cursor();
        let Some(lending) = &mut self.account else {
            return Upkeep::Idle;
        };
        let holders = lending.account.holders(now);
        if cursor.is_none() || holders == 0 {
            return Upkeep::Idle;
        }
        let pause = match lending.watched {
            Some((_, seen)) if seen == cursor => Follower::<RelayClock>::PAUSE,
            _ => Millis(Self::GATHER.0 + Self::GATHER_FOR_EACH * holders as u64),
        };
        if let Some((at, _)) = lending.watched
            && at <= now
            && now.since(&at) < pause
        {
            return Upkeep::Pause(pause.less(now.since(&at)));
        }
        lending.watched = Some((now, cursor));
        Upkeep::Watch(self.request(Vec::new(), false, now))
    }

    /// Until the next lease is over: the floor may rise by that, without a message,
    /// and [`Self::confirmation`] is to be asked for. None where the log is told all.
    pub fn next_expiry(&mut self, now: Reading<RelayClock>) -> Option<Millis> {
        self.follower.observe(now);
        let own = self.follower.cursor()?;
        let lending = self.account.as_mut()?;
        lending.account.observe(now);
        if !lending.owes(own)? {
            return None;
        }
        lending.account.next_expiry(now)
    }

    /// Takes over the log's reply; whether it brings something urgent, for which
    /// watches are held.
    pub fn accept(
        &mut self,
        sync: &PendingSync<RelayClock>,
        reply: &SyncReply,
        now: Reading<RelayClock>,
    ) -> bool {
        let before = self.follower.cursor();
        let accepted = self.follower.accept(sync, reply, now);
        // What a reset leaves out may have been urgent.
        let urgent = match accepted {
            Accepted::Reset => Some(reply.cursor.seq),
            _ => reply.urgent,
        };
        match accepted {
            Accepted::Discarded => return false,
            Accepted::Reset => self.start_window(reply.cursor),
            Accepted::Advanced => match before {
                None => self.start_window(reply.cursor),
                Some(before) => self.extend_window(before, &reply.changes),
            },
        }
        for required in &reply.required {
            self.wanted.remove(&required.subject);
            self.followed.insert(required.subject, required.revision);
        }
        let (Some(lending), Some(seq)) = (&mut self.account, urgent) else {
            return false;
        };
        let before = lending.account.urgent(reply.cursor.incarnation);
        lending.account.observe(now);
        lending.account.urge(Cursor {
            seq,
            ..reply.cursor
        });
        before != Some(seq)
    }

    /// The log could not be reached.
    pub fn failed(&mut self, sync: &PendingSync<RelayClock>, now: Reading<RelayClock>) {
        self.follower.failed(sync, now);
        // Whoever still wants a subject asks again.
        self.wanted.clear();
    }

    /// Notes what must be asked of the log; whether there is anything.
    fn note_unknown(&mut self, request: &SyncRequest) -> bool {
        let mut unknown = false;
        for subject in request.subjects.iter().take(SyncRequest::MAX_SUBJECTS) {
            if self.followed.touch(*subject).is_none() {
                self.wanted.insert(*subject);
                unknown = true;
            }
        }
        unknown
    }

    /// Takes note of a reading, and of what a request says of its sender.
    fn observe(&mut self, request: &SyncRequest, now: Reading<RelayClock>) {
        self.follower.observe(now);
        if let Some(lending) = &mut self.account {
            lending.account.observe(now);
            if let Some(holding) = &request.holding {
                lending.account.confirmed(holding);
            }
        }
    }

    /// A request to the log, which says what the relay and its edges no longer
    /// decide on.
    fn request(
        &mut self,
        subjects: Vec<Subject>,
        holds_turn: bool,
        now: Reading<RelayClock>,
    ) -> PendingSync<RelayClock> {
        let mut sync = self.follower.request(subjects, holds_turn, now);
        let own = self.follower.cursor();
        sync.request.holding = self.account.as_mut().map(|lending| Holding {
            id: lending.holder,
            floor: own.and_then(|own| lending.account.floor(own, now)),
        });
        sync
    }

    /// The reply that leaves now; its lease is entered in the account.
    fn reply(
        &mut self,
        request: &SyncRequest,
        cursor: Cursor,
        proof: Proof<RelayClock>,
        arrived: Reading<RelayClock>,
        now: Reading<RelayClock>,
    ) -> SyncReply {
        let changes = match request.cursor {
            None => Some(Vec::new()),
            Some(asked) => self.changes_since(asked, cursor),
        };
        let subjects = request.subjects.iter().take(SyncRequest::MAX_SUBJECTS);
        let lending = self.account.as_mut();
        let reply = SyncReply {
            v: Version::CURRENT,
            reset: changes.is_none(),
            cursor,
            age_ms: now.since(&proof.at),
            bound_ms: proof.bound,
            changes: changes.unwrap_or_default(),
            required: subjects
                .filter_map(|subject| {
                    let revision = self.followed.revision_of(*subject)?;
                    Some(Requirement {
                        subject: *subject,
                        revision,
                    })
                })
                .collect(),
            urgent: (lending.as_ref())
                .and_then(|lending| lending.account.urgent(cursor.incarnation)),
        };
        if let Some(lending) = lending {
            let holding = request.holding.as_ref();
            lending.account.granted(holding, &reply, arrived, now);
        }
        reply
    }

    /// The changes a sender at `asked` lacks; none if it cannot be continued.
    fn changes_since(&self, asked: Cursor, cursor: Cursor) -> Option<Vec<Change>> {
        let kept = asked.incarnation == cursor.incarnation
            && asked.seq >= self.window_from
            && asked.seq <= cursor.seq;
        if !kept {
            return None;
        }
        let from = self
            .window
            .partition_point(|change| change.seq <= asked.seq);
        Some(self.window.range(from..).copied().collect())
    }

    /// Nothing before `cursor` is known any more.
    fn start_window(&mut self, cursor: Cursor) {
        self.window.clear();
        self.window_from = cursor.seq;
        self.followed = Followed::default();
    }

    fn extend_window(&mut self, before: Cursor, changes: &[Change]) {
        for change in changes.iter().filter(|change| change.seq > before.seq) {
            self.followed.raise(change.subject, change.revision);
            self.window.push_back(*change);
        }
        while self.window.len() > WINDOW {
            if let Some(dropped) = self.window.pop_front() {
                self.window_from = dropped.seq;
            }
        }
    }
}

/// Revisions of the subjects asked for lately, in two halves: when the young
/// half is full it becomes the old one, and what nobody asked for since is
/// forgotten. Forgetting costs one request to the log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Followed {
    young: BTreeMap<Subject, Revision>,
    old: BTreeMap<Subject, Revision>,
}

impl Followed {
    fn revision_of(&self, subject: Subject) -> Option<Revision> {
        let revision = self.young.get(&subject).or_else(|| self.old.get(&subject));
        revision.copied()
    }

    /// The same, and keeps the subject for longer.
    fn touch(&mut self, subject: Subject) -> Option<Revision> {
        if let Some(revision) = self.old.remove(&subject) {
            self.insert(subject, revision);
        }
        self.revision_of(subject)
    }

    fn insert(&mut self, subject: Subject, revision: Revision) {
        if self.young.len() >= FOLLOWED {
            self.old = std::mem::take(&mut self.young);
        }
        self.old.remove(&subject);
        self.young.insert(subject, revision);
    }

    fn raise(&mut self, subject: Subject, to: Revision) {
        for half in [&mut self.young, &mut self.old] {
            if let Some(revision) = half.get_mut(&subject) {
                *revision = to.max(*revision);
            }
        }
    }
}
