//! Routes outside of `/v1/`: hosts, all that follows, fallbacks, and that no spelling
//! of a path is judged by another route than the API would serve it by.

use proptest::prelude::*;

use crate::http::{
    Dialect, FIXED, MOVABLE, Match, Place, RouteTable, RouteTableError, checked_path, own_prefix,
};

const HOST: &str = "api.example";

fn entry(method: &str, path: &str, scope: &str, more: &str) -> String {
    format!(r#"{{"method":"{method}","path":"{path}","scope":"{scope}"{more}}}"#)
}

fn get(path: &str) -> String {
    entry("GET", path, "s", "")
}

fn fallback(path: &str) -> String {
    entry("*", path, "rest", r#","fallback":true"#)
}

fn parse(entries: &[String]) -> Result<RouteTable, RouteTableError> {
    RouteTable::parse(&format!("[{}]", entries.join(",")), "")
}

fn table(entries: &[String]) -> RouteTable {
    parse(entries).unwrap()
}

#[test]
fn a_route_is_anywhere_and_ends_with_all_that_follows() {
    let table = table(&[
        get("/api/orders/{id}"),
        get("/files/*"),
        get("/v2/"),
        get("/x/{a}/*"),
    ]);
    for (path, found) in [
        ("/api/orders/7", Match::Route(0)),
        ("/files/a", Match::Route(1)),
        ("/files/a/b/c", Match::Route(1)),
        ("/files/a/", Match::Route(1)),
        ("/v2/", Match::Route(2)),
        ("/x/1/2", Match::Route(3)),
        ("/files", Match::None),
        ("/files/", Match::None),
        ("/v2", Match::None),
        ("/x/1", Match::None),
        ("/x/1/", Match::None),
        ("/api/orders/7/", Match::None),
        ("/api/Orders/7", Match::None),
        ("/api/%6frders/7", Match::None),
    ] {
        assert_eq!(table.find("GET", HOST, path), found, "{path}");
    }
    let other = Match::OtherMethod("GET".to_owned());
    assert_eq!(table.find("PUT", HOST, "/files/a"), other);
}

#[test]
fn what_is_nobodys_is_the_gateways_where_a_route_is_outside_of_v1() {
    let place = |entries: &[String], path| match table(entries).place(path) {
        Place::Gateway => "gateway",
        Place::Unknown => "unknown",
        _ => "ours",
    };
    let closed = [get("/v1/a")];
    let open = [get("/v1/a"), get("/api/a")];
    for (path, before, after) in [
        ("/v1/b", "gateway", "gateway"),
        ("/v1", "unknown", "gateway"),
        ("/nowhere", "unknown", "gateway"),
        ("/v1/key", "ours", "ours"),
        ("/authorize/nginx", "ours", "ours"),
        ("/admin/v1/organizations", "ours", "ours"),
        // Ours, and nothing there: a misspelt question of a proxy, above all.
        ("/authorize/ngnix", "unknown", "unknown"),
        ("/oauth2/token", "unknown", "unknown"),
        ("/admin/v1/nothing", "unknown", "unknown"),
    ] {
        assert_eq!(place(&closed, path), before, "{path}");
        assert_eq!(place(&open, path), after, "{path}");
    }
}

#[test]
fn our_own_paths_are_reserved_and_move() {
    let refused = |prefix: &str, path: &str| {
        let text = format!("[{}]", get(path));
        let error = RouteTable::parse(&text, prefix).err();
        error.is_some_and(|error| error.reason.contains("answers itself"))
    };
    for path in [
        "/v1/key",
        "/v1/*",
        "/v1/{x}",
        "/authorize/x",
        "/oauth2/*",
        "/healthz",
        "/healthz/",
        "/*",
    ] {
        assert!(refused("", path), "{path}");
    }
    for path in ["/v1/key", "/v1/*", "/v1/{x}", "/authorize/x", "/healthz"] {
        assert!(!refused("/_keys", path), "{path}");
    }
    for path in [
        "/_keys/v1/key",
        "/_keys/authorize/*",
        "/admin/v1/x",
        "/dashboard",
        "/docs",
        "/docs/{x}",
        "/openapi.json",
        "/problems/{x}",
        "/",
    ] {
        assert!(refused("/_keys", path), "{path}");
    }
    for (path, _) in FIXED.into_iter().chain(MOVABLE) {
        assert!(refused("", path), "{path}");
    }
    let moved = RouteTable::parse("[]", "/_keys").unwrap();
    assert_eq!(moved.place("/_keys/v1/key"), Place::OwnKey);
    let envoy = Place::ForwardAuth(Dialect::Envoy("/v1/x"));
    assert_eq!(moved.place("/_keys/authorize/envoy/v1/x"), envoy);
    assert_eq!(moved.place("/v1/key"), Place::Gateway);
    for gone in ["/authorize", "/healthz", "/_keysauthorize", "/_keys"] {
        assert_eq!(moved.place(gone), Place::Unknown, "{gone}");
    }
    assert_eq!(own_prefix("/a/_keys").as_deref(), Some("/a/_keys"));
    for bad in [
        "",
        "/",
        "x",
        "/x/",
        "/x//y",
        "/x/../y",
        "/{x}",
        "/*",
        "/%78",
        "/x?",
        "/admin/x",
        "/dashboard",
        "/docs",
    ] {
        assert_eq!(own_prefix(bad), None, "{bad}");
    }
}

#[test]
fn overlaps_name_both_entries() {
    let fallback_of = |method: &str, path: &str| entry(method, path, "s", r#","fallback":true"#);
    for (one, other, words) in [
        (get("/a/{x}"), get("/a/b"), "meets"),
        (get("/a/*"), get("/a/b/c"), "meets"),
        (get("/a/b/c"), get("/a/*"), "meets"),
        (get("/a/*"), get("/a/{y}/z"), "meets"),
        (get("/a"), entry("*", "/a", "s", ""), "meets"),
        (
            get("/a"),
            entry("GET", "/a", "s", r#","host":"x.example""#),
            "meets",
        ),
        // The API may drop the slash.
        (get("/a/b"), entry("GET", "/a/b/", "t", ""), "meets"),
        (get("/a/{x}"), entry("GET", "/a/b/", "t", ""), "meets"),
        // Fallbacks that get nothing.
        (get("/a/*"), fallback("/a/*"), "gets no request beside"),
        (get("/a/*"), fallback("/a/b"), "gets no request beside"),
        (fallback("/a/b"), get("/a/*"), "takes every request of"),
        (fallback("/*"), fallback("/a/*"), "meets"),
        (fallback("/a/*"), fallback("/a/*"), "meets"),
        (fallback("/a/{x}"), fallback("/{x}/a"), "meets"),
        (fallback("/a/*"), fallback_of("GET", "/a/*"), "meets"),
    ] {
        let error = parse(&[get("/first"), one.clone(), other.clone()]).unwrap_err();
        assert_eq!(error.entry, 3, "{one} {other}");
        assert!(error.reason.contains(words), "{one} {other}: {error}");
        assert!(error.reason.contains("an earlier entry, 2 ("), "{error}");
    }
    for (one, other) in [
        (get("/a/{x}"), entry("PUT", "/a/b", "t", "")),
        (get("/a/*"), get("/a")),
        (get("/a/*"), get("/a/")),
        (get("/a"), get("/a/")),
        (get("/a/{x}"), get("/a/")),
        (get("/a/b"), fallback("/a/*")),
        (fallback("/*"), get("/a/*")),
        (fallback("/a/*"), fallback("/*")),
        (fallback_of("GET", "/a/*"), fallback_of("PUT", "/a/*")),
        (
            entry("GET", "/a", "s", r#","host":"x.example""#),
            entry("GET", "/a", "t", r#","host":"y.example""#),
        ),
    ] {
        let both = parse(&[one.clone(), other.clone()]);
        assert!(both.is_ok(), "{one} {other}: {both:?}");
    }
}

#[test]
fn a_host_is_that_of_the_request() {
    let of = |host: &str, scope: &str| entry("GET", "/a", scope, &format!(r#","host":"{host}""#));
    let table = table(&[of("x.example", "x"), of("y.example", "y"), get("/b")]);
    for (host, found) in [
        ("x.example", Match::Route(0)),
        ("X.Example:8080", Match::Route(0)),
        ("x.example.", Match::Route(0)),
        ("y.example", Match::Route(1)),
        ("x.example.evil", Match::None),
        ("evil@x.example", Match::None),
        ("", Match::None),
    ] {
        assert_eq!(table.find("GET", host, "/a"), found, "{host}");
        assert_eq!(table.find("GET", host, "/b"), Match::Route(2), "{host}");
    }
    for bad in [
        "X.example",
        "x.example:80",
        "x.example.",
        "x/y",
        "*.example",
    ] {
        assert_eq!(parse(&[of(bad, "s")]).unwrap_err().entry, 1, "{bad}");
    }
}

#[test]
fn a_host_that_is_not_known_could_be_any() {
    let of = r#","host":"x.example""#;
    let table = table(&[
        entry("GET", "/a", "s", of),
        entry("*", "/b/*", "s", &format!(r#"{of},"fallback":true"#)),
        fallback("/*"),
    ]);
    for (path, here, elsewhere) in [("/a", 0, 2), ("/b/c", 1, 2), ("/c", 2, 2)] {
        assert_eq!(table.find("GET", "x.example", path), Match::Route(here));
        assert_eq!(
            table.find("GET", "y.example", path),
            Match::Route(elsewhere)
        );
    }
    assert_eq!(table.find("GET", "", "/a"), Match::None);
    assert_eq!(table.find("GET", "", "/b/c"), Match::None);
    assert_eq!(table.find("GET", "", "/c"), Match::Route(2));
}

/// What a case-blind API that decodes twice, drops slashes, parameters and extensions
/// could read.
const DISGUISED: [&str; 14] = [
    "/api/admin/",
    "/api/Admin",
    "/API/admin",
    "/api/%61dmin",
    "/api/%2561dmin",
    "/%61pi/admin",
    "/api/admin;x",
    "/api/admin;x/",
    "/api;x/admin",
    "/api/admin.json",
    "/api/admin%20",
    "/api/admin.",
    "/api/admin%3bx",
    "/api/ADM%49N.",
];

#[test]
fn a_fallback_takes_what_nobody_lists_in_any_spelling() {
    let table = table(&[
        entry("GET", "/api/admin", "admin", ""),
        get("/api/items/{id}"),
        get("/files/*"),
        fallback("/api/*"),
        entry("GET", "/*", "s", r#","fallback":true"#),
    ]);
    let find = |path| table.find("GET", HOST, path);
    assert_eq!(find("/api/admin"), Match::Route(0));
    for path in DISGUISED {
        assert_eq!(checked_path(path), Some(path));
        assert_eq!(find(path), Match::None, "{path}");
    }
    for none in [
        "/API/other",
        "/api/items/7/",
        "/FILES/a",
        "/v1/key/",
        "/%68ealthz",
        "/Admin/v1/x",
        "/OAuth2/revoke",
    ] {
        assert_eq!(find(none), Match::None, "{none}");
    }
    for (path, place) in [
        ("/api/administrators", 3),
        ("/api/admin/users", 3),
        ("/api/items", 3),
        ("/api/items/7/parts", 3),
        ("/other", 4),
        ("/api", 4),
        ("/v1/keys", 4),
        ("/a/%C3%A6", 4),
    ] {
        assert_eq!(find(path), Match::Route(place), "{path}");
    }
    // A path that is listed is no fallback's by another method either.
    let allow = Match::OtherMethod("GET".to_owned());
    assert_eq!(table.find("DELETE", HOST, "/api/admin"), allow);
    assert_eq!(table.find("DELETE", HOST, "/other"), allow);
    assert_eq!(table.find("DELETE", HOST, "/api/other"), Match::Route(3));
    assert_eq!(table.find("delete", HOST, "/api/Admin"), Match::None);
}

#[test]
fn nothing_unlisted_is_forwarded_unless_an_entry_says_fallback() {
    let table = table(&[get("/api/a"), get("/api/b/*")]);
    for path in ["/", "/api", "/api/c", "/x", "/api/A"] {
        assert_eq!(table.find("GET", HOST, path), Match::None, "{path}");
    }
}

#[test]
fn fallbacks_of_one_path_are_told_apart_by_their_method() {
    let of = |method: &str, path: &str| entry(method, path, "s", r#","fallback":true"#);
    let table = table(&[of("GET", "/a/*"), of("PUT", "/a/*"), of("*", "/*")]);
    assert_eq!(table.find("GET", HOST, "/a/b"), Match::Route(0));
    assert_eq!(table.find("PUT", HOST, "/a/b"), Match::Route(1));
    let allow = Match::OtherMethod("GET, PUT".to_owned());
    assert_eq!(table.find("DELETE", HOST, "/a/b"), allow);
    assert_eq!(table.find("DELETE", HOST, "/b"), Match::Route(2));
}

#[test]
fn a_route_names_its_upstream() {
    let of = |name: &str| entry("GET", "/a", "s", &format!(r#","upstream":"{name}""#));
    let name = |entry: String| table(&[entry]).get(0).unwrap().upstream().to_owned();
    assert_eq!(name(of("ORDERS_2")), "ORDERS_2");
    for unnamed in [get("/a"), of("")] {
        assert_eq!(name(unnamed), "UPSTREAM");
    }
    for bad in ["orders", "A-B", "https://x"] {
        let error = parse(&[of(bad)]).unwrap_err();
        assert!(error.reason.starts_with("`upstream`"), "{bad}: {error}");
    }
}

proptest! {
    /// Whatever a path looks like to an API that reads it as loosely as any does, the
    /// route that judged it is the one that lists what it looks like, or none.
    #[test]
    fn no_spelling_is_judged_by_another_route(
        segments in prop::collection::vec(
            prop::sample::select(&["api", "API", "%61pi", "%2561pi", "admin", "Admin", "admin;x", "%61dmin.", "admin.json", "x", "y.z"][..]),
            1..4,
        ),
        slash in any::<bool>(),
    ) {
        let table = table(&[
            entry("GET", "/api/admin", "admin", ""),
            entry("GET", "/x/*", "x", ""),
            fallback("/*"),
        ]);
        let path = format!("/{}{}", segments.join("/"), if slash { "/" } else { "" });
        prop_assert_eq!(checked_path(&path), Some(path.as_str()));
        let read: Vec<String> = segments
            .iter()
            .map(|segment| {
                let decoded = segment.replace("%25", "%").replace("%61", "a").to_lowercase();
                decoded.split([';', '.']).next().unwrap().to_owned()
            })
            .collect();
        let found = table.find("GET", HOST, &path);
        if read.join("/") == "api/admin" {
            prop_assert!(found == Match::Route(0) || found == Match::None);
        } else if read[0] == "x" && read.len() > 1 {
            prop_assert!(found == Match::Route(1) || found == Match::None);
        } else {
            prop_assert_eq!(found, Match::Route(2));
        }
    }
}
