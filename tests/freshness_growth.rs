//! What an edge holds and what its poll costs, whatever the size of the log.
//!
//! Bytes are those the program asked its allocator for, now and at the peak,
//! counted by the allocator itself: hence a test binary of its own. On wasm32
//! pointers are half as wide, so less is taken there. Cost is counted in steps
//! of SQLite's own machine, not in time.
#![allow(unreachable_pub, reason = "a test's support is nobody's interface")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that panics has failed"
)]

#[path = "support/sqlite.rs"]
mod sqlite;

use std::rc::Rc;
use std::sync::{Mutex, MutexGuard, PoisonError};

use katalo_keys::freshness::change_log::ChangeLog;
use katalo_keys::freshness::follower::PendingSync;
use katalo_keys::freshness::relay::{Relay, Serve};
use katalo_keys::freshness::sql_log::{self, SqlLog};
use katalo_keys::freshness::sync::Version;
use katalo_keys::freshness::view::{Inserted, Lookup, Refresh, View};
use katalo_keys::freshness::{
    Append, Bound, EdgeClock, Incarnation, Reading, Revision, Subject, SyncReply, SyncRequest,
};
use katalo_keys::key::{
    KeyDigest, KeyRecord, OrganizationId, OrganizationRecord, RECORD_VERSION, Scope, Scopes,
};
use katalo_keys::sql::Sql as _;
use katalo_keys::time::Timestamp;
use katalo_keys::verify::CachedRecord;
use peak_alloc::PeakAlloc;
use sqlite::Sqlite;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Keys that an edge is to hold, and the bytes they may take.
const KEYS: u64 = 10_000;
const KEYS_FIT: usize = 8 << 20;
/// Changes of keys that the edge does not follow.
const CHANGES: u64 = 1_000_000;
/// As many as one answer carries.
const BATCH: u64 = SyncReply::MAX_CHANGES as u64;

/// One measurement at a time: all threads of the process share the allocator.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn organization(number: u64) -> Subject {
    Subject::parse(&format!("organi{number:05}")).unwrap()
}

/// Ten keys to an organization.
fn key(number: u64) -> Subject {
    Subject::parse(&format!("10organi{:05}nonce{number:012}", number / 10)).unwrap()
}

/// A key's record with all that people give one: a long name, every scope of
/// the demo, two networks, an end.
fn key_record() -> CachedRecord {
    let scopes = ["create", "read", "regenerate", "usage", "billing"];
    let scopes = scopes.map(|scope| Scope::parse(scope).unwrap());
    CachedRecord::Key(Rc::new(KeyRecord {
        v: RECORD_VERSION,
        revision: 1,
        issued: 1,
        issued_at: Timestamp(1),
        digest: KeyDigest::from_text(&"A".repeat(43)).unwrap(),
        environment: katalo_keys::key::Environment::Live,
        name: "The catalogue's nightly import in Aarhus".to_owned(),
        scopes: Scopes::new(scopes.to_vec()).unwrap(),
        revoked: false,
        disabled: false,
        restricted: false,
        expires_at: Some(Timestamp(1 << 50)),
        replaced_at: None,
        retires_at: None,
        allowed_ips: vec![
            "192.0.2.0/24".parse().unwrap(),
            "2001:db8::/32".parse().unwrap(),
        ],
        bound_organization: None,
        limits: Vec::new(),
    }))
}

fn organization_record(number: u64) -> CachedRecord {
    CachedRecord::Organization(Rc::new(OrganizationRecord {
        v: RECORD_VERSION,
        revision: 1,
        id: OrganizationId::parse(&format!("organization-{number}")).unwrap(),
        api_access: true,
        keys_revoked_through: 0,
        limits: Vec::new(),
    }))
}

/// A deployment of one: the log on SQLite, one relay, one edge.
struct Deployment {
    database: Rc<Sqlite>,
    log: ChangeLog<SqlLog<Sqlite>>,
    relay: Relay,
    view: View<CachedRecord>,
    now: u64,
}

impl Deployment {
    fn new() -> Self {
        let database = Rc::new(Sqlite::in_memory());
        sql_log::create_tables(&*database).unwrap();
        let store = SqlLog::over(Rc::clone(&database));
        Self {
            database,
            log: ChangeLog::start(store, Incarnation::from_random(u64::MAX)),
            relay: Relay::new(),
            view: View::new(32 << 20, Bound::MAX),
            now: 1_000_000,
        }
    }

    fn edge_clock(&self) -> Reading<EdgeClock> {
        Reading::at(self.now)
    }

    /// What the relay answers, which asks the log if it must.
    fn ask_relay(&mut self, request: &SyncRequest) -> SyncReply {
        let now = Reading::at(self.now);
        loop {
            match self.relay.serve(request, now, now) {
                Serve::Reply(reply) => return reply,
                Serve::SyncWithLog(sync) => {
                    let reply = self.log.sync(&sync.request, Reading::at(self.now)).unwrap();
                    self.relay.accept(&sync, &reply, now);
                }
                other => panic!("{other:?}"),
            }
        }
    }

    fn take(&mut self, sync: &PendingSync<EdgeClock>) -> SyncReply {
        let reply = self.ask_relay(&sync.request);
        self.view.accept(sync, &reply, self.edge_clock());
        reply
    }

    /// A refresh, half a bound later: the changes it brought.
    fn poll(&mut self) -> usize {
        self.now += Bound::DEFAULT.half().0;
        let Refresh::Send(sync) = self.view.begin_refresh(self.edge_clock()) else {
            panic!("nobody else syncs");
        };
        let reply = self.take(&sync);
        assert!(!reply.reset);
        reply.changes.len()
    }

    /// A request for a key whose record is read from KV.
    fn load(&mut self, number: u64) {
        let both = [key(number), organization(number / 10)];
        let load = self.view.begin_load(&both, self.edge_clock()).unwrap();
        if let Some(sync) = &load.sync {
            self.take(sync);
        }
        for subject in load.subjects().collect::<Vec<_>>() {
            let record = match subject.is_organization() {
                true => organization_record(number / 10),
                false => key_record(),
            };
            let entered = (self.view).insert(&load, &subject, record, self.edge_clock());
            assert!(matches!(entered, Inserted::Stored), "{entered:?}");
        }
    }

    fn holds(&mut self, number: u64) -> bool {
        let now = self.edge_clock();
        let found = (self.view).lookup(&key(number), &organization(number / 10), now, now);
        matches!(found, Lookup::Ready { .. })
    }

    /// `count` keys that nobody here follows change, the first one ever
    /// `from`; by one statement, since a million appends take a minute.
    fn others_change(&self, from: u64, count: u64) {
        let text = "WITH RECURSIVE n(i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)
            INSERT INTO log_subject (subject, organization, revision, seq)
            SELECT '10others' || printf('%05d', i / 100) || 'nonce' || printf('%012d', i),
                'others' || printf('%05d', i / 100), 2 + i % 100, ?3 + i - ?1 FROM n";
        let head = "SELECT coalesce(max(seq), 0) FROM log_subject";
        let head = self.database.query(head, &[]).unwrap()[0]
            .unsigned(0)
            .unwrap();
        let parameters = [from, from + count - 1, head + 1].map(Into::into);
        self.database.query(text, &parameters).unwrap();
    }

    fn append(&mut self, subject: Subject, revision: u64) {
        let append = Append {
            v: Version::CURRENT,
            subject,
            revision: Revision(revision),
            keys_revoked_through: None,
            waits: false,
        };
        self.log.append(&append, Reading::at(self.now)).unwrap();
    }

    /// Steps of an append, of a poll at the log after one change, after none and
    /// after a whole answer of them, and of asking for subjects that are new.
    fn costs(&mut self, next: &mut u64) -> [(&'static str, u64); 5] {
        let mut since = self.database.steps();
        let mut spent = |deployment: &Self| {
            let steps = deployment.database.steps() - since;
            since += steps;
            steps
        };
        self.append(key(700_000 + *next / 10), 2);
        let append = spent(self);
        assert_eq!(self.poll(), 1);
        let one = spent(self);
        assert_eq!(self.poll(), 0);
        let none = spent(self);
        self.others_change(*next, BATCH);
        *next += BATCH;
        spent(self);
        assert_eq!(self.poll(), BATCH as usize);
        let whole = spent(self);
        let request = SyncRequest {
            v: Version::CURRENT,
            cursor: None,
            subjects: vec![key(600_000 + *next / 10), organization(77_777)],
            holding: None,
        };
        self.ask_relay(&request);
        let new = spent(self);
        [
            ("an append", append),
            ("a poll of one change", one),
            ("a poll of none", none),
            ("a poll of a whole reply", whole),
            ("two new subjects", new),
        ]
    }
}

#[test]
#[expect(
    clippy::print_stdout,
    reason = "the figures of the proof are its output"
)]
fn ten_thousand_keys_take_at_most_eight_mebibytes() {
    let _alone = alone();
    let mut deployment = Deployment::new();
    // What the relay takes is its own.
    for number in 0..KEYS {
        let subjects = vec![key(number), organization(number / 10)];
        let v = Version::CURRENT;
        deployment.ask_relay(&SyncRequest {
            v,
            cursor: None,
            subjects,
            holding: None,
        });
    }
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    for number in 0..KEYS {
        deployment.load(number);
    }
    let taken = ALLOCATOR.current_usage() - before;
    let peak = ALLOCATOR.peak_usage() - before;
    assert!((0..KEYS).all(|number| deployment.holds(number)));
    let (slots, counted) = deployment.view.size();
    println!(
        "{KEYS} keys of {} organizations: {taken} bytes, {peak} at the peak, counted as {counted}",
        KEYS / 10
    );
    assert_eq!(slots as u64, KEYS + KEYS / 10);
    assert!(taken <= KEYS_FIT, "{taken} bytes");
    assert!(peak <= KEYS_FIT, "{peak} bytes at the peak");
    assert!(taken <= counted, "the view counts {counted}, takes {taken}");
}

#[test]
#[expect(
    clippy::print_stdout,
    reason = "the figures of the proof are its output"
)]
fn a_million_changes_neither_grow_an_edge_nor_slow_its_poll() {
    let _alone = alone();
    let mut deployment = Deployment::new();
    for number in 0..100 {
        deployment.load(number);
    }
    let mut next = 0;
    // Until the relay's window is full.
    while next < 5 * BATCH {
        deployment.others_change(next, BATCH);
        next += BATCH;
        deployment.poll();
    }
    let few = deployment.costs(&mut next);
    let size = deployment.view.size();
    let before = ALLOCATOR.current_usage();
    while next < CHANGES {
        deployment.others_change(next, BATCH);
        next += BATCH;
        assert_eq!(deployment.poll(), BATCH as usize);
    }
    let after = ALLOCATOR.current_usage();
    let many = deployment.costs(&mut next);
    println!("few {few:?}\nmany {many:?}\nbytes {before} and {after}");
    assert_eq!(deployment.view.size(), size);
    // The relay's window is full before and after; a page is what its buffers
    // may differ by.
    assert!(after <= before + 4_096, "{before} bytes, then {after}");
    for ((name, few), (_, many)) in few.into_iter().zip(many) {
        assert!(many <= few + few / 20, "{name}: {few} steps, then {many}");
    }
    assert!((0..100).all(|number| deployment.holds(number)));

    // And it still learns at once of what it does follow.
    deployment.append(key(7), 2);
    assert_eq!(deployment.poll(), 1);
    assert!(!deployment.holds(7));
    assert!(deployment.holds(8));
}
