//! The protected routes: which method and path need which scope. A list, and not a
//! router's tree: a router lets the more specific of two routes win, where here two
//! that fit the same request are an error. What is meant for all that is not listed
//! says so (`fallback`), and takes no path that an API could mistake for a listed one.

use super::entry_error::EntryError;
use super::place::{Place, RESERVED};
use super::route::{Route, RouteEntry, read};
use super::route_pattern::Pattern;
use crate::json;
use crate::key::Scope;
use crate::settings::bindings::ROUTES;

/// What a method and a path found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Match {
    /// The route, by its place in the table.
    Route(u16),
    /// The path is known, the method is not; these are, as `Allow` writes them.
    OtherMethod(String),
    /// No such path.
    None,
}

impl Match {
    /// Of a path that takes these methods alone.
    fn other_method(known: &[&str]) -> Self {
        if known.is_empty() {
            Self::None
        } else {
            Self::OtherMethod(known.join(", "))
        }
    }
}

/// All protected routes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RouteTable {
    routes: Vec<Route>,
    own_prefix: String,
    /// What the service keeps for itself.
    reserved: Vec<Pattern>,
    /// Whether some route is not under `/v1/`: then what is nobody's is the gateway's.
    is_open: bool,
    has_fallback: bool,
}

/// The scope that `GET /v1/key/usage` asks for.
pub const OWN_USAGE_SCOPE: &str = "usage";

impl RouteTable {
    /// Reads `ROUTES`, a JSON list. `own_prefix` is what our own paths begin with, as
    /// [`own_prefix`](super::own_prefix) checked it.
    ///
    /// # Errors
    /// An entry that is wrong.
    pub fn parse(text: &str, own_prefix: &str) -> Result<Self, EntryError> {
        let entries: Vec<RouteEntry> =
            json::from_str(text).map_err(|error| EntryError::of_json(ROUTES, &error))?;
        let mut table = Self {
            own_prefix: own_prefix.to_owned(),
            ..Self::default()
        };
        for (path, moves) in RESERVED {
            let prefix = if moves { own_prefix } else { "" };
            let pattern = Pattern::parse(&[prefix, path].concat());
            table
                .reserved
                .push(pattern.map_err(|reason| EntryError::new(ROUTES, 0, reason))?);
        }
        for (place, written) in entries.into_iter().enumerate() {
            let route = read(written).map_err(|reason| (reason, 0));
            let route = route.and_then(|route| table.admit(route));
            let route = route.map_err(|(reason, earlier)| EntryError {
                earlier,
                ..EntryError::new(ROUTES, place + 1, reason)
            })?;
            table.is_open |= !route.path().starts_with("/v1/");
            table.has_fallback |= route.is_fallback();
            table.routes.push(route);
        }
        Ok(table)
    }

    /// Where a checked path leads.
    #[must_use]
    pub fn place<'a>(&self, path: &'a str) -> Place<'a> {
        Place::among(path, &self.own_prefix, self.is_open)
    }

    /// Finds the route of a checked path. `host` may have a port, and is empty where it
    /// is not known: then what is for one host is nobody's.
    #[must_use]
    pub fn find(&self, method: &str, host: &str, path: &str) -> Match {
        let mut known: Vec<&str> = Vec::new();
        for (place, route) in (0..).zip(&self.routes) {
            if !route.is_fallback() && route.pattern.matches(path) && route.is_for(host) {
                if route.takes_method(method) {
                    return Match::Route(place);
                }
                known.push(route.method());
            }
        }
        if known.is_empty() && self.has_fallback && !self.resembles_a_known_one(host, path) {
            return self.fall_back(method, host, path);
        }
        Match::other_method(&known)
    }

    /// By the first fallback that the path fits, and by those of the same path. One that
    /// an API could take for an earlier one's is not for a later one.
    fn fall_back(&self, method: &str, host: &str, path: &str) -> Match {
        let mut first: Option<&Route> = None;
        let mut known: Vec<&str> = Vec::new();
        for (place, route) in (0..).zip(&self.routes) {
            if !route.is_fallback() || !route.could_be_for(host) {
                continue;
            }
            if route.pattern.matches(path) && route.is_for(host) {
                let first = first.get_or_insert(route);
                if (&first.pattern, first.host()) != (&route.pattern, route.host()) {
                    continue;
                }
                if route.takes_method(method) {
                    return Match::Route(place);
                }
                known.push(route.method());
            } else if first.is_none() && route.pattern.resembles(path) {
                return Match::None;
            }
        }
        Match::other_method(&known)
    }

    /// Whether an API could take the path for one that a route lists, or that is ours.
    fn resembles_a_known_one(&self, host: &str, path: &str) -> bool {
        let is_listed = |route: &Route| {
            !route.is_fallback() && route.could_be_for(host) && route.pattern.resembles(path)
        };
        self.reserved.iter().any(|ours| ours.resembles(path)) || self.routes.iter().any(is_listed)
    }

    /// The route at a place.
    #[must_use]
    pub fn get(&self, place: u16) -> Option<&Route> {
        self.routes.get(usize::from(place))
    }

    /// All routes, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter()
    }

    /// Every scope that a route asks for, the Worker's own among them.
    pub fn scopes(&self) -> impl Iterator<Item = Scope> {
        let of_routes = self.routes.iter().map(|route| route.scope().clone());
        of_routes.chain(Scope::parse(OWN_USAGE_SCOPE))
    }

    /// What our own paths begin with.
    #[must_use]
    pub fn own_prefix(&self) -> &str {
        &self.own_prefix
    }

    /// The route, if it leaves the others and our own paths alone. An error has the
    /// earlier entry that it is about, counted from 1; 0 for none.
    fn admit(&self, route: Route) -> Result<Route, (String, usize)> {
        let is_ours = |own: &&Pattern| {
            if route.is_fallback() {
                own.covers(&route.pattern)
            } else {
                own.overlaps_but_for_a_slash(&route.pattern)
            }
        };
        if let Some(own) = self.reserved.iter().find(is_ours) {
            let reason = format!(
                "{route} covers {}, which the Worker answers itself (see OWN_PREFIX)",
                own.as_str()
            );
            return Err((reason, 0));
        }
        for (place, earlier) in self.routes.iter().enumerate() {
            if let Some(conflict) = route.conflict(earlier) {
                return Err((format!("{route} {conflict} {earlier}"), place + 1));
            }
        }
        Ok(route)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::Freshness;

    fn parse(text: &str) -> Result<RouteTable, EntryError> {
        RouteTable::parse(text, "")
    }

    const TABLE: &str = r#"[
        {"method":"GET","path":"/v1/catalogs/{id}","scope":"read"},
        {"method":"POST","path":"/v1/catalogs","scope":"create","freshness":"strict"}]"#;

    #[test]
    fn finds_exactly() {
        let table = parse(TABLE).unwrap();
        let found = |method: &str, path: &str| {
            let Match::Route(place) = table.find(method, "api.example", path) else {
                panic!("not found")
            };
            let route = table.get(place).unwrap();
            (route.scope().as_str(), route.freshness())
        };
        assert_eq!(found("GET", "/v1/catalogs/7"), ("read", Freshness::Bounded));
        assert_eq!(found("POST", "/v1/catalogs"), ("create", Freshness::Strict));
        assert_eq!(
            table.find("DELETE", "api.example", "/v1/catalogs/7"),
            Match::OtherMethod("GET".to_owned())
        );
        for path in [
            "/v1/catalogs/",
            "/v1/catalogs/7/x",
            "/v1/catalogs/7/",
            "/v1",
            "/v1/Catalogs",
        ] {
            assert_ne!(
                table.find("GET", "api.example", path),
                table.find("GET", "api.example", "/v1/catalogs/7"),
                "{path}"
            );
        }
    }

    #[test]
    fn names_the_faulty_entry() {
        let error = |entries: &str| parse(entries).unwrap_err().to_string();
        assert!(error("{}").contains("not a list"));
        for (bad, word) in [
            (r#"{"method":"get","path":"/v1/a","scope":"s"}"#, "`method`"),
            (r#"{"method":"GET","path":"a","scope":"s"}"#, "`path`"),
            (
                r#"{"method":"GET","path":"/v1/../a","scope":"s"}"#,
                "`path`",
            ),
            (r#"{"method":"GET","path":"/v1/a*","scope":"s"}"#, "neither"),
            (
                r#"{"method":"GET","path":"/v1/a","scope":"s p"}"#,
                "`scope`",
            ),
            (r#"{"method":"GET","path":"/v1/a"}"#, "scope"),
            (
                r#"{"method":"GET","path":"/v1/a","scope":"s","fresh":1}"#,
                "fresh",
            ),
            (
                r#"{"method":"GET","path":"/v1/{x}","scope":"s"}"#,
                "answers itself",
            ),
            (
                r#"{"method":"GET","path":"/v1/catalogs/all","scope":"s"}"#,
                "(entry 1)",
            ),
        ] {
            let first = r#"{"method":"GET","path":"/v1/catalogs/{id}","scope":"read"}"#;
            let error = error(&format!("[{first},{bad}]"));
            assert!(
                error.contains("entry 2") && error.contains(word),
                "{bad}: {error}"
            );
        }
    }
}
