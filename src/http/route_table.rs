//! The protected routes: which method and path need which scope. A list, and not a
//! router's tree: a router lets the more specific of two routes win, where here two
//! that fit the same request are an error.

use std::fmt;

use serde::Deserialize;

use crate::json;
use crate::key::Scope;
use crate::verify::Freshness;

/// One entry of `ROUTES`, as the operator writes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    method: String,
    path: String,
    scope: String,
    #[serde(default)]
    freshness: Freshness,
}

/// One protected route.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Route {
    method: String,
    path: String,
    segments: Vec<Segment>,
    scope: Scope,
    freshness: Freshness,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Segment {
    Literal(String),
    Any,
}

impl Route {
    /// In capitals.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// As the operator wrote it, variables in braces.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
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
}

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

/// Why `ROUTES` cannot be used: which entry (counted from 1), and what is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RouteTableError {
    /// 1 for the first `[[vars.ROUTES]]`; 0 where the whole is wrong.
    pub entry: usize,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for RouteTableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.entry {
            0 => write!(f, "ROUTES: {}", self.reason),
            entry => write!(f, "ROUTES, entry {entry}: {}", self.reason),
        }
    }
}

/// All protected routes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RouteTable {
    routes: Vec<Route>,
}

/// Paths under `/v1` that the Worker answers itself.
const OWN: [&str; 2] = ["/v1/key", "/v1/key/usage"];

/// The scope that `GET /v1/key/usage` asks for.
pub const OWN_USAGE_SCOPE: &str = "usage";

impl RouteTable {
    /// Reads `ROUTES`, a JSON list.
    ///
    /// # Errors
    /// An entry that is wrong.
    pub fn parse(text: &str) -> Result<Self, RouteTableError> {
        let entries: Vec<Written> = json::from_str(text).map_err(|error| match error.item() {
            Some(place) => RouteTableError {
                entry: place + 1,
                reason: error.message().to_owned(),
            },
            None => RouteTableError {
                entry: 0,
                reason: "not a list of tables".to_owned(),
            },
        })?;
        let mut table = Self::default();
        for (place, written) in entries.iter().enumerate() {
            let route = read(written, &table).map_err(|reason| RouteTableError {
                entry: place + 1,
                reason,
            })?;
            table.routes.push(route);
        }
        Ok(table)
    }

    /// Finds the route of a checked path.
    #[must_use]
    pub fn find(&self, method: &str, path: &str) -> Match {
        let mut known: Vec<&str> = Vec::new();
        for (place, route) in (0..).zip(&self.routes) {
            if matches(&route.segments, path) {
                if route.method == method {
                    return Match::Route(place);
                }
                known.push(&route.method);
            }
        }
        if known.is_empty() {
            Match::None
        } else {
            Match::OtherMethod(known.join(", "))
        }
    }

    /// The route at a place.
    #[must_use]
    pub fn get(&self, place: u16) -> Option<&Route> {
        self.routes.get(usize::from(place))
    }

    /// Every scope that a route asks for, the Worker's own among them.
    pub fn scopes(&self) -> impl Iterator<Item = Scope> {
        let of_routes = self.routes.iter().map(|route| route.scope.clone());
        of_routes.chain(Scope::parse(OWN_USAGE_SCOPE))
    }
}

fn matches(segments: &[Segment], path: &str) -> bool {
    let mut given = path.split('/').skip(1);
    for segment in segments {
        let fits = match (segment, given.next()) {
            (Segment::Literal(literal), Some(given)) => literal == given,
            (Segment::Any, Some(given)) => !given.is_empty(),
            (_, None) => false,
        };
        if !fits {
            return false;
        }
    }
    given.next().is_none()
}

fn read(written: &Written, before: &RouteTable) -> Result<Route, String> {
    let method = &written.method;
    if method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err(format!("`method` is in capitals, as GET; got {method:?}"));
    }
    let path = written.path.as_str();
    if !path.starts_with("/v1/") || super::path::checked_path(path).is_none() {
        return Err(format!(
            "`path` starts with /v1/ and has no empty, dot or encoded segments; got {path:?}"
        ));
    }
    let mut segments = Vec::new();
    for segment in path.split('/').skip(1) {
        segments.push(
            match segment
                .strip_prefix('{')
                .and_then(|name| name.strip_suffix('}'))
            {
                Some(name)
                    if !name.is_empty()
                        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') =>
                {
                    Segment::Any
                }
                None if !segment.is_empty()
                    && !segment.contains(['{', '}', '*', '?', '#', '%']) =>
                {
                    Segment::Literal(segment.to_owned())
                }
                _ => {
                    return Err(format!(
                        "`path`: {segment:?} is neither a plain segment nor {{name}}"
                    ));
                }
            },
        );
    }
    if OWN.iter().any(|own| matches(&segments, own)) {
        return Err(format!(
            "`path` {path:?} covers one that the Worker answers itself"
        ));
    }
    let scope = Scope::parse(&written.scope).ok_or_else(|| {
        format!(
            "`scope` is 1 to 64 visible ASCII characters; got {:?}",
            written.scope
        )
    })?;
    if before
        .routes
        .iter()
        .any(|route| route.method == *method && overlap(&route.segments, &segments))
    {
        return Err(format!(
            "{method} {path} meets the same requests as an earlier entry"
        ));
    }
    Ok(Route {
        method: method.clone(),
        path: path.to_owned(),
        segments,
        scope,
        freshness: written.freshness,
    })
}

/// Whether some path fits both. Then which scope counts would hang on the order
/// of the entries, which nobody reads for that.
fn overlap(one: &[Segment], other: &[Segment]) -> bool {
    one.len() == other.len()
        && one.iter().zip(other).all(|pair| match pair {
            (Segment::Literal(one), Segment::Literal(other)) => one == other,
            _ => true,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = r#"[
        {"method":"GET","path":"/v1/catalogs/{id}","scope":"read"},
        {"method":"POST","path":"/v1/catalogs","scope":"create","freshness":"strict"}]"#;

    #[test]
    fn finds_exactly() {
        let table = RouteTable::parse(TABLE).unwrap();
        let found = |method: &str, path: &str| {
            let Match::Route(place) = table.find(method, path) else {
                panic!("not found")
            };
            let route = table.get(place).unwrap();
            (route.scope().as_str(), route.freshness())
        };
        assert_eq!(found("GET", "/v1/catalogs/7"), ("read", Freshness::Bounded));
        assert_eq!(found("POST", "/v1/catalogs"), ("create", Freshness::Strict));
        assert_eq!(
            table.find("DELETE", "/v1/catalogs/7"),
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
                table.find("GET", path),
                table.find("GET", "/v1/catalogs/7"),
                "{path}"
            );
        }
    }

    #[test]
    fn names_the_faulty_entry() {
        let error = |entries: &str| RouteTable::parse(entries).unwrap_err().to_string();
        assert!(error("{}").contains("not a list"));
        for (bad, word) in [
            (r#"{"method":"get","path":"/v1/a","scope":"s"}"#, "`method`"),
            (r#"{"method":"GET","path":"/a","scope":"s"}"#, "`path`"),
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
                "earlier entry",
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
