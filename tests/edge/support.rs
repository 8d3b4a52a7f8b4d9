//! What these tests share.

use anyhow::{Context, Result, ensure};
use katalo_rig::{Admin, Answer, Client, Issued, Rig, exchange};
pub(crate) use katalo_rig::{
    forged::{forged_id, with_checksum, wrong_secret},
    until,
};
use serde_json::{Value, json};

/// The organization of most tests.
pub(crate) const ACME: &str = "acme";

/// An administrator, an organization with access, and a live key that may read.
pub(crate) fn acme(rig: &Rig) -> Result<(Admin, Issued)> {
    let admin = rig.bootstrap()?;
    admin.organization(ACME)?;
    let key = admin.issue_live(ACME, &["read"])?;
    Ok((admin, key))
}

/// Headers of a client that would be somebody else, in every spelling that some
/// server or other reads as ours.
pub(crate) const CLAIMS: [&[u8]; 13] = [
    b"Katalo-Organization: evil",
    b"katalo-organization: evil",
    b"KATALO-ORGANIZATION: evil",
    b"Katalo_Organization: evil",
    b"katalo_key_id: evil",
    b"Katalo-Key_Id: evil",
    b"Katalo-Scopes: evil",
    b"Katalo-Scopes: evil",
    b"Katalo-Environment: evil",
    b"Katalo-Assertion: evil",
    b"Katalo.Key.Id: evil",
    b"X_HTTP_Method_Override: evil",
    b"X.HTTP.Method: evil",
];

/// `GET /v1/key`
pub(crate) fn own_key(client: &Client, key: &str) -> Result<Answer> {
    client.call("GET", "/v1/key").bearer(key).send()
}

/// A route that takes the scope `read`, through to the upstream.
pub(crate) fn read(client: &Client, key: &str) -> Result<Answer> {
    client.call("GET", "/v1/catalogs/c1").bearer(key).send()
}

/// A request as bytes, with this key presented.
pub(crate) fn raw(
    client: &Client,
    line: &str,
    key: &str,
    more: &[&[u8]],
    body: &[u8],
) -> Result<Answer> {
    let mut bytes = format!("{line} HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n").into_bytes();
    if !key.is_empty() {
        bytes.extend(format!("Authorization: Bearer {key}\r\n").as_bytes());
    }
    for header in more {
        bytes.extend(*header);
        bytes.extend(b"\r\n");
    }
    if !body.is_empty() {
        bytes.extend(format!("Content-Length: {}\r\n", body.len()).as_bytes());
    }
    bytes.extend(b"\r\n");
    bytes.extend(body);
    exchange(client.address(), &bytes)?.with_context(|| format!("no answer to {line}"))
}

/// `Katalo-Decision`, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) source: String,
    pub(crate) age: u64,
    pub(crate) revision: u64,
}

pub(crate) fn decision(answer: &Answer) -> Result<Decision> {
    let value = answer
        .header("katalo-decision")
        .with_context(|| format!("no decision: {answer:?}"))?;
    let member = |name: &str| {
        value
            .split(", ")
            .find_map(|member| member.strip_prefix(name)?.strip_prefix('='))
            .with_context(|| format!("no {name} in {value}"))
    };
    Ok(Decision {
        source: member("source")?.to_owned(),
        age: member("age")?.parse()?,
        revision: member("revision")?.parse()?,
    })
}

/// The source of a granted answer.
pub(crate) fn source(answer: &Answer) -> Result<String> {
    ensure!(answer.status == 200, "not granted: {answer:?}");
    Ok(decision(answer)?.source)
}

/// Workers KV holds the records of this key and its organization as they are now.
pub(crate) fn until_in_kv(rig: &Rig, key: &Issued) -> Result<()> {
    let (key, organization) = kv_names(key);
    until("KV is written", || {
        Ok(rig.kv().value(&key).is_some() && rig.kv().value(&organization).is_some())
    })
}

/// No organization has anything left to tell the change log or Workers KV, so that
/// none carries on with it after a crash.
pub(crate) fn until_all_is_told(admin: &Admin) -> Result<()> {
    until("nothing is left to tell", || {
        let status = admin.call("GET", "/status").send()?.json()?;
        Ok(status["organizations"]["outbox"] == json!({ "appends": 0, "publications": 0 }))
    })
}

/// The names of a key's and its organization's records in KV.
pub(crate) fn kv_names(key: &Issued) -> (String, String) {
    let public = &key.id[key.id.rfind('_').expect("a key id") + 1..];
    (format!("key/{public}"), format!("org/{}", &public[2..13]))
}

/// Gives the isolate of an edge new, empty instances of both planes.
pub(crate) fn make_cold(edge: &Client) -> Result<()> {
    let replaced = edge.call("PUT", "/__rig/cold").send()?;
    ensure!(replaced.status == 204, "{replaced:?}");
    Ok(())
}

/// Checks a problem document whole: its members, its status, its challenge, and
/// that nobody may keep it or read it from a page.
#[track_caller]
pub(crate) fn assert_problem(answer: &Answer, status: u16, code: &str) {
    let what = format!("{} {}", answer.status, answer.text());
    assert_eq!(answer.problem().as_deref(), Some(code), "{what}");
    assert_eq!(answer.status, status, "{what}");
    let document = answer.json().expect("JSON");
    let text = |name: &str| document[name].as_str().unwrap_or_default().to_owned();
    assert!(
        text("type").ends_with(&format!("/problems/{code}")),
        "{what}"
    );
    assert!(text("type").starts_with("http"), "{what}");
    assert_eq!(document["status"], json!(status), "{what}");
    for name in ["title", "detail", "request_id"] {
        assert!(!text(name).is_empty(), "{name}: {what}");
    }
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{what}");
    let challenge = answer.header("www-authenticate");
    match (code, status) {
        ("missing_credentials", _) => assert_eq!(challenge, Some(r#"Bearer realm="katalo""#)),
        ("insufficient_scope", _) => assert!(
            challenge.is_some_and(|challenge| challenge
                .starts_with(r#"Bearer realm="katalo", error="insufficient_scope", scope=""#)),
            "{challenge:?}"
        ),
        (_, 401) => assert!(
            challenge.is_some_and(|challenge| challenge
                .starts_with(r#"Bearer realm="katalo", error="invalid_token""#)),
            "{challenge:?}"
        ),
        _ => assert_eq!(challenge, None, "{what}"),
    }
    if matches!(status, 429 | 503) {
        let seconds = answer.header("retry-after").map(str::parse::<u64>);
        assert!(matches!(seconds, Some(Ok(1..=60))), "{seconds:?}: {what}");
    }
    assert_eq!(answer.header("allow").is_some(), status == 405, "{what}");
    assert_no_cors(answer);
}

/// No page of another origin may read anything of ours.
#[track_caller]
pub(crate) fn assert_no_cors(answer: &Answer) {
    let opens = |(name, _): &&(String, String)| name.starts_with("access-control-");
    assert_eq!(answer.headers.iter().find(opens), None);
}

/// A change that was answered as enforced; gives back the answer's JSON.
#[track_caller]
pub(crate) fn enforced(answer: Result<Answer>) -> Value {
    let answer = answer.expect("an answer");
    assert!(matches!(answer.status, 200 | 201), "{answer:?}");
    let body = answer.json().expect("JSON");
    assert_eq!(body["enforced"], true, "{answer:?}");
    assert!(body["effective_at"].is_string(), "{answer:?}");
    body
}
