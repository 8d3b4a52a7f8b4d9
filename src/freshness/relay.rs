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

use super::follower::{Accepted, Follower, PendingSync, Proof, Turn};
use super::sync::{Change, Cursor, Requirement, Revision, SyncReply, SyncRequest, Version};
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
    /// The log cannot be reached, and the proof is too old.
    Unavailable,
}

/// The state of one relay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Relay {
    follower: Follower<RelayClock>,
    /// Changes after `window_from`, up to the cursor.
    window: VecDeque<Change>,
    window_from: u64,
    followed: Followed,
    /// Subjects somebody asked for and the log has not been asked about.
    wanted: BTreeSet<Subject>,
}

impl Relay {
    /// A relay that knows nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The age of the relay's proof, for the status.
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
        self.follower.observe(now);
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
                return Serve::Reply(self.reply(request, cursor, proof, age));
            }
        }
        match self.follower.take_turn(now) {
            Turn::Taken(until) => Serve::Wait(until),
            Turn::Failing => Serve::Unavailable,
            Turn::Yours => {
                let wanted = self.wanted.iter().take(SyncRequest::MAX_SUBJECTS);
                let subjects = wanted.copied().collect();
                Serve::SyncWithLog(self.follower.request(subjects, true, now))
            }
        }
    }

    /// Takes over the log's reply.
    pub fn accept(
        &mut self,
        sync: &PendingSync<RelayClock>,
        reply: &SyncReply,
        now: Reading<RelayClock>,
    ) {
        let before = self.follower.cursor();
        match self.follower.accept(sync, reply, now) {
            Accepted::Discarded => return,
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

    fn reply(
        &self,
        request: &SyncRequest,
        cursor: Cursor,
        proof: Proof<RelayClock>,
        age: Millis,
    ) -> SyncReply {
        let changes = match request.cursor {
            None => Some(Vec::new()),
            Some(asked) => self.changes_since(asked, cursor),
        };
        let subjects = request.subjects.iter().take(SyncRequest::MAX_SUBJECTS);
        SyncReply {
            v: Version::CURRENT,
            reset: changes.is_none(),
            cursor,
            age_ms: age,
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
        }
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
