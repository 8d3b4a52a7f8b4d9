//! The one place that says yes.

use std::rc::Rc;

use super::address::ClientAddress;
use crate::key::{Environment, KeyDigest, KeyRecord, KeyState, OrganizationRecord};
use crate::time::Timestamp;

/// Whose keys a route takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Audience {
    /// Clients' routes: `live` keys.
    Clients {
        /// And `test` keys ([`TestKeys::are_taken`](super::TestKeys::are_taken)).
        test_keys: bool,
    },
    /// Admin routes: `admin` keys.
    Admins,
}

impl Audience {
    /// Whether its routes take keys of this environment, which stands in the id: no
    /// secret is needed to tell.
    #[must_use]
    pub const fn takes(self, environment: Environment) -> bool {
        match self {
            Self::Clients { .. } => environment.is_for_clients(),
            Self::Admins => matches!(environment, Environment::Admin),
        }
    }
}

/// What a route asks of a key.
#[derive(Clone, Copy, Debug)]
pub struct Demand<'a> {
    /// Whose keys it takes.
    pub audience: Audience,
    /// The scope it needs; none for the routes that any valid key may use.
    pub scope: Option<&'a str>,
}

/// Why a request is refused. Codes and texts are in `http::problem`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Denial {
    /// No bearer token was presented.
    MissingCredentials,
    /// Not of the form, or the checksum is wrong.
    MalformedKey,
    /// Forged id, unknown, or wrong secret: one answer for all.
    InvalidKey,
    /// Revoked for ever.
    RevokedKey,
    /// Its time, or the overlap with its successor, is over.
    ExpiredKey,
    /// Paused.
    DisabledKey,
    /// The organization's API access is off.
    ApiAccessDisabled,
    /// The route needs this scope.
    InsufficientScope(String),
    /// The route needs this scope, and the key leaked: it is held to others.
    RestrictedKey(String),
    /// A client's key on an admin route, or the other way round.
    WrongEnvironment,
    /// A `test` key where none is taken.
    TestKey,
    /// The key is tied to networks, and the caller is not in one of them.
    AddressNotAllowed,
    /// A browser sent it.
    BrowserCallRefused,
}

/// That a request is granted, and on which records: [`decide`] alone makes one.
#[derive(Clone, Debug)]
pub struct Grant {
    key: Rc<KeyRecord>,
    organization: Rc<OrganizationRecord>,
    state: KeyState,
}

impl Grant {
    /// The key's record.
    #[must_use]
    pub const fn key(&self) -> &Rc<KeyRecord> {
        &self.key
    }

    /// Its organization's record.
    #[must_use]
    pub const fn organization(&self) -> &Rc<OrganizationRecord> {
        &self.organization
    }

    /// `active` or `retiring`.
    #[must_use]
    pub const fn state(&self) -> KeyState {
        self.state
    }
}

/// Whether this record proves the presented secret wrong. A digest never
/// changes, so any record will do, however old.
#[must_use]
pub fn secret_is_wrong(presented: &KeyDigest, key: &KeyRecord) -> bool {
    !key.digest.matches(presented)
}

/// Decides one request. `key` and `organization` are what is known of the
/// presented key, `None` where there is no such thing. `client` is asked only
/// for a key that is tied to networks.
///
/// The order of the questions is part of the contract. The secret comes first:
/// whoever cannot prove it learns nothing more.
///
/// # Errors
/// The [`Denial`].
pub fn decide(
    presented: &KeyDigest,
    key: Option<&Rc<KeyRecord>>,
    organization: Option<&Rc<OrganizationRecord>>,
    demand: &Demand<'_>,
    client: &dyn Fn() -> ClientAddress,
    now: Timestamp,
) -> Result<Grant, Denial> {
    let (Some(key), Some(organization)) = (key, organization) else {
        return Err(Denial::InvalidKey);
    };
    if secret_is_wrong(presented, key) {
        return Err(Denial::InvalidKey);
    }
    let state = key.state(organization, now);
    match state {
        KeyState::Revoked => return Err(Denial::RevokedKey),
        KeyState::Expired => return Err(Denial::ExpiredKey),
        KeyState::Disabled => return Err(Denial::DisabledKey),
        KeyState::Active | KeyState::Retiring => {}
    }
    match (demand.audience, key.environment) {
        (Audience::Clients { test_keys: false }, Environment::Test) => {
            return Err(Denial::TestKey);
        }
        (Audience::Clients { .. }, Environment::Live | Environment::Test) => {
            if !organization.api_access {
                return Err(Denial::ApiAccessDisabled);
            }
        }
        // Only the platform's own organization can hold admin keys; checked
        // here again, since this is the door to everything.
        (Audience::Admins, Environment::Admin) if organization.id.is_platform() => {}
        _ => return Err(Denial::WrongEnvironment),
    }
    if !key.allowed_ips.is_empty() && !client().is_within(&key.allowed_ips) {
        return Err(Denial::AddressNotAllowed);
    }
    match demand.scope {
        Some(scope) if !key.scopes.contains(scope) => Err(if key.restricted {
            Denial::RestrictedKey(scope.to_owned())
        } else {
            Denial::InsufficientScope(scope.to_owned())
        }),
        _ => Ok(Grant {
            key: Rc::clone(key),
            organization: Rc::clone(organization),
            state,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{OrganizationId, RECORD_VERSION, Scope, Scopes};

    const NOW: Timestamp = Timestamp(1_000_000);
    const HOME: ClientAddress =
        ClientAddress::Proven(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

    fn digest(first: u8) -> KeyDigest {
        let mut text = "A".repeat(43);
        text.replace_range(0..1, if first == 0 { "A" } else { "B" });
        KeyDigest::from_text(&text).unwrap()
    }

    fn key() -> KeyRecord {
        KeyRecord {
            revision: 3,
            name: "Shop".into(),
            ..KeyRecord::issued(
                2,
                Timestamp(1),
                digest(0),
                Scopes::new(vec![Scope::parse("read").unwrap()]).unwrap(),
            )
        }
    }

    fn organization() -> OrganizationRecord {
        OrganizationRecord {
            v: RECORD_VERSION,
            revision: 1,
            id: OrganizationId::parse("acme").unwrap(),
            api_access: true,
            keys_revoked_through: 0,
            limits: Vec::new(),
        }
    }

    fn outcome(
        key: &KeyRecord,
        organization: &OrganizationRecord,
        scope: Option<&str>,
    ) -> Result<KeyState, Denial> {
        let (key, organization) = (Rc::new(key.clone()), Rc::new(organization.clone()));
        let demand = Demand {
            audience: Audience::Clients { test_keys: true },
            scope,
        };
        decide(
            &digest(0),
            Some(&key),
            Some(&organization),
            &demand,
            &|| HOME,
            NOW,
        )
        .map(|grant| grant.state())
    }

    #[test]
    fn each_refusal_has_its_reason() {
        let (key, organization) = (key(), organization());
        assert_eq!(
            outcome(&key, &organization, Some("read")),
            Ok(KeyState::Active)
        );
        assert_eq!(outcome(&key, &organization, None), Ok(KeyState::Active));
        assert_eq!(
            outcome(&key, &organization, Some("billing")),
            Err(Denial::InsufficientScope("billing".into()))
        );
        let leaked = KeyRecord {
            restricted: true,
            ..key.clone()
        };
        assert_eq!(
            outcome(&leaked, &organization, Some("billing")),
            Err(Denial::RestrictedKey("billing".into()))
        );
        let with = |change: &dyn Fn(&mut KeyRecord)| {
            let mut changed = key.clone();
            change(&mut changed);
            outcome(&changed, &organization, Some("read"))
        };
        assert_eq!(with(&|k| k.revoked = true), Err(Denial::RevokedKey));
        assert_eq!(with(&|k| k.disabled = true), Err(Denial::DisabledKey));
        assert_eq!(with(&|k| k.expires_at = Some(NOW)), Err(Denial::ExpiredKey));
        assert_eq!(
            with(&|k| k.expires_at = Some(NOW.plus(1))),
            Ok(KeyState::Active)
        );
        assert_eq!(
            with(&|k| k.retires_at = Some(NOW.plus(1))),
            Ok(KeyState::Retiring)
        );
        assert_eq!(with(&|k| k.retires_at = Some(NOW)), Err(Denial::ExpiredKey));
        assert_eq!(
            with(&|k| k.environment = Environment::Admin),
            Err(Denial::WrongEnvironment)
        );
        assert_eq!(
            with(&|k| k.allowed_ips = vec!["192.0.2.0/24".parse().unwrap()]),
            Err(Denial::AddressNotAllowed)
        );
        let off = OrganizationRecord {
            api_access: false,
            ..organization.clone()
        };
        assert_eq!(outcome(&key, &off, None), Err(Denial::ApiAccessDisabled));
        let all_revoked = OrganizationRecord {
            keys_revoked_through: 2,
            ..organization.clone()
        };
        assert_eq!(outcome(&key, &all_revoked, None), Err(Denial::RevokedKey));
        let earlier = OrganizationRecord {
            keys_revoked_through: 1,
            ..organization
        };
        assert_eq!(outcome(&key, &earlier, None), Ok(KeyState::Active));
    }

    #[test]
    fn a_grant_shows_what_it_was_given_on() {
        let (key, organization) = (Rc::new(key()), Rc::new(organization()));
        let demand = Demand {
            audience: Audience::Clients { test_keys: true },
            scope: None,
        };
        let unasked = || panic!("a key without networks asks for no address");
        let grant = decide(
            &digest(0),
            Some(&key),
            Some(&organization),
            &demand,
            &unasked,
            NOW,
        )
        .unwrap();
        assert!(Rc::ptr_eq(grant.key(), &key));
        assert!(Rc::ptr_eq(grant.organization(), &organization));
        assert_eq!(grant.state(), KeyState::Active);
        assert!(secret_is_wrong(&digest(1), &key));
        assert!(!secret_is_wrong(&digest(0), &key));
    }

    #[test]
    fn a_key_tied_to_networks_is_used_from_there() {
        let tied = KeyRecord {
            allowed_ips: vec!["127.0.0.0/8".parse().unwrap()],
            ..key()
        };
        let granted = outcome(&tied, &organization(), None);
        assert_eq!(granted, Ok(KeyState::Active));
    }

    #[test]
    fn a_test_key_is_told_where_none_is_taken() {
        let key = Rc::new(KeyRecord {
            environment: Environment::Test,
            ..key()
        });
        let organization = Rc::new(organization());
        let on = |test_keys| {
            let demand = Demand {
                audience: Audience::Clients { test_keys },
                scope: None,
            };
            let (key, organization) = (Some(&key), Some(&organization));
            decide(&digest(0), key, organization, &demand, &|| HOME, NOW).map(|_| ())
        };
        assert_eq!(on(true), Ok(()));
        assert_eq!(on(false), Err(Denial::TestKey));
    }

    #[test]
    fn an_audience_is_told_by_the_environment_alone() {
        for (environment, clients) in [
            (Environment::Live, true),
            (Environment::Test, true),
            (Environment::Admin, false),
        ] {
            assert_eq!(Audience::Admins.takes(environment), !clients);
            for test_keys in [false, true] {
                let audience = Audience::Clients { test_keys };
                assert_eq!(audience.takes(environment), clients, "{audience:?}");
            }
        }
    }

    /// Whatever else is wrong with a key: without its secret there is one answer.
    #[test]
    fn only_the_secret_buys_a_reason() {
        let organization = Rc::new(OrganizationRecord {
            api_access: false,
            ..organization()
        });
        let key = Rc::new(KeyRecord {
            revoked: true,
            disabled: true,
            expires_at: Some(NOW),
            ..key()
        });
        let demand = Demand {
            audience: Audience::Clients { test_keys: true },
            scope: Some("billing"),
        };
        for record in [Some(&key), None] {
            let refused = decide(
                &digest(1),
                record,
                Some(&organization),
                &demand,
                &|| HOME,
                NOW,
            );
            assert_eq!(refused.err(), Some(Denial::InvalidKey));
        }
    }

    #[test]
    fn admin_routes_take_the_platforms_admin_keys_alone() {
        let demand = Demand {
            audience: Audience::Admins,
            scope: None,
        };
        let admin = KeyRecord {
            environment: Environment::Admin,
            ..key()
        };
        let platform = OrganizationRecord {
            id: OrganizationId::platform(),
            api_access: false,
            ..organization()
        };
        let on = |key: &KeyRecord, organization: &OrganizationRecord| {
            decide(
                &digest(0),
                Some(&Rc::new(key.clone())),
                Some(&Rc::new(organization.clone())),
                &demand,
                &|| HOME,
                NOW,
            )
            .map(|_| ())
        };
        assert_eq!(on(&admin, &platform), Ok(()));
        assert_eq!(on(&admin, &organization()), Err(Denial::WrongEnvironment));
        assert_eq!(on(&key(), &platform), Err(Denial::WrongEnvironment));
    }
}
