//! Where a path leads.

/// A place of the service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place<'a> {
    /// `/healthz`
    Health,
    /// `/openapi.json`
    OpenApi,
    /// `/problems/{code}`
    Problem(&'a str),
    /// `/dashboard/…`: static files.
    Dashboard,
    /// `/v1/key`
    OwnKey,
    /// `/v1/key/usage`
    OwnUsage,
    /// Any other path under `/v1/`.
    Gateway,
    /// `/authorize`
    Authorize,
    /// `/authorize/{dialect}`
    ForwardAuth(Dialect<'a>),
    /// `/oauth2/introspect` (RFC 7662)
    Introspect,
    /// `/oauth2/revoke` (RFC 7009)
    Revoke,
    /// `/leaks/github`: a report of its secret scanning.
    LeakReport,
    /// `/admin/v1/…`
    Admin(AdminPlace<'a>),
    /// Nothing of ours.
    Unknown,
}

/// Which proxy is asking. It is in the path, so that a client behind the proxy
/// cannot choose which of its headers count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dialect<'a> {
    /// nginx `auth_request`: `X-Original-Method`, `X-Original-URI`.
    Nginx,
    /// Caddy `forward_auth`, Traefik `ForwardAuth`: `X-Forwarded-Method`,
    /// `X-Forwarded-Uri`.
    Forwarded,
    /// Envoy `ext_authz`: the request's own method, its path appended.
    Envoy(&'a str),
}

/// A place of the admin API; ids are still as they came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AdminPlace<'a> {
    /// `/bootstrap`
    Bootstrap,
    /// `/session`
    Session,
    /// `/status`
    Status,
    /// `/status/root-keys`
    RootKeys,
    /// `/organizations`
    Organizations,
    /// `/organizations/{org}`
    Organization(&'a str),
    /// `…/{org}/keys`
    Keys(&'a str),
    /// `…/{org}/keys/{key id}`
    Key(&'a str, &'a str),
    /// `…/{org}/keys/{key id}/{action}`
    KeyAction(&'a str, &'a str, KeyAction),
    /// `…/{org}/keys/{key id}/impact`
    Impact(&'a str, &'a str),
    /// `…/{org}/revoke-all`
    RevokeAll(&'a str),
    /// `…/{org}/audit`
    Audit(&'a str),
    /// `…/{org}/audit/head`
    AuditHead(&'a str),
    /// `…/{org}/usage`
    Usage(&'a str),
    /// `…/{org}/export`
    Export(&'a str),
    /// `…/{org}/import`
    Import(&'a str),
}

/// What is done to a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyAction {
    /// A new secret under a new id.
    Rotate,
    /// For ever.
    Revoke,
    /// For a while.
    Disable,
    /// Again.
    Enable,
}

impl<'a> Place<'a> {
    /// The place of a checked path.
    #[must_use]
    pub fn of(path: &'a str) -> Self {
        match path {
            "/healthz" => return Self::Health,
            "/openapi.json" => return Self::OpenApi,
            "/v1/key" => return Self::OwnKey,
            "/v1/key/usage" => return Self::OwnUsage,
            "/authorize" => return Self::Authorize,
            "/authorize/nginx" => return Self::ForwardAuth(Dialect::Nginx),
            "/authorize/forwarded" => return Self::ForwardAuth(Dialect::Forwarded),
            "/oauth2/introspect" => return Self::Introspect,
            "/oauth2/revoke" => return Self::Revoke,
            "/leaks/github" => return Self::LeakReport,
            "/" | "/dashboard" => return Self::Dashboard,
            _ => {}
        }
        if path.starts_with("/v1/") {
            Self::Gateway
        } else if let Some(rest) = path.strip_prefix("/admin/v1/") {
            AdminPlace::of(rest).map_or(Self::Unknown, Self::Admin)
        } else if let Some(appended) = path
            .strip_prefix("/authorize/envoy")
            .filter(|rest| rest.starts_with('/'))
        {
            Self::ForwardAuth(Dialect::Envoy(appended))
        } else if let Some(code) = path.strip_prefix("/problems/") {
            Self::Problem(code)
        } else if path.starts_with("/dashboard/") {
            Self::Dashboard
        } else {
            Self::Unknown
        }
    }

    /// Whether keys of clients are used here, so that browsers are refused.
    #[must_use]
    pub const fn refuses_browsers(&self) -> bool {
        matches!(
            self,
            Self::OwnKey
                | Self::OwnUsage
                | Self::Gateway
                | Self::Authorize
                | Self::ForwardAuth(_)
                | Self::Introspect
                | Self::Revoke
        )
    }
}

impl<'a> AdminPlace<'a> {
    fn of(rest: &'a str) -> Option<Self> {
        let mut parts = rest.split('/');
        let place = match (
            parts.next()?,
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
        ) {
            ("bootstrap", None, ..) => Self::Bootstrap,
            ("session", None, ..) => Self::Session,
            ("status", None, ..) => Self::Status,
            ("status", Some("root-keys"), None, ..) => Self::RootKeys,
            ("organizations", None, ..) => Self::Organizations,
            ("organizations", Some(org), None, ..) if !org.is_empty() => Self::Organization(org),
            ("organizations", Some(org), Some(below), None, _) => match below {
                "keys" => Self::Keys(org),
                "revoke-all" => Self::RevokeAll(org),
                "audit" => Self::Audit(org),
                "usage" => Self::Usage(org),
                "export" => Self::Export(org),
                "import" => Self::Import(org),
                _ => return None,
            },
            ("organizations", Some(org), Some("audit"), Some("head"), None) => Self::AuditHead(org),
            ("organizations", Some(org), Some("keys"), Some(id), None) if !id.is_empty() => {
                Self::Key(org, id)
            }
            ("organizations", Some(org), Some("keys"), Some(id), Some(action)) => match action {
                "rotate" => Self::KeyAction(org, id, KeyAction::Rotate),
                "revoke" => Self::KeyAction(org, id, KeyAction::Revoke),
                "disable" => Self::KeyAction(org, id, KeyAction::Disable),
                "enable" => Self::KeyAction(org, id, KeyAction::Enable),
                "impact" => Self::Impact(org, id),
                _ => return None,
            },
            _ => return None,
        };
        parts.next().is_none().then_some(place)
    }

    /// Its pattern below `/admin/v1`, and whose it is: the organization and the
    /// key, as they stand in the path.
    #[must_use]
    pub const fn parts(&self) -> (&'static str, Option<&'a str>, Option<&'a str>) {
        match *self {
            Self::Bootstrap => ("/bootstrap", None, None),
            Self::Session => ("/session", None, None),
            Self::Status => ("/status", None, None),
            Self::RootKeys => ("/status/root-keys", None, None),
            Self::Organizations => ("/organizations", None, None),
            Self::Organization(org) => ("/organizations/{org}", Some(org), None),
            Self::Keys(org) => ("/organizations/{org}/keys", Some(org), None),
            Self::Key(org, id) => ("/organizations/{org}/keys/{key id}", Some(org), Some(id)),
            Self::KeyAction(org, id, action) => {
                let pattern = match action {
                    KeyAction::Rotate => "/organizations/{org}/keys/{key id}/rotate",
                    KeyAction::Revoke => "/organizations/{org}/keys/{key id}/revoke",
                    KeyAction::Disable => "/organizations/{org}/keys/{key id}/disable",
                    KeyAction::Enable => "/organizations/{org}/keys/{key id}/enable",
                };
                (pattern, Some(org), Some(id))
            }
            Self::Impact(org, id) => {
                let pattern = "/organizations/{org}/keys/{key id}/impact";
                (pattern, Some(org), Some(id))
            }
            Self::RevokeAll(org) => ("/organizations/{org}/revoke-all", Some(org), None),
            Self::Audit(org) => ("/organizations/{org}/audit", Some(org), None),
            Self::AuditHead(org) => ("/organizations/{org}/audit/head", Some(org), None),
            Self::Usage(org) => ("/organizations/{org}/usage", Some(org), None),
            Self::Export(org) => ("/organizations/{org}/export", Some(org), None),
            Self::Import(org) => ("/organizations/{org}/import", Some(org), None),
        }
    }

    /// The methods it takes, as `Allow` writes them (RFC 9110 section 10.2.1).
    #[must_use]
    pub const fn allow(&self) -> &'static str {
        match self {
            Self::Bootstrap | Self::KeyAction(..) | Self::RevokeAll(_) | Self::Import(_) => "POST",
            Self::Session => "GET, POST, DELETE",
            Self::Organizations
            | Self::Status
            | Self::RootKeys
            | Self::Impact(..)
            | Self::Audit(_)
            | Self::AuditHead(_)
            | Self::Usage(_)
            | Self::Export(_) => "GET",
            Self::Organization(_) => "GET, PUT, DELETE",
            Self::Keys(_) => "GET, POST",
            Self::Key(..) => "GET, PATCH",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        for (path, place) in [
            ("/v1/key", Place::OwnKey),
            ("/v1/keys", Place::Gateway),
            ("/v1", Place::Unknown),
            (
                "/authorize/envoy/v1/x",
                Place::ForwardAuth(Dialect::Envoy("/v1/x")),
            ),
            ("/authorize/envoy", Place::Unknown),
            ("/leaks/github", Place::LeakReport),
            ("/leaks/gitlab", Place::Unknown),
            ("/authorize/envoyx", Place::Unknown),
            ("/problems/invalid_key", Place::Problem("invalid_key")),
            (
                "/admin/v1/organizations",
                Place::Admin(AdminPlace::Organizations),
            ),
            ("/admin/v1/organizations/", Place::Unknown),
            (
                "/admin/v1/organizations/acme",
                Place::Admin(AdminPlace::Organization("acme")),
            ),
            (
                "/admin/v1/organizations/acme/audit/head",
                Place::Admin(AdminPlace::AuditHead("acme")),
            ),
            ("/admin/v1/organizations/acme/audit/tail", Place::Unknown),
            (
                "/admin/v1/organizations/acme/keys/k",
                Place::Admin(AdminPlace::Key("acme", "k")),
            ),
            (
                "/admin/v1/organizations/acme/keys/k/revoke",
                Place::Admin(AdminPlace::KeyAction("acme", "k", KeyAction::Revoke)),
            ),
            (
                "/admin/v1/organizations/acme/keys/k/revoke/x",
                Place::Unknown,
            ),
            ("/admin/v1/session/x", Place::Unknown),
            (
                "/admin/v1/status/root-keys",
                Place::Admin(AdminPlace::RootKeys),
            ),
            ("/admin/v1/status/root-keys/x", Place::Unknown),
            ("/admin", Place::Unknown),
        ] {
            assert_eq!(Place::of(path), place, "{path}");
            if let Place::Admin(place) = place {
                let (pattern, organization, key) = place.parts();
                let named = pattern
                    .replace("{org}", organization.unwrap_or_default())
                    .replace("{key id}", key.unwrap_or_default());
                assert_eq!(format!("/admin/v1{named}"), path);
            }
        }
    }
}
