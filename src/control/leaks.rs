//! `POST /leaks/github`: keys that GitHub's secret scanning found in public.
//!
//! A report counts only with GitHub's signature. A match counts only with a
//! secret that proves: checksum and id tag settle most without any look-up.

use std::cell::RefCell;
use std::time::Duration;

use js_sys::{Array, Uint8Array};
use rustc_hash::FxHashSet;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use zeroize::Zeroizing;

use crate::control::deadline::within;
use crate::control::registry;
use crate::expiring_semaphore::ExpiringSemaphore;
use crate::http::leaks::{self, Found, SigningKey};
use crate::http::{Answer, Code, Problem};
use crate::key::PublicKeyId;
use crate::registry::message::{Command, LeakSource, Outcome, Refusal};
use crate::runtime::bindings;
use crate::runtime::host;
use crate::runtime::incoming::Incoming;
use crate::runtime::isolate::Edge;
use crate::runtime::secrets;
use crate::time::Timestamp;

/// How long fetched keys are good, in milliseconds: a day.
const KEYS_LAST: u64 = 86_400_000;
/// How soon they are fetched again for a key that is not among them, or where
/// they could not be fetched, in milliseconds. Strangers can ask for that.
const FETCH_AFTER: u64 = 60_000;
/// How long the fetch may take.
const FETCH_DEADLINE: Duration = Duration::from_secs(5);

/// Reports being received by one isolate, of 1 MiB each at most.
const UPLOADS_MOST: usize = 8;
/// How long one may take.
const UPLOAD_LASTS: Duration = Duration::from_secs(10);

/// GitHub's keys as they were last fetched.
struct Fetched {
    keys: Vec<SigningKey>,
    at: Timestamp,
    tried: Timestamp,
}

thread_local! {
    static UPLOADS: RefCell<ExpiringSemaphore> = const {
        RefCell::new(ExpiringSemaphore::new(UPLOADS_MOST, UPLOAD_LASTS.as_millis() as u64))
    };
    static FETCHED: RefCell<Fetched> = const {
        RefCell::new(Fetched {
            keys: Vec::new(),
            at: Timestamp(0),
            tried: Timestamp(0),
        })
    };
}

/// Answers a report: which of its matches are keys of ours. Each of those has by
/// then come to what its organization's policy says; where one could not, 503
/// asks for the report again.
pub(crate) async fn github(
    edge: &Edge,
    incoming: &Incoming,
    request_id: &str,
) -> Result<Answer, Problem> {
    if incoming.method() != "POST" {
        return Err(Problem::method_not_allowed("POST"));
    }
    let unsigned = || Problem::from(Code::InvalidSignature);
    let identifier = incoming
        .header(leaks::KEY_IDENTIFIER)
        .ok_or_else(unsigned)?;
    let signature = incoming
        .header(leaks::SIGNATURE)
        .and_then(|text| leaks::signature(&text))
        .ok_or_else(unsigned)?;
    let key = signing_key(edge, &identifier).await?.ok_or_else(unsigned)?;
    // Who signed a report shows once all of it is here: until then it is a
    // stranger's.
    let permit = UPLOADS
        .with_borrow_mut(|uploads| uploads.acquire(host::now().0))
        .ok_or_else(too_many)?;
    let body = within(UPLOAD_LASTS, signed_body(incoming, &key, &signature)).await;
    UPLOADS.with_borrow_mut(|uploads| uploads.release(permit));
    let body = body.ok_or_else(too_many)??;
    let report = leaks::report(&body)?;
    let mut told: FxHashSet<PublicKeyId> = FxHashSet::default();
    let mut judged = Vec::with_capacity(report.len());
    for found in report {
        let key = proven(edge, &found).await?;
        if let Some(key) = key
            && !told.contains(&key)
        {
            tell(edge, key, &found.url, request_id).await?;
            told.insert(key);
        }
        judged.push((found, key.is_some()));
    }
    Ok(leaks::feedback(&judged))
}

/// The body, if it is signed by this key.
async fn signed_body(
    incoming: &Incoming,
    key: &SigningKey,
    signature: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let body = incoming
        .body_of_at_most(leaks::REPORT_LIMIT)
        .await
        .map_err(|problem| match problem.code {
            Code::BodyTooLarge => problem.because("A report has at most 1 MiB."),
            _ => problem,
        })?;
    let body = Zeroizing::new(body);
    match is_signed(key, signature, &body).await {
        Ok(true) => Ok(body),
        _ => Err(Code::InvalidSignature.into()),
    }
}

fn too_many() -> Problem {
    // Nobody's fault that is worth a line in the log: strangers can have it so.
    Problem {
        status: Some(503),
        retry_after: Some(UPLOAD_LASTS.as_secs()),
        ..Problem::from(Code::RateLimited)
            .because("Too many reports are being sent, or this one took too long.")
    }
}

/// The public id of a match that is a key of ours: its secret proves.
async fn proven(edge: &Edge, found: &Found) -> Result<Option<PublicKeyId>, Problem> {
    let Ok(presented) = edge.settings.keyring.read(&found.token) else {
        return Ok(None);
    };
    let proves = secrets::proves(edge, &presented, |_| None).await?;
    Ok(proves.then_some(presented.id().public))
}

/// Has its registry do what the organization's policy says.
async fn tell(edge: &Edge, key: PublicKeyId, url: &str, request_id: &str) -> Result<(), Problem> {
    let command = Command::ReportLeak {
        key,
        source: LeakSource::Github,
        url: url.to_owned(),
    };
    let request = registry::by_system(command, request_id.to_owned());
    match registry::ask(&edge.env, key.organization_tag(), &request).await? {
        // Gone in the meantime: it was ours all the same.
        Ok(Outcome::Changed(_) | Outcome::Done {}) | Err(Refusal::NotFound) => Ok(()),
        _ => Err(Code::RegistryUnavailable.into()),
    }
}

/// The key of this name: as the operator fixed it, else as GitHub publishes it.
/// `Ok(None)` where there is no such key.
async fn signing_key(edge: &Edge, identifier: &str) -> Result<Option<SigningKey>, Problem> {
    let among = |keys: &[SigningKey]| {
        keys.iter()
            .find(|key| key.identifier == identifier)
            .cloned()
    };
    if let Some(fixed) = &edge.settings.control.github_public_keys {
        return Ok(among(fixed));
    }
    let now = host::now();
    let (known, tried) = FETCHED.with_borrow(|fetched| {
        let good = now.since(fetched.at) < KEYS_LAST;
        (good.then(|| among(&fetched.keys)), fetched.tried)
    });
    let recently = now.since(tried) < FETCH_AFTER;
    match known {
        Some(Some(key)) => return Ok(Some(key)),
        Some(None) if recently => return Ok(None),
        None if recently => return Err(not_fetched()),
        _ => {}
    }
    FETCHED.with_borrow_mut(|fetched| fetched.tried = now);
    let keys = fetch().await.ok_or_else(not_fetched)?;
    let key = among(&keys);
    FETCHED.with_borrow_mut(|fetched| {
        fetched.keys = keys;
        fetched.at = now;
    });
    Ok(key)
}

fn not_fetched() -> Problem {
    Problem {
        retry_after: Some(FETCH_AFTER / 1_000),
        ..Problem::from(Code::RegistryUnavailable)
            .because("The keys that sign reports could not be fetched from GitHub.")
    }
}

async fn fetch() -> Option<Vec<SigningKey>> {
    let headers = bindings::object(&[
        ("accept", &"application/json".into()),
        // GitHub refuses requests without it.
        ("user-agent", &"katalo-keys".into()),
    ]);
    let init = bindings::object(&[("headers", &headers)]);
    let fetched = async {
        let response = JsFuture::from(bindings::global_fetch(leaks::PUBLIC_KEYS, &init).ok()?);
        let response: web_sys::Response = response.await.ok()?.unchecked_into();
        if !response.ok() {
            return None;
        }
        SigningKey::read_all(&text_of(&response).await.ok()?)
    };
    within(FETCH_DEADLINE, fetched).await.flatten()
}

/// ECDSA over P-256 with SHA-256, by the runtime.
async fn is_signed(key: &SigningKey, signature: &[u8], body: &[u8]) -> Result<bool, JsValue> {
    let curve = bindings::object(&[("name", &"ECDSA".into()), ("namedCurve", &"P-256".into())]);
    let usages = Array::of1(&"verify".into());
    let spki = Uint8Array::from(key.spki.as_slice());
    let key = bindings::import_key("spki", &spki, &curve, false, &usages)?;
    let key = JsFuture::from(key).await?;
    let algorithm = bindings::object(&[("name", &"ECDSA".into()), ("hash", &"SHA-256".into())]);
    let (signature, body) = (Uint8Array::from(signature), Uint8Array::from(body));
    let verified = bindings::verify(&algorithm, &key, &signature, &body)?;
    Ok(JsFuture::from(verified).await?.is_truthy())
}

/// A response's body as text.
async fn text_of(response: &web_sys::Response) -> Result<String, JsValue> {
    let text = JsFuture::from(response.text()?).await?;
    Ok(text.as_string().unwrap_or_default())
}
