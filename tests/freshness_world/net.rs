//! Messages in flight: delivered in any order, late, twice or never.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash};

use katalo_keys::freshness::append::{Await, Floor, RestoreCheck, RestoreCheckReply};
use katalo_keys::freshness::enforcer::Enforcer;
use katalo_keys::freshness::failover::Hop;
use katalo_keys::freshness::follower::PendingSync;
use katalo_keys::freshness::restore_guard::RestoreGuard;
use katalo_keys::freshness::sync::Confirm;
use katalo_keys::freshness::{
    Ack, Append, EdgeClock, Reading, RelayClock, Revision, Subject, SyncReply, SyncRequest,
};
use katalo_keys::verify::authorization::sync::FailoverSync;

use super::Rec;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Node {
    Log,
    Relay(u8),
    Edge(u8),
    Registry(u8),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Body {
    SyncRequest(SyncRequest),
    SyncReply(SyncReply),
    /// The relay has nothing proven to say.
    Unavailable,
    /// The same request, which may be held.
    Watch(SyncRequest),
    Confirm(Confirm),
    Await(Await),
    Floor(Floor),
    Append(Append),
    Ack(Ack),
    RestoreCheck(RestoreCheck),
    RestoreCheckReply(RestoreCheckReply),
    /// A strong read of a key and its organization, and what the edge knows to
    /// be required of each.
    Read([(Subject, Revision); 2]),
    /// Both records, and whether they may be kept.
    Records([Rec; 2], bool),
}

/// Whom an answer is for, and what its machine remembers until then; it travels with
/// the messages and is touched by nobody else. The number is the life of the sending
/// process.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Context {
    /// Whoever waits at the edge for this very sending.
    Edge(u32, FailoverSync),
    /// The request for this key that arrived then.
    EdgeRead(u32, Subject, Reading<EdgeClock>),
    /// The edge's carrier of this number.
    EdgeWatch(u32, u32, Box<PendingSync<EdgeClock>>),
    EdgeConfirm(u32, Hop),
    Relay(u32, PendingSync<RelayClock>),
    RelayWatch(u32, PendingSync<RelayClock>),
    RelayConfirm(u32),
    /// The call that awaits the floor.
    Await(u32, Enforcer, Subject),
    /// The append, and for whose call it is.
    Enforcer(u32, Enforcer, Append, Option<Subject>),
    RestoreGuard(u32, RestoreGuard, Then),
}

/// What a registry does once it may serve.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Then {
    /// Append what the log does not know, and settle what is enforced.
    Alarm,
    /// Answer a strong read.
    Read(Box<Message>),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Message {
    pub from: Node,
    pub to: Node,
    pub body: Body,
    pub context: Context,
}

impl Message {
    pub fn reply(self, body: Body) -> Self {
        Self {
            from: self.to,
            to: self.from,
            body,
            context: self.context,
        }
    }

    /// What a strong read is of.
    pub fn reads(&self) -> [(Subject, Revision); 2] {
        match self.body {
            Body::Read(reads) => reads,
            _ => unreachable!("no read"),
        }
    }

    pub fn is_request(&self) -> bool {
        matches!(
            self.body,
            Body::SyncRequest(_)
                | Body::Watch(_)
                | Body::Confirm(_)
                | Body::Await(_)
                | Body::Append(_)
                | Body::RestoreCheck(_)
                | Body::Read(..)
        )
    }
}

/// The messages in flight, by a number made from their content, so that two
/// histories with the same messages in flight are one state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Net(BTreeMap<u64, Message>);

impl Net {
    pub fn send(&mut self, message: Message, limit: usize) {
        if self.0.len() < limit {
            let hasher = BuildHasherDefault::<DefaultHasher>::default();
            self.0.insert(hasher.hash_one(&message), message);
        }
    }

    pub fn take(&mut self, id: u64) -> Option<Message> {
        self.0.remove(&id)
    }

    pub fn get(&self, id: u64) -> Option<&Message> {
        self.0.get(&id)
    }

    pub fn iter(&self) -> impl Iterator<Item = (u64, &Message)> {
        self.0.iter().map(|(id, message)| (*id, message))
    }

    pub fn lose(&mut self, which: impl Fn(&Message) -> bool) {
        self.0.retain(|_, message| !which(message));
    }
}
