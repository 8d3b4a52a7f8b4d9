//! Places and routes, to the last line of their tables.

use crate::http::{
    ADMIN, ADMIN_PREFIX, AdminPlace, Dialect, EntryError, FIXED, MOVABLE, Match, Place, Query,
    RouteTable, checked_path,
};
use crate::verify::Freshness;

#[test]
fn browsers_are_refused_where_clients_keys_are_used() {
    for (path, refuses) in [
        ("/v1/key", true),
        ("/v1/key/usage", true),
        ("/v1/x", true),
        ("/authorize", true),
        ("/authorize/nginx", true),
        ("/oauth2/introspect", true),
        ("/oauth2/revoke", true),
        ("/healthz", false),
        ("/dashboard/x", false),
        ("/admin/v1/session", false),
        ("/problems/x", false),
        ("/leaks/github", false),
        ("/nowhere", false),
    ] {
        assert_eq!(Place::of(path).refuses_browsers(), refuses, "{path}");
    }
}

#[test]
fn every_fixed_path_leads_to_its_place() {
    for (path, place) in FIXED.into_iter().chain(MOVABLE) {
        assert_eq!(Place::of(path), place);
    }
    let envoy = Place::ForwardAuth(Dialect::Envoy("/"));
    assert_eq!(Place::of("/authorize/envoy/"), envoy);
    assert_eq!(Place::of("/dashboards"), Place::Unknown);
}

#[test]
fn every_template_is_filled_and_read_back() {
    let allows = [
        "POST",
        "GET, POST, DELETE",
        "GET",
        "GET",
        "POST",
        "GET",
        "GET, PUT, PATCH, DELETE",
        "GET, POST",
        "POST",
        "POST",
        "GET, PATCH",
        "POST",
        "POST",
        "POST",
        "POST",
        "GET",
        "POST",
        "POST",
        "GET",
        "GET",
        "GET",
        "GET",
        "GET",
        "GET",
        "POST",
    ];
    assert_eq!(ADMIN.len(), allows.len());
    for ((template, make), allow) in ADMIN.iter().zip(allows) {
        let filled = template
            .replace("{organization}", "acme")
            .replace("{key_id}", "k");
        let path = format!("{ADMIN_PREFIX}{filled}");
        let Place::Admin(place) = Place::of(&path) else {
            panic!("{path}")
        };
        let organization = template.contains("{organization}").then_some("acme");
        let key = template.contains("{key_id}").then_some("k");
        assert_eq!(place.parts(), (*template, organization, key));
        let made: AdminPlace<'_> = make(organization.unwrap_or(""), key.unwrap_or(""));
        assert_eq!(made, place);
        assert_eq!(place.allow(), allow, "{template}");
        if key.is_some() {
            let empty = path.replace("/k", "/").replace("//", "/");
            assert_ne!(Place::of(&empty), Place::Admin(place));
        }
    }
}

fn parse(text: &str) -> Result<RouteTable, EntryError> {
    RouteTable::parse(text, "")
}

const HOST: &str = "api.example";

const TABLE: &str = r#"[
    {"method":"GET","path":"/v1/items/{id}","scope":"read"},
    {"method":"PUT","path":"/v1/items/{id}","scope":"write","freshness":"strict"},
    {"method":"GET","path":"/v1/items/{id}/parts/{part_1}","scope":"parts"}]"#;

#[test]
fn a_table_finds_its_routes_and_names_the_methods_there_are() {
    let table = parse(TABLE).unwrap();
    let route = table.get(1).unwrap();
    assert_eq!((route.method(), route.path()), ("PUT", "/v1/items/{id}"));
    assert_eq!(route.freshness(), Freshness::Strict);
    assert_eq!(table.get(3), None);
    let scopes: Vec<_> = table.scopes().map(|scope| scope.to_string()).collect();
    assert_eq!(scopes, ["read", "write", "parts", "usage"]);
    assert_eq!(
        table.find("GET", HOST, "/v1/items/7/parts/8"),
        Match::Route(2)
    );
    let other = Match::OtherMethod("GET, PUT".to_owned());
    assert_eq!(table.find("POST", HOST, "/v1/items/7"), other);
    for none in ["/v1/items", "/v1/items/7/parts", "/v1/items/7/part/8", "/"] {
        assert_eq!(table.find("GET", HOST, none), Match::None, "{none}");
    }
}

#[test]
fn entries_are_refused_that_could_be_read_in_two_ways() {
    let refused = |entry: &str| {
        let text = format!(r#"[{{"method":"GET","path":"/v1/a/{{x}}/c","scope":"s"}},{entry}]"#);
        parse(&text).map(|_| ()).map_err(|error| error.entry)
    };
    let entry = |method: &str, path: &str| {
        format!(r#"{{"method":"{method}","path":"{path}","scope":"s"}}"#)
    };
    for good in ["/v1/a/b", "/v1/a/b/d", "/v1/b/{x}/c", "/v1/a/{a_1}/c/d"] {
        assert_eq!(refused(&entry("GET", good)), Ok(()), "{good}");
    }
    assert_eq!(refused(&entry("PUT", "/v1/a/b/c")), Ok(()));
    for bad in [
        "/v1/a/b/c",
        "/v1/{y}/b/{z}",
        "/v1/a//",
        "/v1/z/{}",
        "/v1/z/{a-b}",
        "/v1/z/{a",
        "/v1/z/a}",
        "/v1/z/x{a}",
        "/v1/a%20b",
        "/v1/key",
        "/v1/key/usage",
        "/v1/{a}/usage",
        "v2/a",
    ] {
        assert_eq!(refused(&entry("GET", bad)), Err(2), "{bad}");
    }
    for bad in ["", "get", "G3T"] {
        assert_eq!(refused(&entry(bad, "/v1/z")), Err(2), "{bad}");
    }
}

#[test]
fn an_error_names_its_entry_if_it_has_one() {
    let shown = |entry, earlier| {
        let (list, reason) = ("ROUTES", "wrong".to_owned());
        EntryError {
            list,
            entry,
            earlier,
            reason,
        }
        .to_string()
    };
    assert_eq!(shown(0, 0), "ROUTES: wrong");
    assert_eq!(shown(3, 0), "ROUTES, entry 3: wrong");
    assert_eq!(shown(3, 1), "ROUTES, entry 3: wrong (entry 1)");
}

#[test]
fn controls_and_encoded_separators_are_no_part_of_a_path() {
    for bad in ["/a\u{7f}", "/a\u{20}", "/a%2Fb", "/a%5cb", "/a%2eb"] {
        assert_eq!(checked_path(bad), None, "{bad:?}");
    }
    for good in ["/a!", "/a%2a", "/a%5b", "/a%3e", "/a/"] {
        assert_eq!(checked_path(good), Some(good));
    }
}

#[test]
fn a_query_is_decoded_byte_by_byte() {
    let query = Query::parse("&a&b=%41%7a+&c==&").unwrap();
    assert_eq!(query.value("a"), Some(""));
    assert_eq!(query.value("b"), Some("Az "));
    assert_eq!(query.value("c"), Some("="));
    assert_eq!(query.unknown(&["a", "b", "c"]), None);
    for bad in ["a=%4", "a=%", "%zz=1", "a=%-1", "a=%1g"] {
        assert!(Query::parse(bad).is_none(), "{bad}");
    }
}
