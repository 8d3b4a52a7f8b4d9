//! The fuzzers' entry points: what a stranger, a tampered store or a neighbour
//! of another version can hand us, as bytes. Each entry panics where something
//! is wrong that no input may bring about.
//!
//! Two drivers share them: the targets of `cargo fuzz`, and on stable
//! `tests/fuzz_entries.rs`.

use std::cell::Cell;
use std::sync::OnceLock;

use katalo_keys::freshness::message::{LogReply, LogRequest, RelayReply, RelayRequest};
use katalo_keys::http::admin::{self, Facts};
use katalo_keys::http::{
    AdminPlace, Match, Place, RouteTable, checked_path, leaks, oauth, session_cookie,
};
use katalo_keys::key::{
    Brand, Environment, KeyRecord, Keyring, OrganizationId, OrganizationRecord, Scope,
};
use katalo_keys::random::Seeded;
use katalo_keys::registry::audit::{verify_export, verify_head};
use katalo_keys::registry::message::{AuditHead, Reply, Request};
use katalo_keys::registry::{self, RegistrySettings};
use katalo_keys::time::Timestamp;
use katalo_keys::verify::{Credentials, bearer_token};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::sqlite::Sqlite;

/// An entry point.
pub type Entry = fn(&[u8]);

/// All of them, by the name of their target and corpus.
pub const ENTRIES: [(&str, Entry); 7] = [
    ("header", header),
    ("kv_record", kv_record),
    ("messages", messages),
    ("bodies", bodies),
    ("routes", routes),
    ("audit", audit),
    ("leaks", leak_report),
];

const ROOT_KEYS: &str = r#"{"current":"2","keys":{
    "1":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    "2":"ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="}}"#;
const NOW: Timestamp = Timestamp(1_795_478_400_000);

fn keyring() -> &'static Keyring {
    static KEYRING: OnceLock<Keyring> = OnceLock::new();
    KEYRING.get_or_init(|| Keyring::parse(Brand::KATALO, ROOT_KEYS).unwrap())
}

/// The values of headers that carry credentials.
pub fn header(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Credentials::Key(key) = Credentials::read(Some(&text), keyring()) {
        let token = bearer_token(&text).unwrap();
        assert_eq!(key.text().expose(), token);
        assert_eq!(token.split_once('.').unwrap().0, key.id().to_string());
        assert!(keyring().made(key.id()));
        assert!(keyring().digest(&key).is_some());
    }
    for sighting in keyring().sightings(&text) {
        assert!(sighting.is_ascii() && text.contains(sighting));
    }
    if let Some(made) = keyring().first_made_here(&text) {
        assert!(text.contains(made.text().expose()));
    }
    let _ = oauth::basic_key(&text);
    let _ = oauth::TokenForm::read(data);
    if let Some(token) = session_cookie(&text) {
        assert!(text.contains(token));
    }
}

/// Read, written and read again, a value is the same.
fn is_stable<T: DeserializeOwned + Serialize>(data: &[u8]) {
    let Ok(value) = serde_json::from_slice::<T>(data) else {
        return;
    };
    let once = serde_json::to_string(&value).unwrap();
    let again: T = serde_json::from_str(&once).unwrap();
    assert_eq!(serde_json::to_string(&again).unwrap(), once);
}

/// A value of Workers KV.
pub fn kv_record(data: &[u8]) {
    const NAME: &str = "key/20BAssrdJ8UvAGbTzdPedgcnuDWlHC";
    is_stable::<KeyRecord>(data);
    is_stable::<OrganizationRecord>(data);
    let text = String::from_utf8_lossy(data);
    if let Some(value) = keyring().open(NAME, &text) {
        // Without the root key nobody makes one that holds.
        assert!(keyring().open("key/other", &text).is_none());
        let sealed = keyring().seal(NAME, value).unwrap();
        assert!(!keyring().is_sealed_by_current(&text) || sealed == text);
    }
    let sealed = keyring().seal(NAME, &text).unwrap();
    assert_eq!(keyring().open(NAME, &sealed), Some(&*text));
    let records = (
        serde_json::from_slice::<KeyRecord>(data),
        serde_json::from_str::<OrganizationRecord>(
            r#"{"v":1,"revision":1,"id":"acme","api_access":true}"#,
        ),
    );
    if let (Ok(key), Ok(organization)) = records {
        let _ = key.state(&organization, NOW);
        let _ = key.weight();
    }
}

thread_local! {
    static SEED: Cell<u64> = const { Cell::new(0) };
    static STORAGE: Sqlite = {
        let sql = Sqlite::in_memory();
        registry::migrate(&sql).unwrap();
        sql
    };
}

/// What Worker and objects say to each other. A request that can be read is also
/// answered: whatever it says, the storage must not fail.
pub fn messages(data: &[u8]) {
    is_stable::<Request>(data);
    is_stable::<Reply>(data);
    is_stable::<LogRequest>(data);
    is_stable::<LogReply>(data);
    is_stable::<RelayRequest>(data);
    is_stable::<RelayReply>(data);
    let Ok(request) = serde_json::from_slice::<Request>(data) else {
        return;
    };
    // Never twice the same: key ids must differ.
    let seed = SEED.replace(SEED.get() + 1_000_000_007);
    STORAGE.with(|sql| {
        let settings = RegistrySettings {
            transfer: true,
            client_scopes: Scope::parse("read").into_iter().collect(),
            ..RegistrySettings::default()
        };
        let answered =
            registry::handle(sql, keyring(), &settings, &request, NOW, &mut Seeded(seed));
        let _ = answered.unwrap();
    });
}

/// An admin request: a line of method, path and query, then the body.
pub fn bodies(data: &[u8]) {
    let split = data.iter().position(|&byte| byte == b'\n');
    let Some((line, body)) = split.and_then(|at| data.split_at_checked(at)) else {
        return;
    };
    let line = String::from_utf8_lossy(line);
    let Some((method, target)) = line.split_once(' ') else {
        return;
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let Some(Place::Admin(place)) = checked_path(path).map(Place::of) else {
        return;
    };
    let _ = admin::scope_of(&place, method);
    let _ = admin::organizations_query(&AdminPlace::Organizations, query);
    let facts = Facts {
        method,
        query,
        body: body.get(1..).unwrap_or_default(),
        if_match: query.split_once("if=").map(|(_, value)| value),
        if_none_match: query.split_once("unless=").map(|(_, value)| value),
        now: NOW,
    };
    match admin::ask(&place, &facts) {
        Ok(Some(ask)) => {
            let text = serde_json::to_string(&ask.command).unwrap();
            let _: katalo_keys::registry::message::Command = serde_json::from_str(&text).unwrap();
        }
        Ok(None) => {}
        Err(problem) => {
            let answer = problem.into_answer("https://keys.example", "r1");
            assert!((400..500).contains(&answer.status));
        }
    }
}

/// A route table on the first line, then methods and paths.
pub fn routes(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.lines();
    let Ok(table) = RouteTable::parse(lines.next().unwrap_or_default(), "") else {
        return;
    };
    for line in lines {
        let (method, path) = line.split_once(' ').unwrap_or((line, "/"));
        let Some(path) = checked_path(path) else {
            continue;
        };
        assert!(!path.contains("..") || !path.split('/').any(|segment| segment == ".."));
        match table.find(method, "api.example", path) {
            Match::Route(place) => assert!(table.get(place).is_some()),
            Match::OtherMethod(allow) => {
                assert!(!allow.split(", ").any(|allowed| allowed == method));
            }
            Match::None => {}
        }
        let _ = table.place(path);
    }
}

const EXPORT: &str = include_str!("../tests/registry/audit/acme.ndjson");
const HEAD: &str = include_str!("../tests/registry/audit/acme.head.json");

/// An export of the audit: as it comes, and as edits of a genuine one, three
/// bytes each (place, value), of which every one must be found.
pub fn audit(data: &[u8]) {
    let acme = OrganizationId::parse("acme").unwrap();
    let head: AuditHead = serde_json::from_str(HEAD).unwrap();
    let text = String::from_utf8_lossy(data);
    let verified = verify_export(text.lines(), &acme, None);
    if let Ok(verified) = verified {
        assert_eq!(
            verified.count,
            text.lines().filter(|line| !line.is_empty()).count() as u64
        );
    }
    if let Ok(head) = serde_json::from_slice::<AuditHead>(data) {
        let _ = verify_head(&head, keyring());
    }
    let mut edited = EXPORT.as_bytes().to_vec();
    for edit in data.chunks_exact(3).take(64) {
        if let [high, low, value] = *edit {
            let place = usize::from(u16::from_be_bytes([high, low])) % edited.len();
            edited[place] = value;
        }
    }
    let edited = String::from_utf8_lossy(&edited);
    let same = edited
        .lines()
        .filter(|line| !line.is_empty())
        .eq(EXPORT.lines());
    let verified = verify_export(edited.lines(), &acme, Some(&head));
    assert_eq!(verified.is_ok(), same, "an edit was not found");
}

/// A leak report, its signature and the keys it is checked with.
pub fn leak_report(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let _ = leaks::signature(&text);
    let _ = leaks::SigningKey::read_all(&text);
    let Ok(report) = leaks::report(data) else {
        return;
    };
    for found in &report {
        if let Ok(key) = keyring().read(&found.token) {
            assert_ne!(key.id().environment.as_str(), "");
            assert!(Environment::ALL.contains(&key.id().environment));
        }
    }
    let judged: Vec<_> = report.into_iter().map(|found| (found, false)).collect();
    assert_eq!(leaks::feedback(&judged).status, 200);
}
