//! Which scope a route takes.

use crate::http::place::AdminPlace;
use crate::key::OrganizationId;
use crate::registry::Permission;

/// The scope a place needs, from the [table](Permission) that the registry asks
/// too; none for the places that prove their callers themselves.
#[must_use]
pub fn scope_of(place: &AdminPlace<'_>, method: &str) -> &'static str {
    let reads = method == "GET";
    let permission = match place {
        AdminPlace::Bootstrap | AdminPlace::Session => return "",
        AdminPlace::Status | AdminPlace::RootKeys => Permission::ReadStatus,
        AdminPlace::Organizations => Permission::ReadOrganizations,
        AdminPlace::Organization(_) if reads => Permission::ReadOrganizations,
        AdminPlace::Organization(_) | AdminPlace::Undelete(_) => Permission::WriteOrganizations,
        // What a body names is settled at its registry, which asks for more in `_platform`.
        AdminPlace::KeyLookup => Permission::ReadKeys,
        AdminPlace::Keys(_) | AdminPlace::Key(..) if reads => Permission::ReadKeys,
        AdminPlace::Keys(_)
        | AdminPlace::DisableKeys(_)
        | AdminPlace::RevokeKeys(_)
        | AdminPlace::Key(..)
        | AdminPlace::KeyAction(..)
        | AdminPlace::RevokeAll(_)
        | AdminPlace::Export(_)
        | AdminPlace::Import(_) => Permission::WriteKeys,
        AdminPlace::Impact(..)
        | AdminPlace::Usage(_)
        | AdminPlace::Limits(_)
        | AdminPlace::KeyLimits(..) => Permission::ReadUsage,
        AdminPlace::Audit(_) | AdminPlace::AuditHead(_) => Permission::ReadAudit,
    };
    let (_, organization, _) = place.parts();
    permission.scope(organization == Some(OrganizationId::PLATFORM))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Place;
    use crate::http::admin::{Facts, ask};
    use crate::http::place::ADMIN;
    use crate::key::{KeyId, Scope, Scopes};
    use crate::registry::message::{Actor, Admin};
    use crate::registry::{ADMIN_SCOPES, permit};
    use crate::time::Timestamp;

    #[test]
    fn scopes_and_the_platforms_own() {
        let scope = |method: &str, path: &str| {
            let Place::Admin(place) = Place::of(path) else {
                panic!("{path}")
            };
            scope_of(&place, method)
        };
        assert_eq!(
            scope("GET", "/admin/v1/organizations/acme/keys"),
            "keys:read"
        );
        assert_eq!(
            scope("POST", "/admin/v1/organizations/acme/keys"),
            "keys:write"
        );
        for path in ["", "/keys", "/audit", "/usage", "/export", "/revoke-all"] {
            for method in ["GET", "POST", "PUT"] {
                assert_eq!(
                    scope(method, &format!("/admin/v1/organizations/_platform{path}")),
                    "admins:write"
                );
            }
        }
    }

    /// Whoever passes at the edge passes at the registry, with one scope and with
    /// the same.
    #[test]
    fn the_edge_and_the_registry_ask_for_the_same_scope() {
        const ID: &str = "kat_live_20BAssrdJ8UvAGbTzdPedgcnuDWlHC";
        const BODIES: [&str; 7] = [
            "",
            r#"{"name":"a"}"#,
            r#"{"name":"a","environment":"live","scopes":["read"]}"#,
            r#"{"reason":"unspecified"}"#,
            r#"{"keys":[]}"#,
            r#"{"ids":["kat_live_20BAssrdJ8UvAGbTzdPedgcnuDWlHC"]}"#,
            r#"{"ids":["kat_live_20BAssrdJ8UvAGbTzdPedgcnuDWlHC"],"reason":"unspecified"}"#,
        ];
        let mut asked_for = 0;
        for organization in ["acme", OrganizationId::PLATFORM] {
            for (template, make) in ADMIN {
                let place = make(organization, ID);
                if !template.contains("{organization}") {
                    continue;
                }
                let path = template
                    .replace("{organization}", organization)
                    .replace("{key_id}", ID);
                for method in place.allow().split(", ") {
                    let command = BODIES
                        .iter()
                        .find_map(|body| {
                            let facts = Facts {
                                method,
                                query: "",
                                body: body.as_bytes(),
                                if_match: None,
                                if_none_match: None,
                                now: Timestamp(0),
                            };
                            ask(&place, &facts).ok().flatten()
                        })
                        .unwrap()
                        .command;
                    let id = OrganizationId::parse(organization).unwrap();
                    let permitted = |scope: &&str| {
                        let scopes = vec![Scope::parse(scope).unwrap()];
                        let admin = Admin {
                            id: KeyId::parse(ID).unwrap(),
                            name: "a".to_owned(),
                            scopes: Scopes::new(scopes).unwrap(),
                            bound_organization: None,
                        };
                        permit(&Actor::Key(admin), &id, &command).is_ok()
                    };
                    let enough: Vec<&str> = ADMIN_SCOPES.into_iter().filter(permitted).collect();
                    assert_eq!(enough, [scope_of(&place, method)], "{method} {path}");
                    asked_for += 1;
                }
            }
        }
        assert_eq!(asked_for, 48);
    }
}
