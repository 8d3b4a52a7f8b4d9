//! Problem documents, to the last header.

use serde_json::json;

use super::{ORIGIN, members};
use crate::http::{Answer, Body, Code, JSON, PROBLEM, Problem};
use crate::verify::Denial;

fn answer(problem: impl Into<Problem>) -> Answer {
    problem.into().into_answer(ORIGIN, "r1")
}

#[test]
fn a_document_says_what_its_code_does() {
    for code in Code::all() {
        let answer = answer(code);
        let document = members(&answer);
        assert_eq!(answer.status, code.status());
        assert_eq!(document["title"], code.title());
        assert_eq!(document["detail"], code.advice());
        assert_eq!(document["code"], code.as_str());
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert!(matches!(answer.body, Body::Text(PROBLEM, _)));
        let waits = matches!(code.status(), 429 | 503).then_some("1");
        assert_eq!(answer.header("retry-after"), waits, "{code:?}");
        assert_eq!(Code::parse(code.as_str()), Some(code));
    }
    assert_eq!(Code::parse("nonsense"), None);
    assert_eq!(Code::InvalidKey.status(), 401);
    assert_eq!(Code::InvalidKey.title(), "The API key is not valid");
    assert!(Code::InvalidKey.advice().contains("issued"));
}

#[test]
fn words_of_its_own_take_the_place_of_the_advice() {
    let own = Problem::from(Code::NotFound).because("a \"quoted\" \\ line\n");
    assert_eq!(members(&answer(own))["detail"], "a \"quoted\" \\ line\n");
    for quoted in ["\"", "\\", "\u{1}\"", ""] {
        let own = Problem::from(Code::NotFound).because(quoted);
        assert_eq!(members(&answer(own))["detail"], quoted);
    }
    let invalid = Problem::invalid("", "nothing fits");
    assert_eq!(invalid.field, None);
    assert_eq!(members(&answer(invalid))["detail"], "nothing fits");
    let extended = Problem {
        extension: Some(("key", r#"{"a":1}"#.to_owned())),
        ..Problem::from(Code::SecretAlreadyShown)
    };
    assert_eq!(members(&answer(extended))["key"], json!({ "a": 1 }));
    let answer = answer(Problem::method_not_allowed("GET, POST"));
    assert_eq!(answer.header("allow"), Some("GET, POST"));
    assert_eq!(answer.status, 405);
}

#[test]
fn each_denial_is_a_problem() {
    let scope = || "billing".to_owned();
    for (denial, code) in [
        (Denial::MissingCredentials, Code::MissingCredentials),
        (Denial::MalformedKey, Code::MalformedKey),
        (Denial::InvalidKey, Code::InvalidKey),
        (Denial::RevokedKey, Code::RevokedKey),
        (Denial::ExpiredKey, Code::ExpiredKey),
        (Denial::DisabledKey, Code::DisabledKey),
        (Denial::ApiAccessDisabled, Code::ApiAccessDisabled),
        (Denial::InsufficientScope(scope()), Code::InsufficientScope),
        (Denial::RestrictedKey(scope()), Code::InsufficientScope),
        (Denial::WrongEnvironment, Code::WrongEnvironment),
        (Denial::TestKey, Code::WrongEnvironment),
        (Denial::AddressNotAllowed, Code::AddressNotAllowed),
        (Denial::BrowserCallRefused, Code::BrowserCallRefused),
    ] {
        assert_eq!(Problem::from(&denial).code, code);
    }
    // Only a test key is told of test keys.
    let detail = |denial: &Denial| members(&answer(denial))["detail"].clone();
    assert!(detail(&Denial::TestKey).to_string().contains("`test`"));
    let elsewhere = detail(&Denial::InvalidKey);
    assert_eq!(elsewhere, Code::InvalidKey.advice());
    let lacks = members(&answer(&Denial::InsufficientScope(scope())));
    assert_eq!(lacks["scope"], "billing");
    assert_eq!(lacks.get("restriction"), None);
    let leaked = members(&answer(&Denial::RestrictedKey(scope())));
    assert_eq!(leaked["scope"], "billing");
    assert_eq!(leaked["restriction"], "leak");
}

#[test]
fn who_tried_basic_is_challenged_so() {
    let challenge = |problem: Problem| {
        let answer = answer(problem);
        answer.header("www-authenticate").map(str::to_owned)
    };
    let basic = |status| Problem {
        is_basic: true,
        status,
        ..Problem::from(Code::WrongEnvironment)
    };
    let realm = r#"Basic realm="katalo""#;
    assert_eq!(challenge(basic(Some(401))).as_deref(), Some(realm));
    assert_eq!(challenge(basic(None)), None);
    let invalid = challenge(Code::InvalidKey.into()).unwrap();
    let expected = r#"Bearer realm="katalo", error="invalid_token", error_description="The API key is not valid""#;
    assert_eq!(invalid, expected);
    assert_eq!(challenge(Code::NotFound.into()), None);
}

/// Strangers must not fill the log.
#[test]
fn what_strangers_cause_is_no_line_in_the_log() {
    let notable = Code::all().filter(|code| code.is_notable());
    let names: Vec<_> = notable.map(Code::as_str).collect();
    let expected = [
        "revoked_key",
        "expired_key",
        "disabled_key",
        "api_access_disabled",
        "insufficient_scope",
        "wrong_environment",
        "address_not_allowed",
        "last_admin",
        "freshness_unavailable",
        "rate_limit_exceeded",
        "quota_exceeded",
        "limits_unavailable",
        "registry_unavailable",
        "upstream_unavailable",
        "upstream_timeout",
        "internal_error",
    ];
    assert_eq!(names, expected);
}

#[test]
fn an_answer_shows_the_first_of_its_headers() {
    let answer = Answer::json(201, &json!({ "a": 1 }))
        .with("a", "1")
        .with("b", "2")
        .with("a", "3");
    assert_eq!(answer.status, 201);
    assert_eq!(answer.header("a"), Some("1"));
    assert_eq!(answer.header("b"), Some("2"));
    assert_eq!(answer.header("c"), None);
    assert_eq!(answer.body, Body::Text(JSON, r#"{"a":1}"#.to_owned()));
}
