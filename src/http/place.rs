//! Where a path leads.

use super::path::checked_path;

/// A place of the service.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place<'a> {
    /// `/healthz`
    Health,
    /// `/openapi.json`
    OpenApi,
    /// `/problems/{code}`
    Problem(&'a str),
    /// `/dashboard/…` and `/docs/…`: static files.
    Static,
    /// `/v1/key`
    OwnKey,
    /// `/v1/key/usage`
    OwnUsage,
    /// What leads to the API behind: any other path under `/v1/`, or anywhere.
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
    /// `/keys/lookup`
    KeyLookup,
    /// `/organizations`
    Organizations,
    /// `/organizations/{org}`
    Organization(&'a str),
    /// `…/{org}/keys`
    Keys(&'a str),
    /// `…/{org}/keys/disable`
    DisableKeys(&'a str),
    /// `…/{org}/keys/revoke`
    RevokeKeys(&'a str),
    /// `…/{org}/keys/{key id}`
    Key(&'a str, &'a str),
    /// `…/{org}/keys/{key id}/{action}`
    KeyAction(&'a str, &'a str, KeyAction),
    /// `…/{org}/keys/{key id}/impact`
    Impact(&'a str, &'a str),
    /// `…/{org}/revoke-all`
    RevokeAll(&'a str),
    /// `…/{org}/undelete`
    Undelete(&'a str),
    /// `…/{org}/audit`
    Audit(&'a str),
    /// `…/{org}/audit/head`
    AuditHead(&'a str),
    /// `…/{org}/usage`
    Usage(&'a str),
    /// `…/{org}/limits`
    Limits(&'a str),
    /// `…/{org}/keys/{key id}/limits`
    KeyLimits(&'a str, &'a str),
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

/// Places of clients and proxies whose path says all; `OWN_PREFIX` stands before it.
pub const MOVABLE: [(&str, Place<'static>); 8] = [
    ("/healthz", Place::Health),
    ("/v1/key", Place::OwnKey),
    ("/v1/key/usage", Place::OwnUsage),
    ("/authorize", Place::Authorize),
    ("/authorize/nginx", Place::ForwardAuth(Dialect::Nginx)),
    (
        "/authorize/forwarded",
        Place::ForwardAuth(Dialect::Forwarded),
    ),
    ("/oauth2/introspect", Place::Introspect),
    ("/oauth2/revoke", Place::Revoke),
];

/// All other places whose path says all.
pub const FIXED: [(&str, Place<'static>); 5] = [
    ("/openapi.json", Place::OpenApi),
    ("/leaks/github", Place::LeakReport),
    ("/", Place::Static),
    ("/dashboard", Place::Static),
    ("/docs", Place::Static),
];

/// The patterns of all that the service keeps for itself, and whether `OWN_PREFIX`
/// stands before it. Below `/authorize` and `/oauth2` that is everything: a proxy that
/// asks at a misspelt address must not be answered by the API.
pub(super) const RESERVED: [(&str, bool); 15] = [
    ("/healthz", true),
    ("/v1/key", true),
    ("/v1/key/usage", true),
    ("/authorize", true),
    ("/authorize/*", true),
    ("/oauth2/*", true),
    ("/openapi.json", false),
    ("/leaks/github", false),
    ("/", false),
    ("/dashboard", false),
    ("/dashboard/*", false),
    ("/docs", false),
    ("/docs/*", false),
    ("/problems/*", false),
    ("/admin/v1/*", false),
];

/// `OWN_PREFIX`, if it can stand before our own paths: plain segments, without a slash
/// at the end, and none that leads to what does not move.
#[must_use]
pub fn own_prefix(text: &str) -> Option<String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    let fits = checked_path(text).is_some()
        && text.bytes().all(is_plain)
        && !text.ends_with('/')
        && !["/admin", "/problems", "/dashboard", "/docs", "/leaks"]
            .iter()
            .any(|taken| text.starts_with(taken));
    fits.then(|| text.to_owned())
}

impl<'a> Place<'a> {
    /// The place of a checked path, where our own have no prefix and the gateway is
    /// under `/v1/` alone.
    #[must_use]
    pub fn of(path: &'a str) -> Self {
        Self::among(path, "", false)
    }

    /// The place of a checked path. `is_open`: whether the gateway takes what is
    /// nobody's.
    pub(super) fn among(path: &'a str, own_prefix: &str, is_open: bool) -> Self {
        let fixed = |paths: &[(&str, Place<'static>)], path: &str| {
            let found = paths.iter().find(|(fixed, _)| *fixed == path);
            found.map(|(_, place)| *place)
        };
        let own = path.strip_prefix(own_prefix).unwrap_or_default();
        if let Some(place) = fixed(&MOVABLE, own) {
            place
        } else if let Some(place) = fixed(&FIXED, path) {
            place
        } else if let Some(rest) = path.strip_prefix(ADMIN_PREFIX) {
            AdminPlace::of(rest).map_or(Self::Unknown, Self::Admin)
        } else if let Some(appended) = own
            .strip_prefix("/authorize/envoy")
            .filter(|rest| rest.starts_with('/'))
        {
            Self::ForwardAuth(Dialect::Envoy(appended))
        } else if own.starts_with("/authorize/") || own.starts_with("/oauth2/") {
            Self::Unknown
        } else if let Some(code) = path.strip_prefix("/problems/") {
            Self::Problem(code)
        } else if path.starts_with("/dashboard/") || path.starts_with("/docs/") {
            Self::Static
        } else if is_open || path.starts_with("/v1/") {
            Self::Gateway
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

/// What every path of the admin API begins with.
pub const ADMIN_PREFIX: &str = "/admin/v1/";

/// Makes a place of the values of its template's variables, in their order.
type Make = for<'a> fn(&'a str, &'a str) -> AdminPlace<'a>;

/// The places of the admin API by the template of their path behind
/// [`ADMIN_PREFIX`] (RFC 6570 level 1). A variable is one segment that is not
/// empty; a word goes before the variable in whose place it stands.
#[rustfmt::skip]
pub const ADMIN: [(&str, Make); 25] = [
    ("bootstrap", |_, _| AdminPlace::Bootstrap),
    ("session", |_, _| AdminPlace::Session),
    ("status", |_, _| AdminPlace::Status),
    ("status/root-keys", |_, _| AdminPlace::RootKeys),
    ("keys/lookup", |_, _| AdminPlace::KeyLookup),
    ("organizations", |_, _| AdminPlace::Organizations),
    ("organizations/{organization}", |org, _| AdminPlace::Organization(org)),
    ("organizations/{organization}/keys", |org, _| AdminPlace::Keys(org)),
    ("organizations/{organization}/keys/disable", |org, _| AdminPlace::DisableKeys(org)),
    ("organizations/{organization}/keys/revoke", |org, _| AdminPlace::RevokeKeys(org)),
    ("organizations/{organization}/keys/{key_id}", |org, id| AdminPlace::Key(org, id)),
    ("organizations/{organization}/keys/{key_id}/rotate", |org, id| AdminPlace::KeyAction(org, id, KeyAction::Rotate)),
    ("organizations/{organization}/keys/{key_id}/revoke", |org, id| AdminPlace::KeyAction(org, id, KeyAction::Revoke)),
    ("organizations/{organization}/keys/{key_id}/disable", |org, id| AdminPlace::KeyAction(org, id, KeyAction::Disable)),
    ("organizations/{organization}/keys/{key_id}/enable", |org, id| AdminPlace::KeyAction(org, id, KeyAction::Enable)),
    ("organizations/{organization}/keys/{key_id}/impact", |org, id| AdminPlace::Impact(org, id)),
    ("organizations/{organization}/revoke-all", |org, _| AdminPlace::RevokeAll(org)),
    ("organizations/{organization}/undelete", |org, _| AdminPlace::Undelete(org)),
    ("organizations/{organization}/audit", |org, _| AdminPlace::Audit(org)),
    ("organizations/{organization}/audit/head", |org, _| AdminPlace::AuditHead(org)),
    ("organizations/{organization}/usage", |org, _| AdminPlace::Usage(org)),
    ("organizations/{organization}/limits", |org, _| AdminPlace::Limits(org)),
    ("organizations/{organization}/keys/{key_id}/limits", |org, id| AdminPlace::KeyLimits(org, id)),
    ("organizations/{organization}/export", |org, _| AdminPlace::Export(org)),
    ("organizations/{organization}/import", |org, _| AdminPlace::Import(org)),
];

/// The values of a template's variables in a path, two at most; `None` where the
/// path is another.
fn variables<'a>(template: &str, path: &'a str) -> Option<[&'a str; 2]> {
    let mut values = [""; 2];
    let mut free = values.iter_mut();
    let mut segments = path.split('/');
    for expected in template.split('/') {
        let segment = segments.next()?;
        if expected.starts_with('{') {
            *free.next()? = Some(segment).filter(|segment| !segment.is_empty())?;
        } else if segment != expected {
            return None;
        }
    }
    segments.next().is_none().then_some(values)
}

impl<'a> AdminPlace<'a> {
    fn of(rest: &'a str) -> Option<Self> {
        ADMIN.iter().find_map(|(template, make)| {
            let [first, second] = variables(template, rest)?;
            Some(make(first, second))
        })
    }

    /// The template of its path behind [`ADMIN_PREFIX`], and the values of its
    /// variables: the organization and the key, as they stand in the path.
    #[must_use]
    pub fn parts(&self) -> (&'static str, Option<&'a str>, Option<&'a str>) {
        let (organization, key) = match *self {
            Self::Bootstrap
            | Self::Session
            | Self::Status
            | Self::RootKeys
            | Self::KeyLookup
            | Self::Organizations => (None, None),
            Self::Organization(org)
            | Self::Keys(org)
            | Self::DisableKeys(org)
            | Self::RevokeKeys(org)
            | Self::RevokeAll(org)
            | Self::Undelete(org)
            | Self::Audit(org)
            | Self::AuditHead(org)
            | Self::Usage(org)
            | Self::Limits(org)
            | Self::Export(org)
            | Self::Import(org) => (Some(org), None),
            Self::Key(org, id)
            | Self::KeyAction(org, id, _)
            | Self::Impact(org, id)
            | Self::KeyLimits(org, id) => (Some(org), Some(id)),
        };
        let made = |make: &Make| make(organization.unwrap_or(""), key.unwrap_or("")) == *self;
        let template = ADMIN.iter().find(|(_, make)| made(make));
        (
            template.map_or("", |(template, _)| template),
            organization,
            key,
        )
    }

    /// Its route for the audit: the method, and the template of its whole path.
    #[must_use]
    pub fn route(&self, method: &str) -> String {
        [method, " ", ADMIN_PREFIX, self.parts().0].concat()
    }

    /// The methods it takes, as `Allow` writes them (RFC 9110 section 10.2.1).
    #[must_use]
    pub const fn allow(&self) -> &'static str {
        match self {
            Self::Bootstrap
            | Self::KeyLookup
            | Self::DisableKeys(_)
            | Self::RevokeKeys(_)
            | Self::KeyAction(..)
            | Self::RevokeAll(_)
            | Self::Undelete(_)
            | Self::Import(_) => "POST",
            Self::Session => "GET, POST, DELETE",
            Self::Organizations
            | Self::Status
            | Self::RootKeys
            | Self::Impact(..)
            | Self::Audit(_)
            | Self::AuditHead(_)
            | Self::Usage(_)
            | Self::Limits(_)
            | Self::KeyLimits(..)
            | Self::Export(_) => "GET",
            Self::Organization(_) => "GET, PUT, PATCH, DELETE",
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
            ("/admin/v1/keys/lookup", Place::Admin(AdminPlace::KeyLookup)),
            (
                "/admin/v1/organizations/acme/keys/revoke",
                Place::Admin(AdminPlace::RevokeKeys("acme")),
            ),
            (
                "/admin/v1/organizations/acme/keys/disable",
                Place::Admin(AdminPlace::DisableKeys("acme")),
            ),
            (
                "/admin/v1/organizations/acme/undelete",
                Place::Admin(AdminPlace::Undelete("acme")),
            ),
            (
                "/admin/v1/status/root-keys",
                Place::Admin(AdminPlace::RootKeys),
            ),
            ("/admin/v1/status/root-keys/x", Place::Unknown),
            ("/admin", Place::Unknown),
        ] {
            assert_eq!(Place::of(path), place, "{path}");
            if let Place::Admin(place) = place {
                let (template, organization, key) = place.parts();
                let named = template
                    .replace("{organization}", organization.unwrap_or_default())
                    .replace("{key_id}", key.unwrap_or_default());
                assert_eq!(format!("{ADMIN_PREFIX}{named}"), path);
                assert_eq!(place.route("GET"), format!("GET {ADMIN_PREFIX}{template}"));
            }
        }
    }
}
