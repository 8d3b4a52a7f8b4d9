//! The audit as it is exported, byte for byte.

use katalo_keys::registry::audit::{verify_export, verify_head};
use katalo_keys::registry::message::{Command, Outcome};
use serde_json::json;

use crate::world::{DAY, World, disable, issue, patch, revoke, rotate};

/// Entries once written are hashed and kept elsewhere: their form is pinned.
/// With `WRITE_AUDIT` set the files are written anew.
#[test]
fn the_form_of_entries_is_pinned() {
    let mut world = World::acme();
    let order = json!({
        "name": "Ærø \"north\"", "environment": "live", "scopes": ["read", "create"],
        "expires_at": "2027-01-01T00:00:00Z", "allowed_ips": ["192.0.2.0/24"],
        "metadata": {"team": {"name": "web", "floor": 3}}
    });
    let id = world.issued(issue(order)).key.id;
    world.later(DAY);
    world.changed(patch(id, json!({"name": "South", "metadata": null})));
    let successor = world.issued(rotate(id, 3600)).key.id;
    world.changed(disable(successor));
    world.changed(revoke(id, "key_compromise"));
    let text: String = world
        .lines()
        .iter()
        .map(|line| format!("{line}\n"))
        .collect();
    let Ok(Outcome::AuditHead(head)) = world.ask(Command::AuditHead {}) else {
        panic!()
    };
    let kept = format!("{}\n", serde_json::to_string(&head).unwrap());
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/registry/audit");
    for (name, text) in [("acme.ndjson", &text), ("acme.head.json", &kept)] {
        let path = format!("{folder}/{name}");
        if std::env::var_os("WRITE_AUDIT").is_some() {
            std::fs::write(&path, text).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), *text);
    }
    let verified = verify_export(text.lines(), &world.organization, Some(&head)).unwrap();
    assert_eq!(verified.count, 6);
    assert!(verify_head(&head, &world.keyring));
}
