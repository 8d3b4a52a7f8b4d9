//! The scopes of clients' keys: what the operator says of them in `SCOPES`, and which
//! one a misspelt name is closest to.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::entry_error::EntryError;
use super::route_table::{OWN_USAGE_SCOPE, RouteTable};
use crate::json;
use crate::key::Scope;
use crate::settings::bindings::{ROUTES, SCOPES};

/// A scope that a client's key can be given.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "DescribedScope")
)]
#[serde(deny_unknown_fields)]
pub struct DescribedScope {
    /// As keys carry it.
    pub name: Scope,
    /// What it allows, by language (`en`, `da`).
    #[serde(default)]
    pub description: BTreeMap<String, String>,
    /// Whether it can do harm that the one who grants it should think about.
    #[serde(default)]
    pub dangerous: bool,
}

impl DescribedScope {
    fn plain(name: Scope) -> Self {
        Self {
            name,
            description: BTreeMap::new(),
            dangerous: false,
        }
    }
}

/// All scopes there are: those of `catalogue`, which is `SCOPES` as JSON, in its order,
/// then those of the routes and of `CLIENT_SCOPES` (`more`). Where there is a
/// catalogue, routes ask for no other scope than it has, and `usage`.
///
/// # Errors
/// What is wrong with the catalogue, or the route whose scope is not in it.
pub fn described_scopes(
    catalogue: Option<&str>,
    routes: &RouteTable,
    more: Vec<Scope>,
) -> Result<Vec<DescribedScope>, EntryError> {
    let mut scopes: Vec<DescribedScope> = match catalogue {
        Some(text) => json::from_str(text).map_err(|error| EntryError::of_json(SCOPES, &error))?,
        None => Vec::new(),
    };
    let mut known = BTreeSet::new();
    for (place, scope) in scopes.iter().enumerate() {
        let wrong = |reason| EntryError::new(SCOPES, place + 1, reason);
        check(scope).map_err(wrong)?;
        if !known.insert(scope.name.clone()) {
            return Err(wrong(format!("{} is there twice", scope.name)));
        }
    }
    if catalogue.is_some() {
        let is_known = |scope: &Scope| known.contains(scope) || scope.as_str() == OWN_USAGE_SCOPE;
        let mut asked = routes.iter().enumerate();
        if let Some((place, route)) = asked.find(|(_, route)| !is_known(route.scope())) {
            let scope = route.scope().as_str();
            let meant = did_you_mean(scope, known.iter().map(Scope::as_str));
            let reason =
                format!("{route} asks for the scope {scope}{meant}, which has no entry in SCOPES");
            return Err(EntryError::new(ROUTES, place + 1, reason));
        }
    }
    for scope in routes.scopes().chain(more) {
        if known.insert(scope.clone()) {
            scopes.push(DescribedScope::plain(scope));
        }
    }
    Ok(scopes)
}

/// Most characters of a description.
const LONGEST: usize = 200;

fn check(scope: &DescribedScope) -> Result<(), String> {
    for (language, text) in &scope.description {
        let is_language = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if !(2..=35).contains(&language.len()) || !language.bytes().all(is_language) {
            return Err(format!(
                "{language:?} is not a language tag, such as en (RFC 5646)"
            ));
        }
        let is_short = (1..=LONGEST).contains(&text.chars().count());
        if !is_short || text.chars().any(char::is_control) {
            return Err(format!(
                "the description in {language} must have 1 to {LONGEST} characters"
            ));
        }
    }
    Ok(())
}

/// ` (did you mean read?)`, where a known name is close to the one that is not known.
#[must_use]
pub fn did_you_mean<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let most = unknown.len().div_ceil(4);
    let lower = unknown.to_ascii_lowercase();
    let distances = known
        .into_iter()
        .map(|name| (distance(&lower, &name.to_ascii_lowercase()), name));
    match distances.filter(|(distance, _)| *distance <= most).min() {
        Some((_, name)) => format!(" (did you mean {name}?)"),
        None => String::new(),
    }
}

/// How many letters must be changed, added, left out or swapped with their neighbour.
fn distance(one: &str, other: &str) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    let mut previous = 0;
    for (row, byte) in one.bytes().enumerate() {
        let mut this = vec![row + 1];
        let mut left = 0;
        for (column, found) in other.bytes().enumerate() {
            let at = |of: &[usize], place: usize| of.get(place).copied().unwrap_or(usize::MAX - 1);
            let mut least = at(&last, column) + usize::from(byte != found);
            least = least
                .min(at(&last, column + 1) + 1)
                .min(at(&this, column) + 1);
            if column > 0 && row > 0 && byte == left && previous == found {
                least = least.min(at(&before_last, column - 1) + 1);
            }
            this.push(least);
            left = found;
        }
        previous = byte;
        before_last = std::mem::replace(&mut last, this);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(catalogue: Option<&str>, scopes: &[&str]) -> Result<Vec<DescribedScope>, EntryError> {
        let routes = scopes.iter().enumerate().map(|(place, scope)| {
            format!(r#"{{"method":"GET","path":"/v1/r{place}","scope":"{scope}"}}"#)
        });
        let routes = format!("[{}]", routes.collect::<Vec<_>>().join(","));
        let routes = RouteTable::parse(&routes, "").unwrap();
        described_scopes(catalogue, &routes, vec![Scope::parse("more").unwrap()])
    }

    fn names(scopes: &[DescribedScope]) -> Vec<&str> {
        scopes.iter().map(|scope| scope.name.as_str()).collect()
    }

    #[test]
    fn what_there_is_in_the_order_of_the_catalogue() {
        let plain = read(None, &["write", "read", "write"]).unwrap();
        assert_eq!(names(&plain), ["write", "read", "usage", "more"]);
        assert!(
            plain
                .iter()
                .all(|scope| !scope.dangerous && scope.description.is_empty())
        );
        let catalogue = r#"[
            {"name":"write","description":{"en":"Write","da":"Skrive"},"dangerous":true},
            {"name":"read"},
            {"name":"internal"}]"#;
        let described = read(Some(catalogue), &["read", "write", "usage"]).unwrap();
        assert_eq!(
            names(&described),
            ["write", "read", "internal", "usage", "more"]
        );
        let write = &described[0];
        assert_eq!(
            (write.dangerous, write.description["da"].as_str()),
            (true, "Skrive")
        );
        assert!(!described[1].dangerous);
    }

    #[test]
    fn a_mistake_in_the_catalogue_names_its_entry() {
        for (entry, words) in [
            (r#"{"name":"a b"}"#, "scope"),
            (r#"{"name":"a","danger":true}"#, "danger"),
            (r#"{"name":"a","description":"text"}"#, "expected"),
            (r#"{"name":"a","description":{"e n":"x"}}"#, "language"),
            (r#"{"name":"a","description":{"en":""}}"#, "1 to 200"),
            (r#"{"name":"a","description":{"en":"x\u0007"}}"#, "1 to 200"),
            (r#"{"name":"first"}"#, "twice"),
        ] {
            let error = read(Some(&format!(r#"[{{"name":"first"}},{entry}]"#)), &[]);
            let error = error.unwrap_err().to_string();
            assert!(
                error.starts_with("SCOPES, entry 2: ") && error.contains(words),
                "{entry}: {error}"
            );
        }
        let error = read(Some("{}"), &[]).unwrap_err();
        assert_eq!(error.to_string(), "SCOPES: not a list of tables");
        let error = read(Some(r#"[{"name":"read"}]"#), &["read", "raed"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "ROUTES, entry 2: GET /v1/r1 asks for the scope raed (did you mean read?), which has no entry in SCOPES"
        );
    }

    #[test]
    fn a_misspelt_name_is_told_the_nearest() {
        let known = ["read", "orders:read", "orders:write", "usage"];
        for (unknown, meant) in [
            ("raed", Some("read")),
            ("reads", Some("read")),
            ("usge", Some("usage")),
            ("orders:raed", Some("orders:read")),
            ("order:write", Some("orders:write")),
            ("Read", Some("read")),
            ("ORDERS:READ", Some("orders:read")),
            ("billing", None),
            ("x", None),
            ("nonsense", None),
        ] {
            let told = did_you_mean(unknown, known);
            let expected = meant.map(|name| format!(" (did you mean {name}?)"));
            assert_eq!(told, expected.unwrap_or_default(), "{unknown}");
        }
        for (one, other, apart) in [
            ("", "", 0),
            ("", "ab", 2),
            ("ab", "ba", 1),
            ("abc", "ca", 3),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(one, other), apart, "{one} {other}");
            assert_eq!(distance(other, one), apart, "{other} {one}");
        }
    }
}
