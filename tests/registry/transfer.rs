//! Export and import.

use katalo_keys::key::KeyState;
use katalo_keys::registry::message::{
    Command, ExportedKey, Import, KeyView, Object, Outcome, Page, Refusal,
};
use serde_json::{Value, json};

use crate::world::{DAY, World, body, client_scopes, disable, issue, revoke, revoke_all, rotate};

fn export(world: &mut World, limit: u64) -> Vec<ExportedKey> {
    let mut lines = Vec::new();
    let mut cursor = None;
    loop {
        let limit = limit.try_into().unwrap();
        let Page { items, next_cursor } = match world.ask(Command::Export { cursor, limit }) {
            Ok(Outcome::Export(page)) => page,
            other => panic!("{other:?}"),
        };
        lines.extend(items);
        if next_cursor.is_none() {
            return lines;
        }
        cursor = next_cursor;
    }
}

fn import(keys: Vec<ExportedKey>) -> Command {
    Command::Import(Import {
        keys,
        wait: katalo_keys::registry::message::Wait::default(),
    })
}

fn imported(world: &mut World, keys: Vec<ExportedKey>) -> (u64, u64) {
    match world.changed(import(keys)).object {
        Object::Imported {
            imported, skipped, ..
        } => (imported, skipped),
        other => panic!("{other:?}"),
    }
}

fn acme() -> World {
    let mut world = World::acme();
    world.settings.transfer = true;
    world
}

/// What a key is, but for what its place in a registry makes of it.
fn essence(key: &KeyView) -> Value {
    let mut value = serde_json::to_value(key).unwrap();
    for name in ["revision", "effective_at", "enforced", "updated_at"] {
        value.as_object_mut().unwrap().remove(name);
    }
    value
}

#[test]
fn a_round_trip_keeps_every_key() {
    let mut from = acme();
    let ids: Vec<_> = (0..4).map(|n| from.key(&format!("k{n}")).id).collect();
    from.changed(revoke_all());
    let rest: Vec<_> = (0..4).map(|n| from.key(&format!("r{n}")).id).collect();
    from.changed(disable(rest[0]));
    from.changed(revoke(rest[1], "key_compromise"));
    let successor = from.issued(rotate(rest[2], 3600)).key.id;
    let presented = from.issued(issue(json!({
        "name": "Webshop", "environment": "test", "scopes": ["read", "create"],
        "expires_at": "2027-01-01T00:00:00Z", "allowed_ips": ["192.0.2.0/24"],
        "metadata": {"team": {"name": "web"}},
        "limits": [{"name": "monthly", "limit": 10, "period": "month", "reset_day": 3}]
    })));
    let lines = export(&mut from, 3);
    assert_eq!(lines.len(), 10);
    let exports: Vec<_> = from
        .audit()
        .into_iter()
        .filter(|entry| entry["action"] == "organization.export")
        .collect();
    assert_eq!(exports.len(), 4, "each page is on record");
    assert_eq!(exports[0]["after"]["keys"], 3);

    let mut to = acme();
    to.now = from.now.plus(DAY);
    from.now = to.now;
    let revision = katalo_keys::registry::revision(&to.sql).unwrap();
    assert_eq!(imported(&mut to, lines.clone()), (10, 0));
    assert_eq!(
        katalo_keys::registry::revision(&to.sql).unwrap(),
        revision + 10
    );
    let all = ids
        .iter()
        .chain(&rest)
        .chain([&successor, &presented.key.id]);
    for id in all {
        assert_eq!(essence(&to.get(*id)), essence(&from.get(*id)));
        assert!(to.get(*id).enforced);
        let (old, new) = (from.records(id.public), to.records(id.public));
        assert!(new.key.unwrap().digest.matches(&old.key.unwrap().digest));
    }
    for id in ids {
        assert_eq!(to.get(id).state, KeyState::Revoked);
    }
    let text = serde_json::to_value(&presented.secret).unwrap();
    let shown = to.keyring.read(text.as_str().unwrap()).unwrap();
    let digest = to.keyring.digest(&shown).unwrap();
    let record = to.records(presented.key.id.public).key.unwrap();
    assert!(record.digest.matches(&digest));

    let again: Vec<_> = export(&mut to, 200);
    assert_eq!(
        again.iter().map(|line| json!(line)).collect::<Vec<_>>(),
        lines.iter().map(|line| json!(line)).collect::<Vec<_>>()
    );
    assert_eq!(imported(&mut to, lines), (0, 10));
    let entries = to.audit();
    let entry = entries
        .iter()
        .find(|entry| entry["action"] == "organization.import")
        .unwrap();
    assert_eq!(entry["after"]["imported"], 10);
    assert_eq!(entry["after"]["revision"], revision + 10);
    assert!(!format!("{entries:?}").contains(&digest.to_text()));
    assert!(
        !format!("{again:?}").contains(&digest.to_text()),
        "no Debug"
    );
    // The outbox carries them out.
    to.settle();
    to.issued(rotate(presented.key.id, 0));
}

/// As many keys as an import takes fit into the 64 KiB of a request's body, with
/// names, scopes and a history that are usual.
#[test]
fn what_an_import_takes_fits_into_a_request() {
    const BODY_LIMIT: usize = 64 * 1024;
    let mut from = acme();
    let order = json!({
        "name": "Webshop Copenhagen, production", "environment": "live",
        "scopes": ["create", "read", "usage"], "expires_at": "2027-01-01T00:00:00Z",
    });
    for _ in 0..Import::MOST / 2 {
        let id = from.issued(issue(order.clone())).key.id;
        from.issued(rotate(id, 3600));
        from.changed(revoke(id, "superseded"));
    }
    let Command::Import(import) = import(export(&mut from, 200)) else {
        panic!()
    };
    assert_eq!(import.keys.len(), Import::MOST);
    let body = serde_json::to_string(&import).unwrap();
    assert!(body.len() < BODY_LIMIT, "{} bytes", body.len());
    let mut to = acme();
    let most = Import::MOST as u64;
    assert_eq!(imported(&mut to, import.keys), (most, 0));
    let last = to.audit().pop().unwrap();
    assert_eq!(
        last["after"]["keys"].as_array().unwrap().len(),
        Import::MOST
    );
}

/// Whoever has lines and no cursor goes on after the last of them.
#[test]
fn an_export_goes_on_after_any_key() {
    let mut world = acme();
    let ids: Vec<_> = (0..5).map(|n| world.key(&format!("k{n}")).id).collect();
    let after = |cursor: String| Command::Export {
        cursor: Some(cursor),
        limit: 200.try_into().unwrap(),
    };
    for (place, id) in ids.iter().enumerate() {
        let Ok(Outcome::Export(page)) = world.ask(after(id.to_string())) else {
            panic!()
        };
        let exported: Vec<_> = page.items.iter().map(|line| line.id).collect();
        assert_eq!(exported, ids[place + 1..]);
    }
    let elsewhere = World::platform().1.id.to_string();
    for bad in [elsewhere.as_str(), "-1", "x", ""] {
        let refusal = world.refused(after(bad.to_owned()));
        assert!(
            matches!(&refusal, Refusal::InvalidRequest { field, .. } if field == "cursor"),
            "{bad}: {refusal:?}"
        );
    }
}

#[test]
fn it_is_off_unless_switched_on_and_never_for_platform() {
    let mut world = World::acme();
    world.key("a");
    let ask = || Command::Export {
        cursor: None,
        limit: 10.try_into().unwrap(),
    };
    assert_eq!(world.refused(ask()), Refusal::NotFound);
    assert_eq!(world.refused(import(vec![])), Refusal::NotFound);
    let (mut platform, _) = World::platform();
    platform.settings.transfer = true;
    assert_eq!(platform.refused(ask()), Refusal::NotFound);
    assert_eq!(platform.refused(import(vec![])), Refusal::NotFound);
}

#[test]
fn what_cannot_be_taken_in() {
    let mut from = acme();
    from.key("a");
    from.key("b");
    let lines = export(&mut from, 10);
    let mut other = World::empty("beta");
    other.settings.transfer = true;
    other.put(json!({"name": "Beta", "api_access": "enabled"}));
    other.key("c");
    let foreign = export(&mut other, 10).remove(0);

    let mut to = acme();
    let with = |name: &str, value: Value| {
        let mut line = json!(lines[1]);
        line[name] = value;
        vec![lines[0].clone(), body::<ExportedKey>(line)]
    };
    let forged = format!("{}0", &lines[1].id.to_string()[..38]);
    let forged = if forged == lines[1].id.to_string() {
        forged.replace("0", "1")
    } else {
        forged
    };
    for (keys, name) in [
        (with("v", json!(2)), "keys[1].v"),
        (with("id", json!(foreign.id)), "keys[1].id"),
        (with("id", json!(forged)), "keys[1].id"),
        (with("id", json!(lines[0].id)), "keys[1].id"),
        (with("replaces", json!(foreign.id)), "keys[1].replaces"),
        (
            with("revoked_at", json!("2026-01-01T00:00:00Z")),
            "keys[1].revocation_reason",
        ),
        (
            with("created_at", json!("2027-01-01T00:00:00Z")),
            "keys[1].created_at",
        ),
        (
            with("created_by", json!({"kind": "x".repeat(201)})),
            "keys[1].created_by",
        ),
        (vec![lines[0].clone(); Import::MOST + 1], "keys"),
    ] {
        let refusal = to.refused(import(keys));
        assert!(
            matches!(&refusal, Refusal::InvalidRequest { field, .. } if field == name),
            "{name}: {refusal:?}"
        );
        assert_eq!(to.sql.count("keys"), 0, "all or none");
    }
    assert_eq!(imported(&mut to, lines.clone()), (2, 0));
    let refusal = to.refused(import(with("digest", json!(lines[0].digest))));
    assert!(matches!(&refusal, Refusal::InvalidRequest { field, .. } if field == "keys[1].id"));
    assert!(!format!("{refusal:?}").contains(&lines[0].digest.to_text()));
    // A key that was revoked meanwhile stays so.
    to.changed(revoke(lines[0].id, "key_compromise"));
    assert_eq!(imported(&mut to, lines.clone()), (0, 2));
    assert_eq!(to.get(lines[0].id).state, KeyState::Revoked);
    assert!(serde_json::from_value::<Import>(json!({"keys": [], "colour": 1})).is_err());
}

/// Scopes and the greatest lifetime hold for keys from elsewhere as for new ones.
#[test]
fn an_import_is_no_way_around_what_a_new_key_must_be() {
    let mut from = acme();
    let (a, b) = (from.key("a").id, from.key("b").id);
    let lines = export(&mut from, 10);
    let mut to = acme();
    to.settings.client_scopes = client_scopes(&["create"]);
    let unknown = Refusal::field(
        "keys[0].scopes",
        "unknown scope read; known scopes are create",
    );
    assert_eq!(to.refused(import(lines.clone())), unknown);
    assert_eq!(to.sql.count("keys"), 0);

    let mut to = acme();
    to.put(json!({"name": "Acme", "max_key_lifetime_days": 30}));
    let ends = |at: &str| {
        let mut line = json!(lines[1]);
        line["expires_at"] = json!(at);
        body::<ExportedKey>(line)
    };
    for line in [lines[1].clone(), ends("2026-12-24T00:00:00.001Z")] {
        let refusal = to.refused(import(vec![line]));
        assert!(
            matches!(&refusal, Refusal::InvalidRequest { field, .. } if field == "keys[0].expires_at"),
            "{refusal:?}"
        );
    }
    assert_eq!(
        imported(&mut to, vec![ends("2026-12-24T00:00:00Z")]),
        (1, 0)
    );
    // Over and done with: an old export keeps what it knows of such a key.
    from.changed(revoke(a, "key_compromise"));
    to.later(40 * DAY);
    let revoked = export(&mut from, 10).remove(0);
    to.settings.client_scopes = client_scopes(&["create"]);
    assert_eq!(imported(&mut to, vec![revoked]), (1, 0));
    assert_eq!(to.get(a).state, KeyState::Revoked);
    assert_eq!(to.get(b).state, KeyState::Expired);
}
