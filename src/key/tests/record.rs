//! The record: how a key stands, its stored form, its weight.

use super::super::*;
use super::{keyring, minted};
use crate::time::Timestamp;

fn record() -> KeyRecord {
    KeyRecord {
        revision: 7,
        name: "Shop".to_owned(),
        ..KeyRecord::issued(
            3,
            Timestamp(1),
            keyring().digest(&minted(7, Environment::Live)).unwrap(),
            Scopes::default(),
        )
    }
}

fn organization(keys_revoked_through: Revision) -> OrganizationRecord {
    OrganizationRecord {
        v: RECORD_VERSION,
        revision: 1,
        id: OrganizationId::parse("acme").unwrap(),
        api_access: true,
        keys_revoked_through,
        limits: Vec::new(),
    }
}

/// The gravest state is the one told.
#[test]
fn how_a_key_stands() {
    let now = Timestamp(1_000);
    let state = |change: &dyn Fn(&mut KeyRecord)| {
        let mut record = record();
        change(&mut record);
        record.state(&organization(2), now)
    };
    let (past, future) = (Some(now), Some(now.plus(1)));
    assert_eq!(state(&|_| ()), KeyState::Active);
    assert_eq!(state(&|key| key.retires_at = future), KeyState::Retiring);
    assert_eq!(state(&|key| key.retires_at = past), KeyState::Expired);
    assert_eq!(state(&|key| key.expires_at = past), KeyState::Expired);
    assert_eq!(state(&|key| key.expires_at = future), KeyState::Active);
    let disabled = |key: &mut KeyRecord| {
        key.disabled = true;
        key.retires_at = future;
    };
    assert_eq!(state(&disabled), KeyState::Disabled);
    let expired = |key: &mut KeyRecord| {
        key.disabled = true;
        key.expires_at = past;
    };
    assert_eq!(state(&expired), KeyState::Expired);
    let revoked = |key: &mut KeyRecord| {
        key.revoked = true;
        key.expires_at = past;
    };
    assert_eq!(state(&revoked), KeyState::Revoked);
    assert_eq!(record().state(&organization(3), now), KeyState::Revoked);
    for (state, text) in KeyState::ALL
        .iter()
        .zip(["active", "retiring", "disabled", "expired", "revoked"])
    {
        assert_eq!(state.as_str(), text);
    }
}

/// Values of Workers KV: no change without a migration.
#[test]
fn records_are_pinned() {
    let digest = keyring().digest(&minted(7, Environment::Live)).unwrap();
    let bare = format!(
        r#"{{"v":1,"revision":7,"issued":3,"issued_at":1,"digest":"{}","environment":"live","name":"Shop","scopes":[]}}"#,
        digest.to_text()
    );
    assert_eq!(serde_json::to_string(&record()).unwrap(), bare);
    let full = KeyRecord {
        revoked: true,
        disabled: true,
        restricted: true,
        expires_at: Some(Timestamp(2)),
        replaced_at: Some(Timestamp(3)),
        retires_at: Some(Timestamp(4)),
        allowed_ips: vec!["192.0.2.0/24".parse().unwrap()],
        bound_organization: OrganizationId::parse("acme"),
        ..record()
    };
    let json = bare.replace(
        "[]}",
        r#"[],"revoked":true,"disabled":true,"restricted":true,"expires_at":2,"replaced_at":3,"retires_at":4,"allowed_ips":["192.0.2.0/24"],"bound_organization":"acme"}"#,
    );
    assert_eq!(serde_json::to_string(&full).unwrap(), json);
    let read: KeyRecord = serde_json::from_str(&json).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), json);
    let broken = json.replace("192.0.2.0/24", "everywhere");
    assert!(serde_json::from_str::<KeyRecord>(&broken).is_err());
    let id = minted(7, Environment::Live).id().public;
    assert_eq!(Subject::from(id).kv_name(), format!("key/{id}"));
    let tag = OrganizationId::parse("acme").unwrap().tag();
    assert_eq!(Subject::from(tag).kv_name(), "org/BAssrdJ8UvA");
}

/// The view's limit counts on it.
#[test]
fn a_record_weighs_what_it_holds_beside_itself() {
    let mut record = record();
    record.name = String::new();
    assert_eq!(record.weight(), 0);
    record.name = String::with_capacity(100);
    assert_eq!(record.weight(), 100);
    record.allowed_ips = Vec::with_capacity(3);
    let networks = 3 * size_of::<ipnet::IpNet>();
    assert_eq!(record.weight(), 100 + networks);
    record.bound_organization = OrganizationId::parse("acme");
    assert_eq!(record.weight(), 100 + networks + 4);
    let scope = |text: &str| Scope::parse(text).unwrap();
    record.scopes = Scopes::new(vec![scope("read"), scope("a")]).unwrap();
    let scopes = 2 * size_of::<Scope>() + 5;
    assert_eq!(record.scopes.weight(), scopes);
    assert_eq!(record.weight(), 100 + networks + 4 + scopes);
}
