//! The table of typical mistakes, as far as the request alone decides.
#![allow(missing_docs, reason = "tests")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that panics has failed"
)]

#[path = "support/mistakes.rs"]
mod mistakes;

use katalo_keys::http::admin::{Facts, ask, check_method, idempotency, organizations_query};
use katalo_keys::http::{AdminPlace, Body, Code, Place, Problem, checked_path};
use katalo_keys::key::{Brand, Keyring};
use katalo_keys::time::Timestamp;
use katalo_keys::verify::{Credentials, Denial};
use mistakes::{By, MISTAKES, Mistake, WORDS_OF_SERDE};

const KEY: &str = "kat_live_20BAssrdJ8UvAGbTzdPedgcnuDWlHC";

/// What the pure code says, where it says something.
fn decided(mistake: &Mistake) -> Option<Problem> {
    let target = mistake
        .target
        .replace("{key}", KEY)
        .replace("{foreign}", KEY);
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let header = |wanted: &str| {
        let found = mistake.headers.iter().find(|(name, _)| *name == wanted);
        found.map(|(_, value)| *value)
    };
    // Whoever signs in shows a key in the body.
    if mistake.by == By::Nobody && mistake.method == "GET" {
        return refused(header("authorization"), header("x-api-key").is_some());
    }
    match Place::of(checked_path(path)?) {
        Place::Unknown => Some(Problem::no_such_address(path)),
        Place::Admin(place) => check_method(&place, mistake.method)
            .and_then(|()| admin(&place, mistake, path, query, &header))
            .err(),
        _ => None,
    }
}

fn refused(authorization: Option<&str>, has_api_key: bool) -> Option<Problem> {
    let root = r#"{"current":"1","keys":{"1":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}}"#;
    let keyring = Keyring::parse(Brand::KATALO, root).unwrap();
    match Credentials::read(authorization, &keyring) {
        Credentials::Refused(Denial::MissingCredentials) => Some(Problem::missing_credentials(
            authorization.unwrap_or_default(),
            has_api_key,
        )),
        Credentials::Refused(denial) => Some((&denial).into()),
        Credentials::Key(_) => None,
    }
}

fn admin<'a>(
    place: &AdminPlace<'_>,
    mistake: &Mistake,
    path: &str,
    query: &str,
    header: &dyn Fn(&str) -> Option<&'a str>,
) -> Result<(), Problem> {
    if header("content-type").is_some() {
        return Ok(());
    }
    let facts = Facts {
        method: mistake.method,
        query,
        body: mistake.body.as_bytes(),
        if_match: header("if-match"),
        if_none_match: header("if-none-match"),
        now: Timestamp::from_rfc3339("2026-11-24T00:00:00Z").unwrap(),
    };
    ask(place, &facts)?;
    if matches!(place, AdminPlace::Organizations) {
        organizations_query(place, query)?;
    }
    if let Some(key) = header("idempotency-key") {
        idempotency(key, path, facts.body)?;
    }
    Ok(())
}

#[test]
fn each_mistake_is_told_what_is_expected() {
    let mut wrong = Vec::new();
    for mistake in MISTAKES {
        let answered = decided(mistake).map(|problem| {
            let Body::Text(_, text) = problem.into_answer("https://keys.example", "r").body else {
                panic!("no document")
            };
            let document: serde_json::Value = serde_json::from_str(&text).unwrap();
            for words in WORDS_OF_SERDE {
                assert!(!text.contains(words), "{words}: {text}");
            }
            (document["code"].clone(), document["detail"].clone())
        });
        let expected = mistake
            .is_pure
            .then(|| (mistake.code.into(), mistake.detail.into()));
        if answered != expected {
            wrong.push(format!("{mistake:?}\n    is {answered:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(MISTAKES.len() >= 50, "{}", MISTAKES.len());
    let pure = MISTAKES.iter().filter(|mistake| mistake.is_pure).count();
    assert!(pure >= 50, "{pure}");
}

#[test]
fn each_detail_is_a_sentence_and_each_code_is_one_of_ours() {
    for mistake in MISTAKES {
        assert!(mistake.detail.ends_with('.'), "{mistake:?}");
        assert!(Code::parse(mistake.code).is_some(), "{mistake:?}");
    }
}
