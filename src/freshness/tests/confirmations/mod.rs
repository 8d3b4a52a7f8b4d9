//! Changes that are enforced because nobody decides below them any more: at the log,
//! at a relay and at a registry.

mod log;
mod registry;
mod relay;

use std::rc::Rc;

use super::sqlite::Sqlite;
use super::{V, change, cursor, key, organization, reply};
use crate::freshness::account::Account;
use crate::freshness::append::{Await, Floor, RestoreCheckReply};
use crate::freshness::change_log::ChangeLog;
use crate::freshness::commit_wait::{CommitWait, Enforcement, PendingChange};
use crate::freshness::follower::PendingSync;
use crate::freshness::holding::{HolderId, Holding};
use crate::freshness::message::{
    LenderReply, LenderRequest, LogReply, LogRequest, RelayReply, RelayRequest,
};
use crate::freshness::relay::{Relay, Serve, Upkeep};
use crate::freshness::sql_log::{SqlLog, create_tables};
use crate::freshness::sync::{Confirm, Watch, pinned};
use crate::freshness::{
    Ack, Append, Cursor, Incarnation, Millis, Reading, RelayClock, Revision, SyncReply, SyncRequest,
};

const WAIT: u64 = 5_151;

fn holder(number: u8) -> HolderId {
    HolderId::from_random([number; 12])
}

fn holding(number: u8, floor: Option<u64>) -> Holding {
    Holding {
        id: holder(number),
        floor: floor.map(cursor),
    }
}

fn confirm(number: u8, floor: u64) -> Confirm {
    Confirm {
        v: V,
        holding: holding(number, Some(floor)),
    }
}

fn request(at: Option<u64>, holding: Option<Holding>) -> SyncRequest {
    SyncRequest {
        v: V,
        cursor: at.map(cursor),
        subjects: Vec::new(),
        holding,
    }
}

fn append(number: u64, revision: u64, waits: bool) -> Append {
    Append {
        v: V,
        subject: key(number),
        revision: Revision(revision),
        keys_revoked_through: None,
        waits,
    }
}

#[test]
fn the_messages_are_pinned() {
    let watch = Watch {
        request: request(Some(4), Some(holding(1, Some(4)))),
        hold_ms: Millis(24_000),
    };
    let asked = r#"{"request":{"v":1,"cursor":{"incarnation":1,"seq":4},"subjects":[],"holding":{"id":"010101010101010101010101","floor":{"incarnation":1,"seq":4}}},"hold_ms":24000}"#;
    pinned(&watch, asked);
    pinned(
        &LogRequest::Watch(watch.clone()),
        &format!(r#"{{"watch":{asked}}}"#),
    );
    pinned(
        &RelayRequest::Watch(watch.clone()),
        &format!(r#"{{"watch":{asked}}}"#),
    );
    // What an edge says to whoever lends is what both read.
    pinned(
        &LenderRequest::Watch(watch),
        &format!(r#"{{"watch":{asked}}}"#),
    );
    let sync = LenderRequest::Sync(request(Some(4), None));
    let ask = r#"{"ask":{"v":1,"cursor":{"incarnation":1,"seq":4},"subjects":[]}}"#;
    pinned(&sync, ask);
    pinned(&LenderReply::Unavailable {}, r#"{"unavailable":{}}"#);
    pinned(&LenderReply::Confirmed {}, r#"{"confirmed":{}}"#);
    let said = r#"{"confirm":{"v":1,"holding":{"id":"010101010101010101010101","floor":{"incarnation":1,"seq":4}}}}"#;
    pinned(&LogRequest::Confirm(confirm(1, 4)), said);
    pinned(&RelayRequest::Confirm(confirm(1, 4)), said);
    pinned(&LenderRequest::Confirm(confirm(1, 4)), said);
    pinned(&LogReply::Confirmed {}, r#"{"confirmed":{}}"#);
    pinned(&RelayReply::Confirmed {}, r#"{"confirmed":{}}"#);
    let awaits = Await {
        v: V,
        place: cursor(4),
        hold_ms: Await::HOLD,
    };
    pinned(
        &LogRequest::Await(awaits),
        r#"{"await":{"v":1,"place":{"incarnation":1,"seq":4},"hold_ms":2000}}"#,
    );
    let floor = |floor| LogReply::Floor(Floor { v: V, floor });
    pinned(
        &floor(Some(cursor(4))),
        r#"{"floor":{"v":1,"floor":{"incarnation":1,"seq":4}}}"#,
    );
    pinned(&floor(None), r#"{"floor":{"v":1,"floor":null}}"#);
    pinned(
        &LogRequest::Append(append(1, 2, true)),
        r#"{"append":{"v":1,"subject":"20organizatonnonce000000000001","revision":2,"waits":true}}"#,
    );
    pinned(
        &Ack {
            v: V,
            wait_ms: Millis(WAIT),
            greatest: Revision(2),
            place: Some(cursor(4)),
            floor: Some(cursor(3)),
        },
        r#"{"v":1,"wait_ms":5151,"greatest":2,"place":{"incarnation":1,"seq":4},"floor":{"incarnation":1,"seq":3}}"#,
    );
    pinned(
        &SyncReply {
            urgent: Some(4),
            ..reply(4, 0)
        },
        r#"{"v":1,"reset":false,"cursor":{"incarnation":1,"seq":4},"age_ms":0,"bound_ms":5000,"changes":[],"required":[],"urgent":4}"#,
    );
}

/// An older version reads past what it does not know, and writes what this one takes
/// for "not said".
#[test]
fn messages_of_the_version_before_are_read_and_written() {
    for (request, says) in [
        (
            r#"{"ask":{"v":1,"cursor":{"incarnation":1,"seq":4},"subjects":[]}}"#,
            true,
        ),
        (
            r#"{"append":{"v":1,"subject":"20organizatonnonce000000000001","revision":2}}"#,
            true,
        ),
        (r#"{"watch":{}}"#, false),
    ] {
        let read = serde_json::from_str::<LogRequest>(request);
        assert_eq!(read.is_ok(), says, "{request}");
        if let Ok(read) = read {
            assert_eq!(serde_json::to_string(&read).unwrap(), request);
        }
    }
    let ack = r#"{"ack":{"v":1,"wait_ms":5151,"greatest":2}}"#;
    let answer = r#"{"answer":{"v":1,"reset":false,"cursor":{"incarnation":1,"seq":4},"age_ms":0,"bound_ms":5000,"changes":[],"required":[]}}"#;
    for reply in [ack, answer] {
        let read = serde_json::from_str::<LogReply>(reply).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), reply);
    }
}
