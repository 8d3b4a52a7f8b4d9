//! One route: what it takes, what it asks for, and which others it cannot stand beside.

use std::fmt;

use serde::Deserialize;

use super::route_pattern::Pattern;
use crate::key::Scope;
use crate::settings::bindings::UPSTREAM;
use crate::verify::Freshness;

/// One entry of `ROUTES`, as the operator writes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    method: String,
    #[serde(default)]
    host: String,
    path: String,
    scope: String,
    #[serde(default)]
    freshness: Freshness,
    #[serde(default)]
    upstream: String,
    #[serde(default)]
    fallback: bool,
    #[serde(default = "one")]
    cost: u64,
}

/// The greatest cost of a request.
const MOST: u64 = 1_000_000;

const fn one() -> u64 {
    1
}

/// One protected route.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Route {
    method: String,
    /// Empty for every one.
    host: String,
    pub(super) pattern: Pattern,
    scope: Scope,
    freshness: Freshness,
    upstream: String,
    is_fallback: bool,
    cost: u64,
}

/// The method of a route that takes every one.
const ANY_METHOD: &str = "*";

impl Route {
    /// In capitals; `*` for every one.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The only host it is for, where it is for one.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        Some(self.host.as_str()).filter(|host| !host.is_empty())
    }

    /// As the operator wrote it: variables in braces, `*` for all that follows.
    #[must_use]
    pub fn path(&self) -> &str {
        self.pattern.as_str()
    }

    /// The scope a key needs.
    #[must_use]
    pub const fn scope(&self) -> &Scope {
        &self.scope
    }

    /// How sure the route must be.
    #[must_use]
    pub const fn freshness(&self) -> Freshness {
        self.freshness
    }

    /// Which API it leads to: the name of a service binding, and what the names of its
    /// other settings begin with.
    #[must_use]
    pub fn upstream(&self) -> &str {
        &self.upstream
    }

    /// Whether it is for what no other route lists.
    #[must_use]
    pub const fn is_fallback(&self) -> bool {
        self.is_fallback
    }

    /// Units of its key's and its organization's limits that a request costs.
    #[must_use]
    pub const fn cost(&self) -> u64 {
        self.cost
    }

    pub(super) fn takes_method(&self, method: &str) -> bool {
        self.method == ANY_METHOD || self.method == method
    }

    pub(super) fn is_for(&self, host: &str) -> bool {
        self.host.is_empty() || self.host.eq_ignore_ascii_case(host_name(host))
    }

    /// The same, where a proxy may not have said the host (an empty one).
    pub(super) fn could_be_for(&self, host: &str) -> bool {
        host.is_empty() || self.is_for(host)
    }

    /// Whether some request fits both, as far as method and host go.
    fn meets(&self, other: &Self) -> bool {
        let methods = self.takes_method(&other.method) || other.takes_method(&self.method);
        let hosts = self.host == other.host || self.host.is_empty() || other.host.is_empty();
        methods && hosts
    }

    /// Whether it takes every path on every host that `other` takes.
    fn covers(&self, other: &Self) -> bool {
        self.pattern.covers(&other.pattern) && (self.host.is_empty() || self.host == other.host)
    }

    /// Whether it makes no difference by which of the two a request is judged.
    fn demands_the_same(&self, other: &Self) -> bool {
        (&self.scope, self.freshness, &self.upstream, self.cost)
            == (&other.scope, other.freshness, &other.upstream, other.cost)
    }

    /// Why it cannot stand in one table with an earlier one.
    pub(super) fn conflict(&self, earlier: &Self) -> Option<&'static str> {
        let (one, other) = (&self.pattern, &earlier.pattern);
        let meet = one.overlaps(other) && self.meets(earlier);
        match (self.is_fallback, earlier.is_fallback) {
            (false, false) => {
                let but_for_a_slash = one.overlaps_but_for_a_slash(other) && self.meets(earlier);
                (meet || (but_for_a_slash && !self.demands_the_same(earlier)))
                    .then_some("meets the same requests as")
            }
            // What is listed is no fallback's, whatever the method.
            (false, true) => self.covers(earlier).then_some("takes every request of"),
            (true, false) => earlier.covers(self).then_some("gets no request beside"),
            // The first counts, so that the wider one comes later.
            (true, true) => (meet && (earlier.covers(self) || !self.covers(earlier)))
                .then_some("meets the same requests as"),
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (method, host, path) = (&self.method, &self.host, self.path());
        write!(f, "{method} {host}{path}")
    }
}

/// A host without its port, and without the dot that may stand at its end. (An IPv6
/// address is no route's host.)
fn host_name(host: &str) -> &str {
    let name = host.split_once(':').map_or(host, |(name, _)| name);
    name.strip_suffix('.').unwrap_or(name)
}

/// Reads an entry by itself.
///
/// # Errors
/// What is wrong with it, for the operator.
pub(super) fn read(written: Written) -> Result<Route, String> {
    let Written {
        method,
        host,
        path,
        scope,
        freshness,
        upstream,
        fallback,
        cost,
    } = written;
    if cost > MOST {
        return Err(format!("`cost` is between 0 and {MOST}; got {cost}"));
    }
    let is_method = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase());
    if !is_method && method != ANY_METHOD {
        return Err(format!(
            "`method` is in capitals, as GET, or * for all; got {method:?}"
        ));
    }
    let fits = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
    if host.ends_with('.') || !host.bytes().all(fits) {
        return Err(format!(
            "`host` is a name in lower case, without a port; got {host:?}"
        ));
    }
    let pattern = Pattern::parse(&path)?;
    let scope = Scope::parse(&scope)
        .ok_or_else(|| format!("`scope` is 1 to 64 visible ASCII characters; got {scope:?}"))?;
    let is_plain = |byte: u8| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_');
    if !upstream.bytes().all(is_plain) {
        return Err(format!(
            "`upstream` is the name of a binding in capitals, as ORDERS; got {upstream:?}"
        ));
    }
    let upstream = match upstream.as_str() {
        "" => UPSTREAM.to_owned(),
        _ => upstream,
    };
    Ok(Route {
        method,
        host,
        pattern,
        scope,
        freshness,
        upstream,
        is_fallback: fallback,
        cost,
    })
}
