//! What proxies and the API behind are told, and by whom.

use base64ct::{Base64, Encoding as _};

use crate::http::leaks::{REPORT_LIMIT, SigningKey, report, signature};
use crate::http::{
    Code, Dialect, IDENTITY, Identity, Passage, Problem, clear_session_cookie, for_proxy, original,
    request_passage, response_passage, same_origin, session_cookie, set_session_cookie,
    unknown_route,
};

#[test]
fn every_identity_header_is_sent_with_or_without_an_assertion() {
    let identity = Identity {
        organization: "acme".to_owned(),
        key_id: "kat_live_x".to_owned(),
        environment: "live",
        scopes: "read write".to_owned(),
    };
    let signed = identity.clone().headers(Some("a.b.c".to_owned()));
    let values = ["acme", "kat_live_x", "live", "read write", "a.b.c"];
    for ((name, value), (sent, sent_value)) in IDENTITY.iter().zip(values).zip(&signed) {
        assert_eq!((*name, value), (*sent, sent_value.as_str()));
    }
    let [.., last] = identity.headers(None);
    assert_eq!(last, ("katalo-assertion", String::new()));
}

#[test]
fn a_proxy_hears_401_403_or_a_fault() {
    for (code, nginx, others) in [
        (Code::InvalidKey, 401, 401),
        (Code::InsufficientScope, 403, 403),
        (Code::NotFound, 403, 403),
        (Code::InvalidRequest, 403, 403),
        (Code::QuotaExceeded, 403, 429),
        (Code::InternalError, 500, 500),
        (Code::FreshnessUnavailable, 503, 503),
    ] {
        let told = |is_nginx| for_proxy(code.into(), is_nginx).into_answer("", "");
        assert_eq!(
            (told(true).status, told(false).status),
            (nginx, others),
            "{code:?}"
        );
    }
    // What nginx can give back.
    let used_up = for_proxy(Code::QuotaExceeded.into(), true).into_answer("", "");
    assert_eq!(used_up.header("katalo-status"), Some("429"));
    let unknown = unknown_route();
    assert_eq!((unknown.code, unknown.status()), (Code::NotFound, 403));
}

#[test]
fn the_question_of_a_proxy_is_one_method_and_one_path() {
    let ask = |method: &str, target: &str| {
        let header = |name: &str| match name {
            "x-forwarded-method" => Some(method.to_owned()),
            "x-forwarded-uri" => Some(target.to_owned()),
            _ => None,
        };
        original(Dialect::Forwarded, "GET", "", &header).map(|asked| asked.path)
    };
    assert_eq!(ask("GET", "/v1/x#part").unwrap(), "/v1/x");
    for (method, target) in [
        ("", "/v1/x"),
        ("GE T", "/v1/x"),
        ("GET", ""),
        ("GET", "/v1/x y"),
        ("GET", "/v1/x?a b"),
    ] {
        let refused: Problem = ask(method, target).unwrap_err();
        assert_eq!(refused.status(), 403, "{method:?} {target:?}");
        assert!(refused.field.is_some() && refused.detail.is_some());
    }
}

#[test]
fn names_that_only_begin_alike_pass() {
    for name in ["katal", "katalo", "access-control", "authorizations"] {
        assert_eq!(request_passage(name), Passage::GoesOn, "{name}");
        assert_eq!(response_passage(name), Passage::GoesOn, "{name}");
    }
    for name in ["x-original-url", "X-Rewrite-URL", "keep-alive", "Upgrade"] {
        assert_eq!(request_passage(name), Passage::StaysBehind, "{name}");
    }
    for name in ["access-control-x", "Set-Cookie2", "katalo_x"] {
        assert_eq!(response_passage(name), Passage::StaysBehind, "{name}");
    }
    assert_eq!(response_passage("authorization"), Passage::GoesOn);
    assert_eq!(request_passage("set-cookie"), Passage::GoesOn);
}

#[test]
fn a_session_cookie_is_for_this_host_alone() {
    let set = set_session_cookie("token", 60);
    let expected =
        "__Host-katalo-session=token; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=60";
    assert_eq!(set, expected);
    let cleared = clear_session_cookie();
    assert!(cleared.starts_with("__Host-katalo-session=; ") && cleared.ends_with("Max-Age=0"));
    assert_eq!(session_cookie("__Host-katalo-session=a=b"), Some("a=b"));
    assert!(same_origin("https://KEYS.example", "https://keys.example"));
    assert!(!same_origin(
        "https://keys.example:8443",
        "https://keys.example"
    ));
}

#[test]
fn a_report_is_a_list_of_whole_matches() {
    assert_eq!(REPORT_LIMIT, 1_048_576);
    let found = report(br#"[{"token":"a","type":"t","url":"u"}]"#)
        .ok()
        .unwrap();
    assert_eq!(found[0].token.as_str(), "a");
    assert_eq!((found[0].kind.as_str(), found[0].url.as_str()), ("t", "u"));
    assert!(report(b"[]").ok().unwrap().is_empty());
    for bad in [
        &b"null"[..],
        br#"[{"type":"t"}]"#,
        br#"[{"token":"a"}]"#,
        br#"[{"token":1,"type":"t"}]"#,
        br#"[1]"#,
        b"nonsense",
    ] {
        let problem = report(bad).err().unwrap();
        assert_eq!(problem.code, Code::InvalidRequest);
    }
}

/// A length from 128 on takes more bytes than one; none of a signature's does.
#[test]
fn a_length_of_128_is_no_length_here() {
    let integer = |length: u8| {
        let mut der = vec![0x02, length];
        der.extend(vec![0; usize::from(length) - 1]);
        der.push(1);
        der
    };
    let sequence = |first: u8, second: u8| {
        let content = [integer(first), integer(second)].concat();
        let mut der = vec![0x30, u8::try_from(content.len()).unwrap()];
        der.extend(content);
        Base64::encode_string(&der)
    };
    assert!(signature(&sequence(61, 62)).is_some());
    assert!(signature(&sequence(62, 62)).is_none());
}

#[test]
fn a_signing_key_is_one_pem_block() {
    let read = |key: &str| {
        let text = format!(r#"{{"public_keys":[{{"key_identifier":"a","key":"{key}"}}]}}"#);
        SigningKey::read_all(&text).map(|keys| keys[0].spki.clone())
    };
    let (begin, end) = ("-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----");
    assert_eq!(read(&format!("{begin} AQID {end}")), Some(vec![1, 2, 3]));
    for bad in [
        format!("{begin} AQID"),
        format!("AQID {end}"),
        format!("{begin} !! {end}"),
    ] {
        assert_eq!(read(&bad), None);
    }
}
