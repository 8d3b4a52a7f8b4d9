//! What the registry is asked.

use super::key_id;
use crate::http::admin::{
    Ask, Facts, IDEMPOTENCY_KEY_MAX, RequestBody, ask, idempotency, organizations_query,
    parse_body, query_of, scope_of,
};
use crate::http::{AdminPlace, Code, KeyAction, Place, Problem, usage_query};
use crate::registry::message::{Command, Span};
use crate::time::Timestamp;

const ACME: &str = "/admin/v1/organizations/acme";

fn place(path: &str) -> AdminPlace<'_> {
    match Place::of(path) {
        Place::Admin(place) => place,
        other => panic!("{path} is {other:?}"),
    }
}

fn facts<'a>(method: &'a str, query: &'a str, body: &'a str) -> Facts<'a> {
    Facts {
        method,
        query,
        body: body.as_bytes(),
        if_match: Some("\"7\""),
        if_none_match: None,
        now: Timestamp(100 * 86_400_000),
    }
}

fn asked(method: &str, path: &str, query: &str, body: &str) -> Result<Ask, Problem> {
    ask(&place(path), &facts(method, query, body)).map(Option::unwrap)
}

/// The name of the command that a request becomes.
fn command(method: &str, path: &str, body: &str) -> String {
    let asked = asked(method, path, "", body).unwrap();
    assert_eq!(asked.organization.as_str(), "acme");
    // Only a change is tied to a revision.
    let tied = (method != "GET").then_some(7);
    assert_eq!((asked.if_match, asked.must_exist), (tied, method != "GET"));
    let shown = format!("{:?}", asked.command);
    let end = shown.find([' ', '(']).unwrap_or(shown.len());
    shown[..end].to_owned()
}

#[test]
fn each_method_of_each_place_is_a_command() {
    let key = format!("{ACME}/keys/{}", key_id());
    let issue = r#"{"name":"a","environment":"live","scopes":["read"]}"#;
    let revoke = r#"{"reason":"key_compromise"}"#;
    let listed = format!(r#"{{"ids":["{}"]}}"#, key_id());
    let revoked = format!(r#"{{"ids":["{}"],"reason":"superseded"}}"#, key_id());
    let all = |tail: &str| format!("{ACME}{tail}");
    let one = |tail: &str| format!("{key}{tail}");
    for (method, path, body, expected) in [
        ("GET", all(""), "", "GetOrganization"),
        ("PATCH", all(""), r#"{"name":"b"}"#, "PatchOrganization"),
        ("DELETE", all(""), "", "DeleteOrganization"),
        ("GET", all("/keys"), "", "ListKeys"),
        ("POST", all("/keys"), issue, "IssueKey"),
        ("GET", one(""), "", "GetKey"),
        ("PATCH", one(""), r#"{"name":"b"}"#, "PatchKey"),
        ("POST", one("/rotate"), "", "RotateKey"),
        ("POST", one("/revoke"), revoke, "RevokeKey"),
        ("POST", one("/disable"), "", "DisableKey"),
        ("POST", one("/enable"), "", "EnableKey"),
        ("GET", one("/impact"), "", "Impact"),
        ("GET", all("/audit"), "", "ListAudit"),
        ("GET", all("/audit/head"), "", "AuditHead"),
        ("GET", all("/usage"), "", "ListUsage"),
        ("GET", all("/export"), "", "Export"),
        ("POST", all("/keys/disable"), &listed, "DisableKeys"),
        ("POST", all("/keys/revoke"), &revoked, "RevokeKeys"),
        ("POST", all("/undelete"), "", "UndeleteOrganization"),
    ] {
        assert_eq!(command(method, &path, body), expected, "{method} {path}");
    }
    // A body that may be left out is read where it is not.
    for path in [one("/rotate"), one("/disable"), one("/enable")] {
        let refused = asked("POST", &path, "", "[]").unwrap_err();
        assert_eq!(refused.code, Code::InvalidRequest, "{path}");
    }
    // What is given in full is read in full.
    let put = asked("PUT", ACME, "", r#"{"name":"Acme","api_access":"enabled"}"#);
    assert!(matches!(put.unwrap().command, Command::PutOrganization(_)));
}

#[test]
fn places_without_an_organization_ask_no_registry() {
    for path in [
        "/admin/v1/bootstrap",
        "/admin/v1/session",
        "/admin/v1/status",
        "/admin/v1/status/root-keys",
        "/admin/v1/keys/lookup",
        "/admin/v1/organizations",
    ] {
        let place = place(path);
        let method = place.allow().split(", ").next().unwrap();
        let nothing = ask(&place, &facts(method, "", ""));
        assert!(nothing.unwrap().is_none(), "{path}");
    }
}

#[test]
fn a_place_takes_its_parameters_with_get_alone() {
    let code = |method: &str, query: &str| {
        let body = r#"{"name":"a","environment":"live","scopes":["read"]}"#;
        let asked = asked(method, &format!("{ACME}/keys"), query, body);
        asked.err().map(|problem| problem.code)
    };
    assert_eq!(code("GET", "limit=1"), None);
    assert_eq!(code("POST", ""), None);
    assert_eq!(code("POST", "limit=1"), Some(Code::InvalidRequest));
    let names = |path: &str| query_of(&place(path)).join(" ");
    let usage = "from to by key cursor limit";
    for (path, expected) in [
        ("/admin/v1/organizations", "search deleted cursor limit"),
        ("/admin/v1/status", "cursor limit"),
        ("/admin/v1/status/root-keys", "cursor limit"),
        (&format!("{ACME}/audit"), "key cursor after limit"),
        (&format!("{ACME}/usage"), usage),
        (&format!("{ACME}/export"), "cursor limit"),
        (&format!("{ACME}/audit/head"), ""),
        (ACME, ""),
    ] {
        assert_eq!(names(path), expected, "{path}");
    }
}

#[test]
fn lists_take_what_their_parameters_say() {
    let keys = |query: &str| asked("GET", &format!("{ACME}/keys"), query, "").unwrap();
    let Command::ListKeys(list) = keys("name=Shop&unused_for_days=36500&cursor=c").command else {
        panic!("no list")
    };
    assert_eq!(list.name.as_deref(), Some("Shop"));
    assert_eq!(list.unused_for_days, Some(36_500));
    assert_eq!(list.cursor.as_deref(), Some("c"));
    assert_eq!(list.state, None);
    let long = "x".repeat(101);
    for bad in [
        "unused_for_days=0",
        "unused_for_days=36501",
        &format!("name={long}"),
    ] {
        let refused = asked("GET", &format!("{ACME}/keys"), bad, "").unwrap_err();
        assert_eq!(refused.code, Code::InvalidRequest, "{bad}");
    }
    let greatest = "after=9007199254740991&limit=200";
    let audit = asked("GET", &format!("{ACME}/audit"), greatest, "").unwrap();
    let Command::ListAudit(list) = audit.command else {
        panic!("no list")
    };
    assert_eq!((list.after, list.limit.get()), ((1 << 53) - 1, 200));
    let audit = |query: &str| asked("GET", &format!("{ACME}/audit"), query, "");
    let Command::ListAudit(list) = audit("cursor=7").unwrap().command else {
        panic!("no list")
    };
    assert_eq!(list.after, 7);
    // The former name counts where the other is not there.
    let Command::ListAudit(list) = audit("after=9&cursor=7").unwrap().command else {
        panic!("no list")
    };
    assert_eq!(list.after, 7);
    for bad in ["cursor=x", "after=x", "cursor=7&after=x"] {
        assert_eq!(audit(bad).unwrap_err().code, Code::InvalidRequest, "{bad}");
    }
    let Command::ListKeys(list) = keys("search=Shop").command else {
        panic!("no list")
    };
    assert_eq!(list.name.as_deref(), Some("Shop"));
    let export = asked("GET", &format!("{ACME}/export"), "cursor=c", "").unwrap();
    let Command::Export { cursor, .. } = export.command else {
        panic!("no export")
    };
    assert_eq!(cursor.as_deref(), Some("c"));
}

#[test]
fn organizations_are_searched_by_a_part() {
    let place = place("/admin/v1/organizations");
    let read = |query: &str| organizations_query(&place, query);
    let query = read("search=ac&cursor=acme&limit=9").ok().unwrap();
    assert_eq!(query.search.as_deref(), Some("ac"));
    assert_eq!(query.cursor.as_deref(), Some("acme"));
    assert_eq!(query.limit.get(), 9);
    let long = "é".repeat(100);
    assert!(read(&format!("search={long}")).is_ok());
    for bad in [
        "search=",
        &format!("search={long}x"),
        "cursor=a/b",
        "name=x",
    ] {
        assert!(read(bad).is_err(), "{bad}");
    }
}

#[test]
fn usage_is_the_last_thirty_days_by_the_hour_unless_said() {
    let now = Timestamp(100 * 86_400_000);
    let list = usage_query("", now).unwrap();
    assert_eq!(list.to, now.plus(1), "the present millisecond too");
    assert_eq!(list.from, Timestamp(70 * 86_400_000 + 1));
    assert_eq!((list.by, list.key), (Span::Hour, None));
    let instants = "from=1970-01-02T00:00:00Z&to=1970-01-02T00:00:00Z";
    let query = format!("{instants}&by=day&key={}&cursor=c&limit=3", key_id());
    let list = usage_query(&query, now).unwrap();
    assert_eq!((list.from.0, list.to.0), (86_400_000, 86_400_000));
    assert_eq!((list.by, list.key), (Span::Day, Some(key_id().public)));
    assert_eq!((list.cursor.as_deref(), list.limit.get()), (Some("c"), 3));
    assert_eq!(usage_query("by=hour", now).unwrap().by, Span::Hour);
    for bad in [
        "from=1970-01-02T00:00:01Z&to=1970-01-02T00:00:00Z",
        "by=week",
        "key=x",
        "colour=red",
    ] {
        assert!(usage_query(bad, now).is_err(), "{bad}");
    }
}

#[test]
fn an_idempotency_key_stands_for_path_and_body() {
    let long = "x".repeat(IDEMPOTENCY_KEY_MAX);
    for good in ["a", "!~", &long] {
        assert_eq!(idempotency(good, "/p", b"b").unwrap().key, good);
    }
    for bad in ["", "a b", "é", "a\n", &format!("{long}x")] {
        assert!(idempotency(bad, "/p", b"b").is_err(), "{bad:?}");
    }
    let digest = |path: &str, body: &[u8]| idempotency("a", path, body).unwrap().body_digest;
    assert_eq!(digest("/p", b"b"), digest("/p", b"b"));
    assert_eq!(digest("/p", b"b").len(), 64);
    assert_ne!(digest("/p", b"b"), digest("/p", b"c"));
    assert_ne!(digest("/p", b"b"), digest("/q", b"b"));
    assert_ne!(digest("/pb", b""), digest("/p", b"b"));
}

#[test]
fn a_body_is_one_object() {
    #[derive(Debug, serde::Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct One {
        n: u8,
    }
    impl RequestBody for One {
        const REQUIRED: &'static [&'static str] = &["n"];
    }
    let read = |body: &str| parse_body::<One>(body.as_bytes());
    assert_eq!(read(" \n{\"n\":1}").unwrap(), One { n: 1 });
    for (bad, field) in [
        ("", ""),
        ("[1]", ""),
        ("{}", "n"),
        (r#"{"n":1,"m":2}"#, "m"),
        (r#"{"n":300}"#, "n"),
    ] {
        let problem = read(bad).unwrap_err();
        assert_eq!(problem.code, Code::InvalidRequest);
        assert_eq!(problem.field.unwrap_or_default(), field, "{bad}");
    }
}

/// Which scope each place takes, to read (with GET) and else.
#[test]
fn scopes_of_places() {
    let id = key_id().to_string();
    let action = |action| AdminPlace::KeyAction("acme", &id, action);
    for (place, reading, writing) in [
        (AdminPlace::Bootstrap, "", ""),
        (AdminPlace::Session, "", ""),
        (AdminPlace::Status, "status:read", "status:read"),
        (AdminPlace::RootKeys, "status:read", "status:read"),
        (
            AdminPlace::Organizations,
            "organizations:read",
            "organizations:read",
        ),
        (
            AdminPlace::Organization("acme"),
            "organizations:read",
            "organizations:write",
        ),
        (AdminPlace::Keys("acme"), "keys:read", "keys:write"),
        (AdminPlace::Key("acme", &id), "keys:read", "keys:write"),
        (action(KeyAction::Rotate), "keys:write", "keys:write"),
        (AdminPlace::KeyLookup, "keys:read", "keys:read"),
        (AdminPlace::DisableKeys("acme"), "keys:write", "keys:write"),
        (AdminPlace::RevokeKeys("acme"), "keys:write", "keys:write"),
        (AdminPlace::RevokeAll("acme"), "keys:write", "keys:write"),
        (
            AdminPlace::Undelete("acme"),
            "organizations:write",
            "organizations:write",
        ),
        (AdminPlace::Impact("acme", &id), "usage:read", "usage:read"),
        (AdminPlace::Usage("acme"), "usage:read", "usage:read"),
        (AdminPlace::Audit("acme"), "audit:read", "audit:read"),
        (AdminPlace::AuditHead("acme"), "audit:read", "audit:read"),
        (AdminPlace::Export("acme"), "keys:write", "keys:write"),
        (AdminPlace::Import("acme"), "keys:write", "keys:write"),
    ] {
        assert_eq!(scope_of(&place, "GET"), reading, "{place:?}");
        assert_eq!(scope_of(&place, "POST"), writing, "{place:?}");
    }
}
