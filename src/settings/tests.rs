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

fn read(on_unproven: Option<&str>, at_most: Option<&str>) -> Result<Settings, SettingsError> {
    Settings::read(RawSettings {
        on_unproven: on_unproven.map(str::to_owned),
        unproven_at_most: at_most.map(str::to_owned),
        ..least()
    })
}

#[test]
fn the_scopes_of_clients_are_those_of_routes_and_of_the_setting() {
    let read = |more: Option<&str>| {
        let route = r#"{"method":"GET","path":"/v1/catalogs","scope":"read"}"#;
        Settings::read(RawSettings {
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
        Settings::read(raw).map(|settings| settings.control.registry.audit_retention_days)
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
