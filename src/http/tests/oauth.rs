//! What OAuth clients are told.

use serde_json::json;

use super::{ORIGIN, key_id, members, organization, scopes};
use crate::http::oauth::{TokenForm, active, as_oauth, basic_key, inactive, refused_caller};
use crate::http::{Code, Problem};
use crate::key::{KeyDigest, KeyRecord, OrganizationRecord, RECORD_VERSION};
use crate::time::Timestamp;

fn record() -> KeyRecord {
    KeyRecord {
        revision: 7,
        name: "Shop".to_owned(),
        ..KeyRecord::issued(
            3,
            Timestamp(1_999),
            KeyDigest::from_text(&"A".repeat(43)).unwrap(),
            scopes(),
        )
    }
}

#[test]
fn of_an_inactive_token_nothing_more_is_said() {
    let answer = inactive();
    assert_eq!(answer.status, 200);
    assert_eq!(members(&answer), json!({ "active": false }));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[test]
fn an_active_token_is_described() {
    let organization = OrganizationRecord {
        v: RECORD_VERSION,
        revision: 1,
        id: organization(),
        api_access: true,
        keys_revoked_through: 0,
        limits: Vec::new(),
    };
    let answer = active(key_id(), &record(), &organization, ORIGIN, "[]");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let expected = json!({
        "active": true,
        "scope": "read",
        "client_id": key_id().to_string(),
        "sub": "acme",
        "token_type": "Bearer",
        "iss": ORIGIN,
        "environment": "live",
        "iat": 1,
    });
    assert_eq!(members(&answer), expected);
    // The earlier of two ends.
    let ending = KeyRecord {
        expires_at: Some(Timestamp(9_000)),
        retires_at: Some(Timestamp(5_999)),
        restricted: true,
        ..record()
    };
    let answer = members(&active(key_id(), &ending, &organization, ORIGIN, "[]"));
    assert_eq!(
        (&answer["exp"], &answer["restriction"]),
        (&json!(5), &json!("leak"))
    );
}

#[test]
fn a_form_may_tell_the_clients_address() {
    let form = TokenForm::read(b"token=a&client_address=192.0.2.7")
        .ok()
        .unwrap();
    assert_eq!(form.client_address.as_deref(), Some("192.0.2.7"));
    let form = TokenForm::read(b"token=a").ok().unwrap();
    assert_eq!(form.client_address, None);
}

#[test]
fn each_problem_has_an_error_that_oauth_clients_know() {
    for (code, error) in [
        (Code::InsufficientScope, "insufficient_scope"),
        (Code::InvalidKey, "invalid_client"),
        (Code::WrongEnvironment, "access_denied"),
        (Code::RegistryUnavailable, "temporarily_unavailable"),
        (Code::InternalError, "temporarily_unavailable"),
        (Code::InvalidRequest, "invalid_request"),
        (Code::BodyTooLarge, "invalid_request"),
    ] {
        let problem = as_oauth(code.into());
        assert_eq!(
            problem.extension,
            Some(("error", format!("\"{error}\""))),
            "{code:?}"
        );
    }
}

#[test]
fn a_caller_is_refused_in_the_scheme_it_tried() {
    let refused = refused_caller(Code::WrongEnvironment.into(), Some("basic abc"));
    assert_eq!((refused.status(), refused.is_basic), (401, true));
    assert_eq!(
        refused.extension,
        Some(("error", "\"invalid_client\"".to_owned()))
    );
    for other in [None, Some("Bearer abc"), Some("Basically")] {
        let refused = refused_caller(Code::InvalidKey.into(), other);
        assert_eq!((refused.status(), refused.is_basic), (401, false));
    }
    let down = refused_caller(Code::RegistryUnavailable.into(), None);
    assert_eq!(down.status(), 503);
    let own = Problem {
        status: Some(400),
        ..Problem::from(Code::InvalidRequest)
    };
    assert_eq!(refused_caller(own, None).status, Some(400));
}

#[test]
fn the_scheme_is_read_in_any_case() {
    // kat_admin_a:b
    let key = basic_key("bASIC a2F0X2FkbWluX2E6Yg==");
    assert_eq!(key.unwrap().as_str(), "kat_admin_a.b");
}
