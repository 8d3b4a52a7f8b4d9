//! Organizations and keys from issue to revocation.

use katalo_keys::key::{Environment, KeyState, Keyring, Subject};
use katalo_keys::registry::message::{Command, KeyView, ListKeys, Object, Outcome, Page, Refusal};
use serde_json::{Value, json};

use crate::world::{
    DAY, HOUR, SECOND, START, WAIT, World, admin, body, changed, client_scopes, disable, enable,
    issue, issued, patch, revoke, revoke_all, rotate, scopes,
};

fn field(refusal: &Refusal) -> &str {
    match refusal {
        Refusal::InvalidRequest { field, .. } => field,
        other => panic!("{other:?}"),
    }
}

fn list(world: &mut World, asked: Value) -> Page<KeyView> {
    match world.ask(Command::ListKeys(body::<ListKeys>(asked))) {
        Ok(Outcome::Keys(page)) => page,
        other => panic!("{other:?}"),
    }
}

fn names(page: &Page<KeyView>) -> Vec<&str> {
    page.items.iter().map(|key| key.name.as_str()).collect()
}

#[test]
fn an_organization_begins_with_access_off() {
    let mut world = World::empty("acme");
    assert_eq!(
        world.refused(Command::GetOrganization {}),
        Refusal::NotFound
    );
    let created = world.put(json!({"name": " Acme "}));
    assert!(created.created && created.enforced());
    let Object::Organization(view) = created.object else {
        panic!()
    };
    assert_eq!(view.name, "Acme");
    assert_eq!(view.revision, 1);
    assert_eq!(
        serde_json::to_value(&view).unwrap(),
        json!({
            "id": "acme", "name": "Acme", "api_access": "disabled",
            "max_key_lifetime_days": null, "leak_policy": {"action": "report"}, "created_at": "2026-11-24T00:00:00.000Z",
            "deleted_at": null, "purge_at": null,
            "keys": {"active": 0, "retiring": 0, "disabled": 0, "expired": 0, "revoked": 0},
            "limits": [], "updated_at": "2026-11-24T00:00:00.000Z",
            "enforced": true, "effective_at": "2026-11-24T00:00:00.000Z", "revision": 1,
        })
    );
    let refusal = world.refused(issue(
        json!({"name": "a", "environment": "live", "scopes": ["read"]}),
    ));
    assert_eq!(refusal, Refusal::IssuingDisabled);

    let changed = world.put(json!({"name": "Acme", "api_access": "enabled"}));
    assert!(!changed.created && !changed.enforced());
    assert_eq!(changed.awaits.len(), 1);
    world.settle();
    let again = world.put(json!({"name": "Acme"}));
    assert!(again.enforced(), "what is not said stays; nothing changed");
    let renamed = world.put(json!({"name": "Acme A/S"}));
    assert!(renamed.enforced(), "nobody waits for a name");
}

#[test]
fn a_patch_changes_what_it_names_and_creates_nothing() {
    let patch = |members: serde_json::Value| Command::PatchOrganization(body(members));
    let mut world = World::acme();
    world.put(json!({"name": "Acme", "max_key_lifetime_days": 90}));
    let view = |changed: katalo_keys::registry::message::Changed| match changed.object {
        katalo_keys::registry::message::Object::Organization(view) => *view,
        other => panic!("{other:?}"),
    };
    let before = view(world.changed(patch(json!({}))));
    let after = view(world.changed(patch(json!({"max_key_lifetime_days": null}))));
    assert_eq!(after.max_key_lifetime_days, None);
    assert_eq!(
        after.revision,
        before.revision + 1,
        "`{{}}` changed nothing"
    );
    assert_eq!(
        (after.name, after.api_access),
        (before.name, before.api_access)
    );
    let off = world.changed(patch(json!({"api_access": "disabled"})));
    assert!(!off.enforced(), "it decides requests");
    let read = serde_json::from_value::<katalo_keys::registry::message::PatchOrganization>;
    for never in ["name", "api_access", "leak_policy"] {
        assert!(read(json!({ never: null })).is_err(), "{never}");
    }
    assert_eq!(
        World::empty("new").refused(patch(json!({"name": "New"}))),
        Refusal::NotFound
    );
    let mut world = World::empty("_platform");
    assert_eq!(
        world.refused(patch(json!({"name": "New"}))),
        Refusal::NotFound
    );
}

#[test]
fn another_id_of_the_same_tag_is_a_clear_error() {
    let mut world = World::acme();
    // No second id of the same tag is known; the registry cannot tell.
    world.organization = crate::world::organization("other");
    assert_eq!(
        world.refused(Command::PutOrganization(body(json!({"name": "x"})))),
        Refusal::OrganizationIdTaken
    );
    assert_eq!(
        world.refused(Command::GetOrganization {}),
        Refusal::NotFound
    );
}

#[test]
fn a_key_is_issued_with_its_secret_once() {
    let mut world = World::acme();
    let made = world.issued(issue(json!({
        "name": "Webshop", "environment": "test", "scopes": ["read", "create", "read"],
        "expires_at": "2026-12-24T00:00:00Z", "allowed_ips": ["::ffff:192.0.2.7", "10.1.2.3/8"],
        "metadata": {"team": "web"}
    })));
    let text = serde_json::to_value(&made.secret).unwrap();
    let ring: &Keyring = &world.keyring;
    let presented = ring.read(text.as_str().unwrap()).unwrap();
    assert_eq!(*presented.id(), made.key.id);
    let digest = ring.digest(&presented).unwrap();
    let id = made.key.id;
    assert_eq!(
        serde_json::to_value(&made.key).unwrap(),
        json!({
            "id": id, "organization": "acme", "name": "Webshop", "environment": "test",
            "scopes": ["create", "read"], "state": "active",
            "created_at": "2026-11-24T00:00:00.000Z",
            "created_by": serde_json::to_value(
                katalo_keys::registry::message::Who::from(&world.actor)).unwrap(),
            "expires_at": "2026-12-24T00:00:00.000Z", "retires_at": null, "last_used_at": null,
            "replaces": null, "replaced_by": null, "revoked_at": null, "revocation_reason": null,
            "exposed_at": null, "exposed_origin": null, "leaked_at": null, "leak_url": null,
            "restriction": null,
            "allowed_ips": ["10.0.0.0/8", "192.0.2.7/32"], "metadata": {"team": "web"},
            "limits": [], "updated_at": "2026-11-24T00:00:00.000Z",
            "enforced": true, "effective_at": "2026-11-24T00:00:00.000Z", "revision": 2,
        })
    );
    assert_eq!(world.get(id).effective_at, Some(START));
    let records = world.records(id.public);
    let record = records.key.unwrap();
    assert!(record.digest.matches(&digest));
    assert_eq!(record.environment, Environment::Test);
    assert!(records.organization.unwrap().api_access);
    let everything = format!("{:?}", world.lines());
    assert!(!everything.contains(&digest.to_text()));
    assert!(!everything.contains(presented.text().expose()));
}

#[test]
fn what_cannot_be_issued() {
    let mut world = World::acme();
    let base = |name: &str, value: Value| {
        let mut order = json!({"name": "a", "environment": "live", "scopes": ["read"]});
        order[name] = value;
        issue(order)
    };
    let cases = [
        (base("environment", json!("admin")), "environment"),
        (
            base("bound_organization", json!("acme")),
            "bound_organization",
        ),
        (
            base("expires_at", json!("2026-11-24T00:00:00Z")),
            "expires_at",
        ),
    ];
    for (command, name) in cases {
        assert_eq!(field(&world.refused(command)), name);
    }
    world.put(json!({"name": "Acme", "max_key_lifetime_days": 30}));
    assert_eq!(
        field(&world.refused(base("name", json!("b")))),
        "expires_at"
    );
    let refusal = world.refused(base("expires_at", json!("2026-12-24T00:00:00.001Z")));
    assert_eq!(field(&refusal), "expires_at");
    world.issued(base("expires_at", json!("2026-12-24T00:00:00Z")));
    world.put(json!({"name": "Acme", "max_key_lifetime_days": null}));
    world.issued(base("name", json!("b")));
}

#[test]
fn a_patch_changes_what_it_names() {
    let mut world = World::acme();
    let id = world
        .issued(issue(json!({
            "name": "a", "environment": "live", "scopes": ["read"],
            "expires_at": "2027-01-01T00:00:00Z", "metadata": {"a": 1, "b": {"c": 2}}
        })))
        .key
        .id;
    world.settle();
    let key = world.changed_key(patch(id, json!({"name": "b", "metadata": {"b": {}}})));
    assert_eq!(key.name, "b");
    assert_eq!(
        serde_json::to_value(&key.metadata).unwrap(),
        json!({"b": {}})
    );
    assert!(key.enforced, "decisions stay as they were");
    assert_eq!(key.revision, 3);
    let key = world.changed_key(patch(
        id,
        json!({"expires_at": null, "scopes": ["usage"], "allowed_ips": ["192.0.2.0/24"]}),
    ));
    assert!(!key.enforced);
    assert_eq!(key.expires_at, None);
    let same = world.changed_key(patch(id, json!({"scopes": ["usage"]})));
    assert_eq!(
        same.revision, key.revision,
        "nothing to change, no revision"
    );
    assert!(!same.enforced, "but it joins the wait");
    let refusal = world.refused(patch(id, json!({"expires_at": "2026-01-01T00:00:00Z"})));
    assert_eq!(field(&refusal), "expires_at");
    world.changed_key(revoke(id, "superseded"));
    assert_eq!(
        world.refused(patch(id, json!({"name": "c"}))),
        Refusal::AlreadyRevoked
    );
    let last = world.audit().pop().unwrap();
    assert_eq!(last["action"], "key.revoke");
    assert_eq!(
        last["before"],
        json!({"revision": 4, "revoked_at": null, "revocation_reason": null})
    );
}

/// A typing error in a scope is told at once, with the scopes there are. What a
/// key had stays its own when the operator takes a scope away.
#[test]
fn a_scope_that_nobody_knows_is_given_to_no_key() {
    let mut world = World::acme();
    let order =
        |scopes: Value| issue(json!({"name": "a", "environment": "live", "scopes": scopes}));
    let nonsense = Refusal::field(
        "scopes",
        "unknown scope nonsense; known scopes are billing, create, read, regenerate, usage",
    );
    assert_eq!(world.refused(order(json!(["read", "nonsense"]))), nonsense);
    let misspelt = Refusal::field(
        "scopes",
        "unknown scope raed (did you mean read?); known scopes are billing, create, read, regenerate, usage",
    );
    assert_eq!(world.refused(order(json!(["raed"]))), misspelt);
    let key = world.issued(order(json!(["read", "usage"]))).key;
    assert_eq!(
        world.refused(patch(key.id, json!({"scopes": ["raed"]}))),
        misspelt
    );
    let add = patch(key.id, json!({"scopes": ["read", "nonsense"]}));
    assert_eq!(world.refused(add), nonsense);

    world.settings.client_scopes = client_scopes(&["create"]);
    let kept = world.changed_key(patch(key.id, json!({"name": "b"})));
    assert_eq!(kept.scopes, key.scopes);
    let changed = patch(key.id, json!({"scopes": ["read", "create"]}));
    assert_eq!(
        world.changed_key(changed).scopes,
        scopes(&["create", "read"])
    );
    let again = patch(key.id, json!({"scopes": ["usage"]}));
    assert_eq!(
        world.refused(again),
        Refusal::field("scopes", "unknown scope usage; known scopes are create")
    );
    let successor = world.issued(rotate(key.id, 60)).key;
    assert_eq!(successor.scopes, scopes(&["create", "read"]));

    let many: Vec<String> = (0..60).map(|n| format!("s{n:02}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    world.settings.client_scopes = many.chunks(30).flat_map(client_scopes).collect();
    let Refusal::InvalidRequest { detail, .. } = world.refused(order(json!(["nonsense"]))) else {
        panic!()
    };
    assert!(detail.ends_with("s48, s49 and 10 more"), "{detail}");
}

#[test]
fn a_rotated_key_works_until_its_overlap_ends() {
    let mut world = World::acme();
    let old = world.key("a").id;
    world.changed_key(patch(
        old,
        json!({"metadata": {"a": 1}, "allowed_ips": ["192.0.2.1"]}),
    ));
    let rotated = world.issued(rotate(old, 3600));
    let replaced = rotated.replaced.unwrap();
    assert_eq!(replaced.state, KeyState::Retiring);
    assert_eq!(replaced.replaced_by, Some(rotated.key.id));
    assert_eq!(replaced.retires_at, Some(START.plus(HOUR)));
    assert_eq!(rotated.key.replaces, Some(old));
    assert_eq!(rotated.key.state, KeyState::Active);
    assert_eq!(
        serde_json::to_value(&rotated.key.metadata).unwrap(),
        json!({"a": 1})
    );
    assert_eq!(rotated.key.allowed_ips, replaced.allowed_ips);
    assert_eq!(world.refused(rotate(old, 0)), Refusal::NotRotatable);
    let third = world.issued(rotate(rotated.key.id, 0));
    assert_eq!(
        third.replaced.unwrap().state,
        KeyState::Expired,
        "no overlap"
    );
    world.later(HOUR - 1);
    assert_eq!(world.get(old).state, KeyState::Retiring);
    world.later(1);
    assert_eq!(world.get(old).state, KeyState::Expired);

    let disabled = world.key("d").id;
    world.changed_key(disable(disabled));
    assert_eq!(world.refused(rotate(disabled, 0)), Refusal::NotRotatable);
    world.put(json!({"name": "Acme", "api_access": "disabled"}));
    assert_eq!(
        world.refused(rotate(third.key.id, 0)),
        Refusal::IssuingDisabled
    );
}

/// An overlap outlasts the wait of the change that ends it, so that nobody has to
/// wait for that: a short one begins after the wait. None at all is waited for.
#[test]
fn an_overlap_ends_after_the_wait_of_its_rotation() {
    let mut world = World::acme();
    assert_eq!(world.settings.wait.0, WAIT);
    for (seconds, ends_after) in [
        (0, 0),
        (1, WAIT + SECOND),
        (5, WAIT + 5 * SECOND),
        (6, 2 * WAIT),
        (10, 2 * WAIT),
        (11, 11 * SECOND),
        (2_592_000, 2_592_000 * SECOND),
    ] {
        let old = world.key("a").id;
        world.settle();
        let changed = world.changed(rotate(old, seconds));
        let ends = world.now.plus(ends_after);
        let awaited = changed.awaits.as_slice();
        assert_eq!(awaited.len(), 1);
        assert_eq!(awaited[0].subject, Subject::from(old.public));
        assert_eq!(awaited[0].from, Some(ends), "{seconds} s");
        assert_eq!(world.get(old).retires_at, Some(ends), "{seconds} s");
        // Until the change log has acknowledged it, it is not enforced.
        assert!(!changed.enforced());
    }
}

#[test]
fn a_rotation_stays_within_the_greatest_lifetime() {
    let mut world = World::acme();
    let old = world.key("a").id;
    world.put(json!({"name": "Acme", "max_key_lifetime_days": 7}));
    world.later(DAY);
    let successor = world.issued(rotate(old, 0)).key;
    assert_eq!(successor.expires_at, Some(START.plus(8 * DAY)));
}

#[test]
fn revoked_is_final_and_the_first_reason_stays() {
    let mut world = World::acme();
    let id = world.key("a").id;
    world.settle();
    let first = world.changed_key(revoke(id, "key_compromise"));
    assert_eq!(first.state, KeyState::Revoked);
    assert!(!first.enforced);
    world.later(SECOND);
    let again = world.changed(revoke(id, "superseded"));
    assert_eq!(again.awaits.len(), 1, "a repeat joins the wait");
    world.settle();
    let again = world.changed_key(revoke(id, "superseded"));
    assert_eq!(again.revoked_at, Some(START));
    assert_eq!(
        serde_json::to_value(again.revocation_reason).unwrap(),
        "key_compromise"
    );
    assert!(again.enforced);
    assert_eq!(again.effective_at, Some(START.plus(SECOND)));
    assert_eq!(again.revision, first.revision);
    for command in [disable(id), enable(id)] {
        assert_eq!(world.refused(command), Refusal::AlreadyRevoked);
    }
    assert_eq!(world.refused(rotate(id, 0)), Refusal::NotRotatable);
}

#[test]
fn a_pause_can_end() {
    let mut world = World::acme();
    let id = world.key("a").id;
    world.settle();
    assert_eq!(world.changed_key(disable(id)).state, KeyState::Disabled);
    let revision = world.changed_key(disable(id)).revision;
    let enabled = world.changed_key(enable(id));
    assert_eq!(enabled.state, KeyState::Active);
    assert_eq!(enabled.revision, revision + 1);
    assert!(!enabled.enforced, "rights given wait too");
}

#[test]
fn all_keys_are_revoked_as_one_change() {
    let mut world = World::acme();
    let (a, b) = (world.key("a").id, world.key("b").id);
    world.changed_key(revoke(b, "superseded"));
    world.settle();
    world.later(SECOND);
    let swept = world.changed(revoke_all());
    assert_eq!(swept.awaits.len(), 1);
    let Object::Organization(view) = swept.object else {
        panic!()
    };
    assert_eq!(view.keys.revoked, 2);
    let key = world.get(a);
    assert_eq!(key.state, KeyState::Revoked);
    assert_eq!(key.revoked_at, Some(START.plus(SECOND)));
    assert!(!key.enforced);
    assert_eq!(world.get(b).revoked_at, Some(START));
    assert_eq!(world.refused(enable(a)), Refusal::AlreadyRevoked);
    world.later(SECOND);
    world.settle();
    assert_eq!(world.get(a).effective_at, Some(START.plus(2 * SECOND)));
    let c = world.key("c").id;
    assert_eq!(world.get(c).state, KeyState::Active, "issued after");
    world.later(SECOND);
    let before = world.audit().len();
    world.changed(revoke_all());
    world.changed(revoke_all());
    assert_eq!(
        world.audit().len(),
        before + 1,
        "the second changed nothing"
    );
    assert_eq!(world.get(a).revoked_at, Some(START.plus(SECOND)));
    assert_eq!(world.get(c).revoked_at, Some(START.plus(3 * SECOND)));
}

#[test]
fn a_change_can_be_bound_to_a_revision() {
    let mut world = World::acme();
    let key = world.key("a");
    let other = world.key("b");
    let mismatch = world.ask_if(key.revision + 1, disable(key.id));
    assert_eq!(
        mismatch.unwrap_err(),
        Refusal::RevisionMismatch {
            current: key.revision
        }
    );
    changed(world.ask_if(key.revision, disable(key.id)));
    changed(world.ask_if(other.revision, revoke(other.id, "unspecified")));
    let order = || Command::PutOrganization(body(json!({"name": "New"})));
    assert!(
        world.ask_if(2, order()).is_err(),
        "the organization's own is 1"
    );
    changed(world.ask_if(1, order()));
    assert_eq!(
        World::empty("new").ask_if(1, order()).unwrap_err(),
        Refusal::RevisionMismatch { current: 0 }
    );
}

#[test]
fn a_repeated_request_makes_no_second_key() {
    let mut world = World::acme();
    let order = || issue(json!({"name": "a", "environment": "live", "scopes": ["read"]}));
    let made = issued(world.ask_once("k", "d", order())).key;
    match world.ask_once("k", "d", order()).unwrap_err() {
        Refusal::SecretAlreadyShown { key } => assert_eq!(key.id, made.id),
        other => panic!("{other:?}"),
    }
    assert_eq!(
        world.ask_once("k", "e", order()).unwrap_err(),
        Refusal::IdempotencyKeyReused
    );
    let rotated = issued(world.ask_once("r", "d", rotate(made.id, 60))).key;
    match world.ask_once("r", "d", rotate(made.id, 60)).unwrap_err() {
        Refusal::SecretAlreadyShown { key } => assert_eq!(key.id, rotated.id),
        other => panic!("{other:?}"),
    }
    world.actor = match admin(&["keys:write"]) {
        katalo_keys::registry::message::Actor::Key(mut other) => {
            other.id = rotated.id;
            katalo_keys::registry::message::Actor::Key(other)
        }
        _ => panic!(),
    };
    issued(world.ask_once("k", "d", order()));
    world.later(DAY);
    issued(world.ask_once("k", "d", order()));
}

#[test]
fn lists_are_newest_first_and_filtered() {
    let mut world = World::acme();
    for name in ["alpha", "Ærø", "beta", "ærlig", "gamma"] {
        world.key(name);
        world.later(DAY);
    }
    let all = list(&mut world, json!({}));
    assert_eq!(names(&all), ["gamma", "ærlig", "beta", "Ærø", "alpha"]);
    assert_eq!(all.next_cursor, None);
    let first = list(&mut world, json!({"limit": 2}));
    assert_eq!(names(&first), ["gamma", "ærlig"]);
    let second = list(&mut world, json!({"limit": 2, "cursor": first.next_cursor}));
    assert_eq!(names(&second), ["beta", "Ærø"]);
    let third = list(
        &mut world,
        json!({"limit": 2, "cursor": second.next_cursor}),
    );
    assert_eq!(names(&third), ["alpha"]);
    assert_eq!(third.next_cursor, None);
    let danish = list(&mut world, json!({"name": "ÆR"}));
    assert_eq!(names(&danish), ["ærlig", "Ærø"]);
    let unused = list(&mut world, json!({"unused_for_days": 4}));
    assert_eq!(names(&unused), ["Ærø", "alpha"]);
    let id = danish.items[0].id;
    world.changed_key(disable(id));
    assert_eq!(
        names(&list(&mut world, json!({"state": "disabled"}))),
        ["ærlig"]
    );
    assert_eq!(
        field(&world.refused(Command::ListKeys(body(json!({"cursor": "x"}))))),
        "cursor"
    );
}

/// The one rule of a key's state stands in Rust and, for counts and filters, in
/// SQL.
#[test]
fn sql_and_rust_agree_on_every_state() {
    let mut world = World::acme();
    let ids: Vec<_> = (0..8)
        .map(|place| {
            let mut order = json!({"name": "a", "environment": "live", "scopes": ["read"]});
            if place % 2 == 1 {
                order["expires_at"] = json!("2026-11-24T01:00:00Z");
            }
            world.issued(issue(order)).key.id
        })
        .collect();
    world.changed(revoke_all());
    for place in [1, 2, 4, 6] {
        let fresh = world.key("b").id;
        match place {
            1 => drop(world.changed_key(disable(fresh))),
            2 => drop(world.changed_key(revoke(fresh, "unspecified"))),
            4 => drop(world.issued(rotate(fresh, 7200))),
            _ => drop(world.issued(rotate(fresh, 0))),
        }
    }
    assert_eq!(world.get(ids[0]).state, KeyState::Revoked);
    let expiring = world.issued(issue(json!({
        "name": "c", "environment": "live", "scopes": ["read"], "expires_at": "2026-11-24T01:00:00Z"
    })));
    world.changed_key(disable(expiring.key.id));
    for wait in [0, HOUR - 1, 1, HOUR, HOUR] {
        world.later(wait);
        let all = list(&mut world, json!({"limit": 200})).items;
        let Ok(Outcome::Organization(view)) = world.ask(Command::GetOrganization {}) else {
            panic!()
        };
        let counts = serde_json::to_value(view.keys).unwrap();
        for state in ["active", "retiring", "disabled", "expired", "revoked"] {
            let listed = list(&mut world, json!({"state": state, "limit": 200})).items;
            let expected: Vec<_> = all
                .iter()
                .filter(|key| key.state.as_str() == state)
                .cloned()
                .collect();
            assert_eq!(listed, expected, "{state}");
            assert_eq!(counts[state], json!(expected.len()), "{state}");
        }
    }
}

#[test]
fn bodies_refuse_what_they_do_not_know() {
    let refused = |text: &str| {
        katalo_keys::json::from_str::<katalo_keys::registry::message::IssueKey>(text)
            .unwrap_err()
            .to_string()
    };
    let with =
        |more: &str| format!(r#"{{"name":"a","environment":"live","scopes":["read"]{more}}}"#);
    for (more, says) in [
        (r#","colour":1"#, "there is no member"),
        (r#","name":"b""#, "is there twice"),
        (r#","metadata":{"a":1,"a":2}"#, "twice"),
        (r#","metadata":{"x":{"a":1,"a":2}}"#, "twice"),
        (r#","metadata":{"x":[1.5]}"#, "whole"),
        (r#","metadata":{"x":9007199254740992}"#, "whole"),
        (r#","metadata":[]"#, "JSON object"),
        (r#","allowed_ips":["10.0.0.0/33"]"#, "network"),
        (r#","expires_at":"tomorrow""#, "RFC 3339"),
    ] {
        let error = refused(&with(more));
        assert!(error.contains(says), "{more}: {error}");
    }
    for bad in [
        r#"{"name":"","environment":"live","scopes":["read"]}"#,
        r#"{"name":"a\u0000b","environment":"live","scopes":["read"]}"#,
        r#"{"name":"a","environment":"live","scopes":[]}"#,
        r#"{"name":"a","environment":"live","scopes":["a b"]}"#,
    ] {
        refused(bad);
    }
    refused(&format!(
        r#"{{"name":"{}","environment":"live","scopes":["read"]}}"#,
        "å".repeat(101)
    ));
    let deep = format!("{}{}", r#"{"a":"#.repeat(33), "}".repeat(33));
    assert!(
        refused(&with(&format!(
            r#","metadata":{}"#,
            deep.replace(":}", ":1}")
        )))
        .contains("deep")
    );
    let big = format!(r#","metadata":{{"a":"{}"}}"#, "x".repeat(4089));
    assert!(refused(&with(&big)).contains("4096"));
    let patch =
        |text: &str| katalo_keys::json::from_str::<katalo_keys::registry::message::PatchKey>(text);
    assert!(patch(r#"{"name":null}"#).is_err());
    assert!(patch(r#"{"scopes":null}"#).is_err());
    assert!(patch(r#"{"environment":"live"}"#).is_err());
    assert!(patch(r#"{"expires_at":null}"#).is_ok());
}
