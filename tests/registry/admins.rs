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
