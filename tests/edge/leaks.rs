//! `POST /leaks/github`, with keys that the test makes in GitHub's place.

use crate::support::{
    ACME, acme, assert_no_cors, assert_problem, decision, enforced, forged_id, own_key, read,
    until, until_in_kv, wrong_secret,
};
use anyhow::{Context, Result};
use base64ct::{Base64, Encoding as _};
use katalo_rig::{Answer, Body, Client, Issued, Received, Reply, Rig};
use p256::ecdsa::{Signature, SigningKey, signature::Signer as _};
use p256::pkcs8::{EncodePublicKey as _, LineEnding};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    thread,
    time::Duration,
};

/// Where GitHub publishes its keys.
const META: &str = "/meta/public_keys/secret_scanning";
const PLACE: &str = "https://github.com/acme/shop/blob/1/.env";

/// For how long a slow client sends nothing.
const PAUSE: Duration = Duration::from_millis(200);

/// Somebody who signs reports.
struct Reporter {
    name: &'static str,
    key: SigningKey,
}

impl Reporter {
    fn new(name: &'static str, seed: u8) -> Self {
        let key = SigningKey::from_slice(&[seed; 32]).expect("a private key");
        Self { name, key }
    }

    /// As GitHub publishes it.
    fn published(&self) -> Value {
        let key = self.key.verifying_key().to_public_key_pem(LineEnding::LF);
        json!({ "public_keys": [
            { "key_identifier": self.name, "key": key.expect("PEM"), "is_current": true },
        ]})
    }

    fn signature(&self, body: &str) -> String {
        let signature: Signature = self.key.sign(body.as_bytes());
        Base64::encode_string(signature.to_der().as_bytes())
    }

    fn send(&self, edge: &Client, body: &str) -> Result<Answer> {
        send(edge, self.name, &self.signature(body), body)
    }
}

fn send(edge: &Client, name: &str, signature: &str, body: &str) -> Result<Answer> {
    edge.call("POST", "/leaks/github")
        .header("content-type", "application/json")
        .header("Github-Public-Key-Identifier", name)
        .header("Github-Public-Key-Signature", signature)
        .body(body)
        .send()
}

fn report(tokens: &[&str]) -> String {
    let matches: Vec<Value> = tokens
        .iter()
        .map(|token| {
            json!({ "token": token, "type": "katalo_api_key", "url": PLACE, "source": "content" })
        })
        .collect();
    json!(matches).to_string()
}

/// The labels, after a look at everything else in the answer.
fn labels(answer: &Answer, tokens: &[&str]) -> Vec<String> {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_no_cors(answer);
    let items = answer.json().expect("JSON");
    let items = items.as_array().expect("an array");
    assert_eq!(items.len(), tokens.len(), "one for each match, in order");
    items
        .iter()
        .zip(tokens)
        .map(|(item, token)| {
            let hash = base16ct::lower::encode_string(&Sha256::digest(token.as_bytes()));
            assert_eq!(item["token_hash"], hash);
            assert_eq!(item["token_type"], "katalo_api_key");
            assert_eq!(item.as_object().map_or(0, |item| item.len()), 3);
            item["label"].as_str().unwrap_or_default().to_owned()
        })
        .collect()
}

fn fixed(reporter: &Reporter) -> Result<Rig> {
    Rig::builder()
        .variable("GITHUB_PUBLIC_KEYS", reporter.published())
        .start()
}

fn shown(admin: &katalo_rig::Admin, key: &Issued) -> Result<Value> {
    let path = format!("/organizations/{ACME}/keys/{}", key.id);
    admin.call("GET", &path).send()?.json()
}

fn policy(admin: &katalo_rig::Admin, policy: &Value) -> Result<()> {
    let body = json!({ "name": ACME, "leak_policy": policy });
    let answer = admin.put_organization(ACME, &body)?;
    assert_eq!(answer.status, 200, "{answer:?}");
    Ok(())
}

#[test]
fn only_a_secret_that_proves_is_a_true_positive() -> Result<()> {
    let github = Reporter::new("a1", 1);
    let rig = fixed(&github)?;
    let (admin, key) = acme(&rig)?;
    until_in_kv(&rig, &key)?;
    let (wrong, forged) = (wrong_secret(&key.secret), forged_id(&key.secret));
    let typed = format!("{}x", &key.secret[..key.secret.len() - 1]);
    // A wrong secret before the right one does not hide it.
    let tokens = [
        wrong.as_str(),
        key.secret.as_str(),
        forged.as_str(),
        typed.as_str(),
        "ghp_something",
        key.secret.as_str(),
    ];
    let answer = github.send(rig.edge(0), &report(&tokens))?;
    let (yes, no) = ("true_positive", "false_positive");
    assert_eq!(labels(&answer, &tokens), [no, yes, no, no, no, yes]);
    let key_object = shown(&admin, &key)?;
    assert_eq!(key_object["leak_url"], PLACE);
    assert!(key_object["leaked_at"].is_string());
    assert_eq!(
        own_key(rig.edge(0), &key.secret)?.status,
        200,
        "report alone"
    );
    let audit = admin
        .call("GET", &format!("/organizations/{ACME}/audit"))
        .send()?
        .text();
    assert_eq!(audit.matches("key.leaked").count(), 1, "{audit}");
    let secret = key.secret.split_once('.').context("a dot")?.1;
    assert!(!audit.contains(secret));
    Ok(())
}

#[test]
fn a_report_that_github_did_not_sign_does_nothing() -> Result<()> {
    let (github, other) = (Reporter::new("a1", 1), Reporter::new("a1", 2));
    let rig = fixed(&github)?;
    let (admin, key) = acme(&rig)?;
    policy(&admin, &json!({ "action": "revoke" }))?;
    let body = report(&[&key.secret]);
    let edge = rig.edge(0);
    let refused = |answer: Result<Answer>| {
        assert_problem(&answer.expect("an answer"), 403, "invalid_signature");
    };
    refused(other.send(edge, &body));
    refused(send(edge, "b2", &github.signature(&body), &body));
    refused(send(edge, "a1", "", &body));
    refused(send(edge, "a1", "MAYCAQECAQE=", &body));
    refused(send(
        edge,
        "a1",
        &github.signature(&body),
        &format!("{body} "),
    ));
    let call = edge.call("POST", "/leaks/github").body(body.clone());
    refused(call.send());
    assert_problem(&edge.get("/leaks/github")?, 405, "method_not_allowed");
    assert_problem(&github.send(edge, "{}")?, 400, "invalid_request");
    assert_eq!(shown(&admin, &key)?["leaked_at"], Value::Null);
    assert_eq!(own_key(edge, &key.secret)?.status, 200);
    Ok(())
}

#[test]
fn revoke_ends_the_key_at_every_edge() -> Result<()> {
    let github = Reporter::new("a1", 1);
    let rig = Rig::builder()
        .edges(2)
        .variable("GITHUB_PUBLIC_KEYS", github.published())
        .start()?;
    let (admin, key) = acme(&rig)?;
    policy(&admin, &json!({ "action": "revoke" }))?;
    for edge in [0, 1] {
        assert_eq!(own_key(rig.edge(edge), &key.secret)?.status, 200);
    }
    let tokens = [key.secret.as_str(), admin.key()];
    let answer = github.send(rig.edge(0), &report(&tokens))?;
    assert_eq!(labels(&answer, &tokens), ["true_positive", "true_positive"]);
    for edge in [0, 1] {
        until("it is refused", || {
            let answer = own_key(rig.edge(edge), &key.secret)?;
            Ok(answer.problem().as_deref() == Some("revoked_key"))
        })?;
    }
    // The administrator's key is revoked whatever the policy is.
    let answer = admin.call("GET", "/organizations").send()?;
    assert_problem(&answer, 401, "revoked_key");
    Ok(())
}

#[test]
fn quarantine_holds_a_key_to_the_policys_scopes_until_it_is_lifted() -> Result<()> {
    let github = Reporter::new("a1", 1);
    let rig = fixed(&github)?;
    let (admin, _) = acme(&rig)?;
    let key = admin.issue_live(ACME, &["read", "usage"])?;
    policy(
        &admin,
        &json!({ "action": "quarantine", "scopes": ["usage"] }),
    )?;
    let edge = rig.edge(0);
    let before = read(edge, &key.secret)?;
    assert_eq!(before.status, 200, "{before:?}");
    assert_eq!(before.header("katalo-restriction"), None);
    let tokens = [key.secret.as_str()];
    labels(&github.send(edge, &report(&tokens))?, &tokens);
    until("it is held", || Ok(read(edge, &key.secret)?.status == 403))?;
    let refused = read(edge, &key.secret)?;
    assert_problem(&refused, 403, "insufficient_scope");
    assert_eq!(refused.json()?["restriction"], "leak");

    // Flagged in every answer, and the API behind is told what is left.
    let own = own_key(edge, &key.secret)?;
    assert_eq!(own.header("katalo-restriction"), Some("leak"));
    let body = own.json()?;
    assert_eq!(body["restriction"], "leak");
    assert_eq!(body["scopes"], json!(["usage"]));
    decision(&own)?;
    let _ = rig.upstream().take();
    let used = edge.call("GET", "/v1/usage").bearer(&key.secret).send()?;
    assert_eq!(used.status, 200, "{used:?}");
    assert_eq!(used.header("katalo-restriction"), Some("leak"));
    let received = rig.upstream().take();
    assert_eq!(received[0].header("katalo-scopes"), ["usage"]);
    let usage = edge
        .call("GET", "/v1/key/usage")
        .bearer(&key.secret)
        .send()?;
    assert_eq!(usage.status, 200, "{usage:?}");
    assert_eq!(usage.header("katalo-restriction"), Some("leak"));
    let nowhere = edge.call("GET", "/v1/none").bearer(&key.secret).send()?;
    assert_problem(&nowhere, 404, "not_found");
    assert_eq!(nowhere.header("katalo-restriction"), Some("leak"));
    let introspected = edge
        .call("POST", "/oauth2/introspect")
        .bearer(admin.key())
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("token={}", key.secret))
        .send()?
        .json()?;
    assert_eq!(introspected["scope"], "usage");
    assert_eq!(introspected["restriction"], "leak");

    let held = shown(&admin, &key)?;
    assert_eq!(held["restriction"]["reason"], "leak");
    assert_eq!(held["scopes"], json!(["read", "usage"]));
    let path = format!("/organizations/{ACME}/keys/{}", key.id);
    let lifted = enforced(
        admin
            .call("PATCH", &path)
            .json(&json!({ "restriction": null }))
            .send(),
    );
    assert_eq!(lifted["key"]["restriction"], Value::Null);
    let after = read(edge, &key.secret)?;
    assert_eq!(after.status, 200, "{after:?}");
    assert_eq!(after.header("katalo-restriction"), None);
    Ok(())
}

fn answers(rig: &Rig, status: u16, published: Value) {
    rig.upstream().answer(move |received: &Received| {
        if received.target != META {
            return Reply::default();
        }
        Reply {
            status,
            body: Body::Whole(published.to_string().into_bytes()),
            ..Reply::default()
        }
    });
}

fn fetches(rig: &Rig) -> Vec<Received> {
    let mut received = rig.upstream().take();
    received.retain(|received| received.target == META);
    received
}

#[test]
fn keys_are_fetched_from_github_and_kept() -> Result<()> {
    let (github, stranger) = (Reporter::new("a1", 1), Reporter::new("b2", 2));
    let rig = Rig::builder().start()?;
    let (_, key) = acme(&rig)?;
    answers(&rig, 200, github.published());
    let tokens = [key.secret.as_str()];
    for _ in 0..3 {
        let answer = github.send(rig.edge(0), &report(&tokens))?;
        assert_eq!(labels(&answer, &tokens), ["true_positive"]);
    }
    let fetched = fetches(&rig);
    assert_eq!(fetched.len(), 1, "{fetched:?}");
    assert_eq!(fetched[0].header("host"), ["api.github.com"]);
    assert_eq!(fetched[0].header("user-agent"), ["katalo-keys"]);
    // A stranger's key does not make it ask again at once.
    for _ in 0..3 {
        let answer = stranger.send(rig.edge(0), &report(&tokens))?;
        assert_problem(&answer, 403, "invalid_signature");
    }
    assert_eq!(fetches(&rig).len(), 0);
    Ok(())
}

#[test]
fn without_githubs_keys_no_report_is_believed() -> Result<()> {
    let github = Reporter::new("a1", 1);
    let rig = Rig::builder().start()?;
    let (admin, key) = acme(&rig)?;
    answers(&rig, 403, json!({ "message": "rate limited" }));
    for _ in 0..3 {
        let answer = github.send(rig.edge(0), &report(&[&key.secret]))?;
        assert_problem(&answer, 503, "registry_unavailable");
    }
    assert_eq!(fetches(&rig).len(), 1, "strangers cannot make it ask");
    assert_eq!(shown(&admin, &key)?["leaked_at"], Value::Null);
    Ok(())
}

#[test]
fn a_batch_has_up_to_one_mebibyte() -> Result<()> {
    let github = Reporter::new("a1", 1);
    let rig = fixed(&github)?;
    let (_, key) = acme(&rig)?;
    let wrong = wrong_secret(&key.secret);
    let each = report(&[&wrong]).len() - 1;
    let mut tokens = vec![wrong.as_str(); (1 << 20) / each - 1];
    tokens.push(&key.secret);
    let body = report(&tokens);
    assert!(
        (1_000_000..=1 << 20).contains(&body.len()),
        "{}",
        body.len()
    );
    let answer = github.send(rig.edge(0), &body)?;
    let labels = labels(&answer, &tokens);
    let ours = labels.iter().filter(|label| *label == "true_positive");
    assert_eq!(ours.count(), 1);
    let fits = format!("{body}{}", " ".repeat((1 << 20) - body.len()));
    assert_eq!(github.send(rig.edge(0), &fits)?.status, 200);
    // Also a client that reads nothing before it has sent all is told.
    for more in [1, 1 << 20] {
        let large = format!("{fits}{}", " ".repeat(more));
        let mut stream = upload(&rig, &github, &large)?;
        stream.write_all(b" ")?;
        let answer = told(stream)?;
        assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
        assert!(answer.contains("body_too_large"), "{answer}");
    }
    Ok(())
}

/// A report of which all but the last byte is sent, and not all at once: what hangs up
/// early is met while there is more to send.
fn upload(rig: &Rig, github: &Reporter, body: &str) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(rig.edge(0).address())?;
    let head = format!(
        "POST /leaks/github HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n\
         Github-Public-Key-Identifier: {}\r\nGithub-Public-Key-Signature: {}\r\n\
         Content-Length: {}\r\n\r\n",
        github.name,
        github.signature(body),
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    let (first, second) = body.as_bytes()[..body.len() - 1].split_at(body.len() / 2);
    stream.write_all(first)?;
    thread::sleep(PAUSE);
    stream.write_all(second)?;
    Ok(stream)
}

fn told(mut stream: TcpStream) -> Result<String> {
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn reports_on_their_way_are_bounded_in_number_and_time() -> Result<()> {
    let github = Reporter::new("a1", 1);
    let rig = fixed(&github)?;
    let (_, key) = acme(&rig)?;
    let tokens = [key.secret.as_str()];
    let body = report(&tokens);
    rig.clock(0).stop()?;
    let mut uploads = Vec::new();
    for _ in 0..8 {
        uploads.push(upload(&rig, &github, &body)?);
    }
    until("another one is refused", || {
        let answer = github.send(rig.edge(0), &body)?;
        if answer.status == 200 {
            return Ok(false);
        }
        assert_problem(&answer, 503, "rate_limited");
        Ok(true)
    })?;
    // What is not GitHub's is refused as ever, before its body.
    let stranger = Reporter::new("b2", 2);
    let answer = stranger.send(rig.edge(0), &body)?;
    assert_problem(&answer, 403, "invalid_signature");
    // One that ends makes room.
    let mut first = uploads.remove(0);
    first.write_all(&body.as_bytes()[body.len() - 1..])?;
    let answer = told(first)?;
    assert!(answer.contains("true_positive"), "{answer}");
    let answer = github.send(rig.edge(0), &body)?;
    assert_eq!(labels(&answer, &tokens), ["true_positive"]);
    // The others are ended, in time.
    rig.clock(0).pass(Duration::from_secs(10))?;
    for stream in uploads {
        let answer = told(stream)?;
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        assert!(answer.contains("Retry-After: 10"), "{answer}");
    }
    Ok(())
}

#[test]
fn a_report_is_asked_for_again_where_a_registry_is_lost() -> Result<()> {
    let github = Reporter::new("a1", 1);
    let rig = fixed(&github)?;
    let (admin, key) = acme(&rig)?;
    until_in_kv(&rig, &key)?;
    let link = rig.link(katalo_rig::Caller::Control, katalo_rig::Class::Registry);
    link.refuse()?;
    let answer = github.send(rig.edge(0), &report(&[&key.secret]))?;
    assert_problem(&answer, 503, "registry_unavailable");
    link.heal()?;
    let tokens = [key.secret.as_str()];
    let answer = github.send(rig.edge(0), &report(&tokens))?;
    assert_eq!(labels(&answer, &tokens), ["true_positive"]);
    assert_eq!(shown(&admin, &key)?["leak_url"], PLACE);
    Ok(())
}
