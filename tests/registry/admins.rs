//! `_platform`: bootstrap, grants, reach, and the last admin.

use katalo_keys::key::{Environment, KeyId};
use katalo_keys::registry::ADMIN_SCOPES;
use katalo_keys::registry::message::{Actor, Command, KeyView, LeakSource, Outcome, Refusal};
use serde_json::json;

use crate::world::{
    World, admin, admin_of, body, disable, enable, issue, issued, organization, patch, revoke,
    revoke_all, rotate, scopes,
};

fn bootstrap(digest: &str) -> Command {
    Command::Bootstrap {
        token_digest: digest.to_owned(),
    }
}

fn second(world: &mut World, names: &[&str]) -> KeyView {
    world
        .issued(issue(
            json!({"name": "Second", "environment": "admin", "scopes": names}),
        ))
        .key
}

fn lacks(scope: &str) -> Refusal {
    Refusal::InsufficientScope {
        scope: katalo_keys::key::Scope::parse(scope).unwrap(),
    }
}

#[test]
fn bootstrap_works_once_per_token() {
    let (mut world, first) = World::platform();
    assert_eq!(first.environment, Environment::Admin);
    assert_eq!(first.scopes, scopes(&ADMIN_SCOPES));
    assert!(first.enforced);
    let again = world.ask_as(Actor::Bootstrap, bootstrap("t1"));
    assert_eq!(again.unwrap_err(), Refusal::AlreadyBootstrapped);
    issued(world.ask_as(Actor::Bootstrap, bootstrap("t2")));
    for used in ["t1", "t2"] {
        let again = world.ask_as(Actor::Bootstrap, bootstrap(used));
        assert_eq!(again.unwrap_err(), Refusal::AlreadyBootstrapped);
    }
    assert_eq!(
        world.refused(bootstrap("t3")),
        Refusal::NotFound,
        "not for admins"
    );
}

#[test]
fn nobody_grants_what_they_lack() {
    let (mut world, first) = World::platform();
    world.actor = admin_of(&first);
    let limited = second(&mut world, &["admins:write", "keys:read"]);
    world.actor = admin_of(&limited);
    assert_eq!(
        world.refused(issue(
            json!({"name": "x", "environment": "admin", "scopes": ["keys:read", "keys:write"]})
        )),
        lacks("keys:write")
    );
    assert_eq!(world.refused(rotate(first.id, 0)), lacks("audit:read"));
    assert_eq!(
        world.refused(patch(
            limited.id,
            json!({"scopes": ["admins:write", "keys:write"]})
        )),
        lacks("keys:write")
    );
    let third = second(&mut world, &["keys:read"]);
    world.changed_key(patch(third.id, json!({"allowed_ips": ["192.0.2.1"]})));
    assert_eq!(
        world.refused(patch(first.id, json!({"allowed_ips": ["192.0.2.1"]}))),
        lacks("audit:read"),
        "reach of a greater key"
    );
    world.actor = admin_of(&first);
    let fourth = second(&mut world, &["keys:write"]);
    world.changed_key(disable(fourth.id));
    world.actor = admin_of(&limited);
    assert_eq!(world.refused(enable(fourth.id)), lacks("keys:write"));
    world.changed_key(revoke(fourth.id, "unspecified"));
    world.changed_key(patch(limited.id, json!({"scopes": ["admins:write"]})));
}

/// A key that ends, or is tied to networks, makes none that goes on after it or
/// works from elsewhere: not by issuing, not by changing, rotating or enabling.
/// Through a dashboard session it is the same.
#[test]
fn nobody_grants_a_longer_life_or_wider_networks_than_their_own() {
    let (mut world, first) = World::platform();
    let make = |world: &mut World, more: serde_json::Value| {
        let mut order = json!({"name": "k", "environment": "admin", "scopes": ["keys:read"]});
        order
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        world.ask(issue(order))
    };
    let free = issued(make(&mut world, json!({}))).key;
    let paused = issued(make(&mut world, json!({}))).key;
    world.changed_key(disable(paused.id));
    let limits = json!({"scopes": ["admins:write", "keys:read", "audit:read"],
        "expires_at": "2026-12-24T00:00:00Z", "allowed_ips": ["192.0.2.0/24", "2001:db8::/32"]});
    let limited = issued(make(&mut world, limits)).key;

    let Actor::Key(admin) = admin_of(&limited) else {
        panic!()
    };
    for actor in [Actor::Key(admin.clone()), Actor::Session(admin)] {
        world.actor = actor;
        let within = ["2026-12-24T00:00:00Z", "192.0.2.128/25"];
        for (ends, networks, wrong) in [
            (json!(null), json!([within[1]]), "expires_at"),
            (
                json!("2026-12-24T00:00:00.001Z"),
                json!([within[1]]),
                "expires_at",
            ),
            (json!(within[0]), json!([]), "allowed_ips"),
            (json!(within[0]), json!(["192.0.2.0/23"]), "allowed_ips"),
            (
                json!(within[0]),
                json!([within[1], "198.51.100.7"]),
                "allowed_ips",
            ),
            (json!(within[0]), json!(["::/0"]), "allowed_ips"),
        ] {
            let limits = json!({"expires_at": ends, "allowed_ips": networks});
            let refused = make(&mut world, limits.clone()).unwrap_err();
            assert_eq!(field(&refused), wrong, "{limits}");
            // What its key was given is not shed either.
            let refused = world.refused(patch(limited.id, limits.clone()));
            assert_eq!(field(&refused), wrong, "{limits}");
        }
        let own = json!({"expires_at": within[0], "allowed_ips": [within[1], "2001:db8::1"]});
        let made = issued(make(&mut world, own)).key;
        world.changed_key(patch(made.id, json!({"allowed_ips": ["192.0.2.7"]})));

        let add = patch(free.id, json!({"scopes": ["keys:read", "audit:read"]}));
        for command in [rotate(free.id, 0), enable(paused.id), add] {
            assert_eq!(field(&world.refused(command)), "expires_at");
        }
        world.changed_key(patch(free.id, json!({"name": "Other"})));
    }
    let successor = world.issued(rotate(limited.id, 3_600)).key;
    assert_eq!(successor.expires_at, limited.expires_at);
    assert_eq!(successor.allowed_ips, limited.allowed_ips);

    // The end of an overlap is an end too.
    world.actor = admin_of(&first);
    issued(make(&mut world, json!({})));
    let next = world.issued(rotate(first.id, 3_600)).key;
    assert_eq!(
        field(&make(&mut world, json!({})).unwrap_err()),
        "expires_at"
    );
    world.actor = admin_of(&next);
    issued(make(&mut world, json!({})));
}

fn field(refusal: &Refusal) -> &str {
    match refusal {
        Refusal::InvalidRequest { field, .. } => field,
        other => panic!("{other:?}"),
    }
}

#[test]
fn only_admin_keys_and_known_scopes_are_in_platform() {
    let (mut world, _) = World::platform();
    for order in [
        json!({"name": "x", "environment": "live", "scopes": ["keys:read"]}),
        json!({"name": "x", "environment": "admin", "scopes": ["read"]}),
        json!({"name": "x", "environment": "admin", "scopes": ["keys:read"], "bound_organization": "_platform"}),
    ] {
        assert!(matches!(
            world.refused(issue(order)),
            Refusal::InvalidRequest { .. }
        ));
    }
    for command in [
        Command::PutOrganization(body(json!({"name": "x"}))),
        Command::PutOrganization(body(json!({"name": "x", "api_access": "disabled"}))),
        Command::PatchOrganization(body(json!({"api_access": "disabled"}))),
    ] {
        let Refusal::InvalidRequest { field, .. } = world.refused(command) else {
            panic!()
        };
        assert_eq!(field, "organization");
    }
    let bound = world
        .issued(issue(json!({"name": "x", "environment": "admin",
            "scopes": ["keys:read"], "bound_organization": "acme"})))
        .key;
    let rotated = world.issued(rotate(bound.id, 0)).key;
    assert_eq!(rotated.bound_organization, Some(organization("acme")));
}

#[test]
fn scopes_and_reach_are_asked_for() {
    let mut acme = World::acme();
    let id = acme.key("a").id;
    acme.actor = admin(&["keys:read"]);
    assert!(acme.ask(Command::GetKey { id }).is_ok());
    assert_eq!(acme.refused(disable(id)), lacks("keys:write"));
    assert_eq!(
        acme.refused(Command::GetOrganization {}),
        lacks("organizations:read")
    );
    let Actor::Key(mut bound) = admin(&ADMIN_SCOPES) else {
        panic!()
    };
    bound.bound_organization = Some(organization("beta"));
    acme.actor = Actor::Session(bound.clone());
    assert_eq!(acme.refused(Command::GetKey { id }), Refusal::NotFound);
    bound.bound_organization = Some(organization("acme"));
    acme.actor = Actor::Session(bound.clone());
    assert!(acme.ask(Command::GetKey { id }).is_ok());

    let (mut platform, first) = World::platform();
    platform.actor = Actor::Key(bound);
    assert_eq!(
        platform.refused(Command::GetKey { id: first.id }),
        Refusal::NotFound
    );
    platform.actor = admin(&["keys:read", "keys:write", "audit:read"]);
    assert_eq!(
        platform.refused(Command::GetKey { id: first.id }),
        lacks("admins:write")
    );
    platform.actor = admin(&["admins:write"]);
    assert!(platform.ask(Command::GetKey { id: first.id }).is_ok());
    assert!(platform.ask(Command::ListAudit(body(json!({})))).is_ok());
}

/// Every way to take the last admin away, and that a second one lets it pass.
#[test]
fn the_last_admin_stays() {
    type Way = fn(KeyId) -> Command;
    let ways: [(&str, Way); 6] = [
        ("revoke", |id| revoke(id, "unspecified")),
        ("disable", disable),
        ("expiry", |id| {
            patch(id, json!({"expires_at": "2030-01-01T00:00:00Z"}))
        }),
        ("scope cut", |id| {
            patch(id, json!({"scopes": ["keys:read"]}))
        }),
        ("addresses", |id| {
            patch(id, json!({"allowed_ips": ["192.0.2.1"]}))
        }),
        ("revoke all", |_| revoke_all()),
    ];
    for (name, way) in ways {
        let (mut world, first) = World::platform();
        let before = world.lines();
        assert_eq!(world.refused(way(first.id)), Refusal::LastAdmin, "{name}");
        assert_eq!(world.lines(), before, "{name}");
        // An expiring, a bound, and one without the scope do not count.
        for order in [
            json!({"name": "x", "environment": "admin", "scopes": ["admins:write"], "expires_at": "2030-01-01T00:00:00Z"}),
            json!({"name": "x", "environment": "admin", "scopes": ["admins:write"], "bound_organization": "acme"}),
            json!({"name": "x", "environment": "admin", "scopes": ["admins:write"], "allowed_ips": ["192.0.2.1"]}),
            json!({"name": "x", "environment": "admin", "scopes": ["keys:read"]}),
        ] {
            world.issued(issue(order));
        }
        assert_eq!(world.refused(way(first.id)), Refusal::LastAdmin, "{name}");
        if name != "revoke all" {
            second(&mut world, &["admins:write"]);
            world.changed(way(first.id));
        }
    }
}

#[test]
fn the_last_admin_can_be_rotated_renamed_and_reported() {
    let (mut world, first) = World::platform();
    world.changed_key(patch(first.id, json!({"name": "Other"})));
    let successor = world.issued(rotate(first.id, 0)).key;
    world.actor = admin_of(&successor);
    assert_eq!(
        world.refused(revoke(successor.id, "unspecified")),
        Refusal::LastAdmin
    );
    // A leak reported from outside is exempt; a new token is the way back.
    let report = Command::ReportLeak {
        key: successor.id.public,
        source: LeakSource::Github,
        url: String::new(),
    };
    let leak = world.ask_as(Actor::System, report);
    assert!(matches!(leak, Ok(Outcome::Changed(_))));
    issued(world.ask_as(Actor::Bootstrap, bootstrap("t2")));
}
