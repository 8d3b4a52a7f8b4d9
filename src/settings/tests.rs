//! What the operator may say, and what not.

use super::*;
use crate::freshness::Millis;

const ROOT_KEYS: &str =
    r#"{"current":"1","keys":{"1":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}}"#;

/// The least there is to say.
fn least() -> RawSettings {
    RawSettings {
        root_keys: Some(ROOT_KEYS.to_owned()),
        routes: Some("[]".to_owned()),
        ..RawSettings::default()
    }
}

fn read_raw(raw: RawSettings) -> Result<Settings, SettingsError> {
    Settings::read(raw, &|_| Upstream::default())
}

fn read(on_unproven: Option<&str>, at_most: Option<&str>) -> Result<Settings, SettingsError> {
    read_raw(RawSettings {
        on_unproven: on_unproven.map(str::to_owned),
        unproven_at_most: at_most.map(str::to_owned),
        ..least()
    })
}

#[test]
fn the_scopes_of_clients_are_those_of_routes_and_of_the_setting() {
    let read = |more: Option<&str>| {
        let route = r#"{"method":"GET","path":"/v1/catalogs","scope":"read"}"#;
        read_raw(RawSettings {
            routes: Some(format!("[{route}]")),
            control: RawControlSettings {
                client_scopes: more.map(str::to_owned),
                ..RawControlSettings::default()
            },
            ..least()
        })
        .map(|settings| {
            let scopes = settings.control.registry.client_scopes.iter();
            scopes.map(ToString::to_string).collect::<Vec<_>>()
        })
    };
    assert_eq!(read(None).unwrap(), ["read", "usage"]);
    assert_eq!(
        read(Some(" write  read ")).unwrap(),
        ["read", "usage", "write"]
    );
    assert_eq!(
        read(Some("write \"x\"")).unwrap_err().to_string(),
        "CLIENT_SCOPES must be scopes separated by spaces, such as read write"
    );
}

#[test]
fn a_catalogue_of_scopes_describes_what_there_is() {
    let read = |scopes: &str| {
        let route = r#"{"method":"GET","path":"/api/orders","scope":"orders:read"}"#;
        read_raw(RawSettings {
            routes: Some(format!("[{route}]")),
            control: RawControlSettings {
                scopes: Some(scopes.to_owned()),
                client_scopes: Some("legacy".to_owned()),
                ..RawControlSettings::default()
            },
            ..least()
        })
        .map(|settings| settings.control)
    };
    let control = read(r#"[{"name":"orders:read","dangerous":true}]"#).unwrap();
    let shown = control.client_scopes.iter();
    let shown: Vec<_> = shown.map(|of| (of.name.as_str(), of.dangerous)).collect();
    assert_eq!(
        shown,
        [("orders:read", true), ("usage", false), ("legacy", false)]
    );
    assert_eq!(control.registry.client_scopes.len(), 3);
    let error = read(r#"[{"name":"order:read"}]"#)
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.starts_with("ROUTES, entry 1: GET /api/orders asks for"),
        "{error}"
    );
    assert!(error.contains("did you mean order:read?"), "{error}");
}

#[test]
fn an_upstream_that_a_route_names_is_somewhere() {
    let read = |upstream: &str, own_prefix: &str| {
        let route = r#"{"method":"GET","path":"/v1/key","scope":"s","upstream":"ORDERS"}"#;
        let raw = RawSettings {
            routes: Some(format!(
                r#"[{route},{{"method":"GET","path":"/a","scope":"s"}}]"#
            )),
            own_prefix: Some(own_prefix.to_owned()),
            ..least()
        };
        Settings::read(raw, &|name| match (name, upstream) {
            ("ORDERS", "service") => Upstream::of(true, Some("https://x".to_owned()), true),
            ("ORDERS", url) => Upstream::of(false, Some(url.to_owned()), false),
            _ => Upstream::default(),
        })
    };
    let found = |upstream: &str| {
        let settings = read(upstream, "/_keys").unwrap();
        let route = settings.routes.get(0).unwrap();
        settings.upstream(route).unwrap().1.clone()
    };
    assert_eq!(
        (found("service").live, found("service").has_test),
        (Some(Target::Service), true)
    );
    let origin = Target::Origin("https://orders.example".to_owned());
    assert_eq!(found("https://orders.example/").live, Some(origin));
    for (upstream, own_prefix, words) in [
        ("service", "", "answers itself"),
        ("service", "_keys", "OWN_PREFIX must be a path"),
        ("", "/_keys", "ORDERS_URL"),
        ("orders.example", "/_keys", "ORDERS_URL must be an origin"),
        ("https://orders.example/v2", "/_keys", "must be an origin"),
    ] {
        let error = read(upstream, own_prefix).err().unwrap().to_string();
        assert!(error.contains(words), "{upstream} {own_prefix}: {error}");
    }
}

#[test]
fn an_upstream_has_an_origin_and_nothing_else() {
    let read = |url: &str| {
        let raw = RawSettings {
            routes: Some(r#"[{"method":"GET","path":"/a","scope":"s"}]"#.to_owned()),
            ..least()
        };
        let found = Upstream::of(false, Some(url.to_owned()), false);
        Settings::read(raw, &|_| found.clone())
    };
    for good in [
        "http://a",
        "https://api.example.com",
        "https://api.example.com/",
        "https://my_api.example:8443",
        "http://127.0.0.1:8895",
        "http://[::1]",
        "http://[2001:db8::1]:80",
    ] {
        assert!(read(good).is_ok(), "{good}");
    }
    for bad in [
        "127.0.0.1:8895",
        "api.example.com",
        "//api.example.com",
        "ftp://api.example.com",
        "http://",
        "http://:80",
        "http://a:",
        "http://a:b",
        "http://a:65536",
        "http://a:-1",
        "http://a/b",
        "http://a?b",
        "http://a#b",
        "http://me@a",
        "http://a b",
        "http://a::1",
        "http://a:1:2",
        " http://a",
    ] {
        let error = read(bad).err().map(|error| error.to_string());
        assert!(
            error.is_some_and(|error| error.starts_with("UPSTREAM_URL must be an origin")),
            "{bad}"
        );
    }
    // None at all is for those who only ask for decisions.
    assert!(read("").is_ok());
}

#[test]
fn a_value_of_another_form_is_never_the_default() {
    let names = std::cell::RefCell::new(Vec::new());
    let with = |name: &str, value: Option<&str>| {
        let raw = RawSettings::of(&|asked| {
            names.borrow_mut().push(asked.to_owned());
            match asked {
                _ if asked == name => value.map(str::to_owned),
                bindings::ROOT_KEYS => Some(ROOT_KEYS.to_owned()),
                bindings::ROUTES => Some("[]".to_owned()),
                _ => None,
            }
        });
        read_raw(raw).map(drop)
    };
    assert_eq!(with("", None), Ok(()));
    let all = names.borrow().clone();
    assert_eq!(all.len(), 24);
    for name in all {
        for wrong in ["\u{7}", "\"", "1.5\"", "{\"a\":1}"] {
            let error = with(&name, Some(wrong)).unwrap_err();
            assert_ne!(error.to_string(), "", "{name} {wrong}");
        }
    }
}

#[test]
fn what_cannot_be_proven_is_refused_unless_said() {
    for said in [None, Some(""), Some("refuse")] {
        let settings = read(said, Some("60000")).unwrap();
        assert_eq!(settings.serve_unproven, None);
        assert_eq!(
            settings.weakened(settings.serve_unproven),
            Vec::<Weakened>::new()
        );
    }
}

#[test]
fn an_audit_is_kept_for_ever_or_for_a_month_at_least() {
    let read = |days: Option<&str>| {
        let raw = RawSettings {
            control: RawControlSettings {
                audit_retention_days: days.map(str::to_owned),
                ..RawControlSettings::default()
            },
            ..least()
        };
        read_raw(raw).map(|settings| settings.control.registry.audit_retention_days)
    };
    assert_eq!(read(None).unwrap(), None);
    assert_eq!(read(Some("")).unwrap(), None);
    assert_eq!(read(Some("30")).unwrap(), Some(30));
    for bad in ["0", "29", "3651", "-1", "for ever"] {
        assert!(read(Some(bad)).is_err(), "{bad}");
    }
}

#[test]
fn serving_unproven_has_an_end_and_is_told() {
    let settings = read(Some("serve"), Some("60000")).unwrap();
    assert_eq!(settings.serve_unproven, Some(Millis(60_000)));
    let weakened = settings.weakened(settings.serve_unproven).pop().unwrap();
    assert_eq!(weakened.setting, bindings::ON_UNPROVEN);
    assert_eq!(weakened.at_most_ms, Some(Millis(60_000)));
    assert!(weakened.text.contains("ON_UNPROVEN") && weakened.text.contains("60000 ms"));
    for (said, at_most) in [
        (Some("serve"), None),
        (Some("serve"), Some("999")),
        (Some("serve"), Some("86400001")),
        (Some("Serve"), Some("60000")),
    ] {
        assert!(read(said, at_most).is_err(), "{said:?} {at_most:?}");
    }
}
