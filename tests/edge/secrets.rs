//! No secret is kept or told anywhere: a whole life is lived, and everything
//! that was written is searched.

use crate::support::{ACME, enforced, forged_id, until, until_in_kv, wrong_secret};
use anyhow::{Context, Result};
use katalo_rig::{Admin, Answer, Call, Caller, Class, Rig};
use serde_json::json;
use std::{cell::RefCell, fs, path::Path, time::Duration};

/// Every byte of every file below `folder`, by file.
fn files(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files(&path, found)?;
        } else {
            found.push((path.display().to_string(), fs::read(&path)?));
        }
    }
    Ok(())
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

/// The answers given so far, as they went over the wire.
#[derive(Default)]
struct Told(RefCell<Vec<String>>);

impl Told {
    fn send(&self, call: Call<'_>) -> Result<Answer> {
        let answer = call.send()?;
        let text = format!("{:?} {}", answer.headers, answer.text());
        self.0.borrow_mut().push(text);
        Ok(answer)
    }
}

#[test]
fn a_whole_life_leaves_no_secret_behind() -> Result<()> {
    let mut rig = Rig::builder().start()?;
    let told = Told::default();
    let edge = rig.edge(0).clone();
    let [token, root_key] = Rig::secrets();
    // Presented keys: what was shown once, and what only a client made up.
    let mut shown = Vec::new();
    let bootstrapped = told.send(edge.call("POST", "/admin/v1/bootstrap").bearer(token))?;
    let text = |answer: &Answer, name: &str| -> Result<String> {
        let text = answer.json()?[name].as_str().map(str::to_owned);
        text.with_context(|| format!("no {name}: {answer:?}"))
    };
    shown.push(text(&bootstrapped, "secret")?);
    let admin = Admin::new(edge.clone(), &shown[0]);
    admin.organization(ACME)?;
    let keys = format!("/organizations/{ACME}/keys");
    for name in ["one", "two"] {
        let body = json!({ "name": name, "environment": "live", "scopes": ["read", "usage"] });
        let issued = told.send(
            admin
                .call("POST", &keys)
                .header("idempotency-key", name)
                .json(&body),
        )?;
        shown.push(text(&issued, "secret")?);
        told.send(
            admin
                .call("POST", &keys)
                .header("idempotency-key", name)
                .json(&body),
        )?;
    }
    let id = |presented: &str| presented.split('.').next().unwrap_or_default().to_owned();
    let path = format!("{keys}/{}/rotate", id(&shown[1]));
    let rotated = told.send(
        admin
            .call("POST", &path)
            .json(&json!({ "overlap_seconds": 60 })),
    )?;
    shown.push(text(&rotated, "secret")?);
    let mut presented = shown.clone();
    for key in &shown {
        presented.extend([wrong_secret(key), forged_id(key), format!("{key}x")]);
    }
    // The origin of a page may hold anything: first of all, so that it is marked.
    told.send(
        edge.call("GET", "/v1/key")
            .header("origin", &format!("https://{}.example", shown[1]))
            .bearer(&shown[1]),
    )?;
    let path = format!("{keys}/{}", id(&shown[1]));
    until("the key is marked as exposed", || {
        let key = admin.call("GET", &path).send()?.json()?;
        Ok(key["exposed_origin"]
            .as_str()
            .is_some_and(|origin| origin.contains("[secret]")))
    })?;
    // Use them, rightly and wrongly, where they belong and where they do not.
    for key in &presented {
        for path in [
            "/v1/key",
            "/v1/key/usage",
            "/v1/catalogs/c1",
            "/v1/nothing",
            "/authorize",
            "/admin/v1/organizations",
            "/admin/v1/status",
        ] {
            told.send(edge.call("GET", path).bearer(key))?;
        }
        told.send(edge.call("GET", &format!("/v1/catalogs/{key}")))?;
        told.send(edge.call("GET", &format!("/v1/key?key={key}")).bearer(key))?;
        told.send(
            edge.call("GET", &format!("/admin/v1/organizations/{key}/keys/{key}"))
                .bearer(admin.key()),
        )?;
        // In the path of what is refused, which is on record by its pattern alone.
        told.send(
            edge.call("GET", &format!("/admin/v1/organizations/{key}/keys/{key}"))
                .bearer(key),
        )?;
        told.send(
            edge.call("GET", "/v1/key")
                .header("origin", &format!("https://{key}.example"))
                .bearer(key),
        )?;
        // Outside Cloudflare a client can choose the request's id.
        told.send(
            edge.call("GET", "/v1/billing")
                .header("cf-ray", key)
                .bearer(&shown[2]),
        )?;
        told.send(
            edge.call("GET", "/v1/key")
                .header("authorization", &format!("Basic {key}")),
        )?;
        for path in ["/oauth2/introspect", "/oauth2/revoke"] {
            told.send(
                edge.call("POST", path)
                    .bearer(key)
                    .header("content-type", "text/plain")
                    .body(format!("token={key}")),
            )?;
        }
        // A secret where a name should be is the caller's own doing; where
        // anything is refused, it is not repeated.
        let body = json!({ "key": key, "surprise": key });
        told.send(edge.call("POST", "/admin/v1/session").json(&body))?;
        for body in [json!({ "key": key }), body] {
            told.send(
                edge.call("POST", "/admin/v1/keys/lookup")
                    .bearer(admin.key())
                    .json(&body),
            )?;
        }
    }
    told.send(
        edge.call("POST", "/oauth2/introspect")
            .bearer(admin.key())
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("token={}", shown[2])),
    )?;
    let signed_in = told.send(
        edge.call("POST", "/admin/v1/session")
            .json(&json!({ "key": shown[0] })),
    )?;
    let cookie = signed_in
        .header("set-cookie")
        .and_then(|cookie| cookie.split(';').next())
        .with_context(|| format!("no cookie: {signed_in:?}"))?
        .to_owned();
    told.send(
        edge.call("GET", "/admin/v1/session")
            .header("cookie", &cookie),
    )?;
    let session = cookie.split_once('=').context("a cookie")?.1.to_owned();
    let issued = katalo_rig::Issued {
        id: id(&shown[2]),
        secret: shown[2].clone(),
        key: json!({}),
    };
    until_in_kv(&rig, &issued)?;
    enforced(admin.revoke(ACME, &id(&shown[2])));
    for list in ["", "/audit", "/audit/head", "/keys", "/usage"] {
        told.send(admin.call("GET", &format!("/organizations/{ACME}{list}")))?;
        told.send(admin.call("GET", &format!("/organizations/_platform{list}")))?;
    }
    // Counts of use are flushed after ten seconds.
    told.send(edge.call("GET", "/v1/key").bearer(&shown[1]))?;
    let registry = rig.link(Caller::Edge(0), Class::Registry);
    let before = registry.calls()?.fetches;
    rig.clock(0).pass(Duration::from_secs(10))?;
    registry.wait_for(before + 1)?;
    told.send(
        edge.call("GET", "/healthz")
            .header("rig-trap", "2")
            .bearer(&shown[1]),
    )?;
    until("revocation is in KV", || {
        let name = crate::support::kv_names(&issued).0;
        let value = rig.kv().value(&name).unwrap_or_default();
        Ok(holds(&value, "revoked"))
    })?;

    let mut written = vec![("log".to_owned(), rig.log()?.into_bytes())];
    let mut digests = Vec::new();
    for name in rig.kv().names() {
        let value = rig.kv().value(&name).unwrap_or_default();
        let text = String::from_utf8_lossy(&value).into_owned();
        if let Some((_, rest)) = text.split_once("\"digest\":\"") {
            digests.push(rest.split('"').next().unwrap_or_default().to_owned());
        }
        written.push((format!("KV {name}"), value));
    }
    written.push((
        "upstream".to_owned(),
        format!("{:?}", rig.upstream().received()).into_bytes(),
    ));
    files(&rig.state(), &mut written)?;
    rig.kill();
    files(&rig.state(), &mut written)?;
    assert!(
        written.iter().any(|(name, bytes)| name.contains("state")
            && holds(bytes, &id(&shown[1])["kat_live_".len()..])),
        "the search finds what is there"
    );
    let secret_part = |key: &String| key.split_once('.').map(|(_, part)| part[..43].to_owned());
    let mut secrets: Vec<String> = presented.iter().filter_map(secret_part).collect();
    secrets.extend([token.to_owned(), root_key.to_owned(), session.clone()]);
    for (name, bytes) in &written {
        for secret in &secrets {
            assert!(!holds(bytes, secret), "{secret} is in {name}");
        }
    }

    // The one answer that carries a secret is the one that made it.
    let told = told.0.into_inner();
    for key in &shown {
        let part = secret_part(key).expect("a presented key");
        let times = told.iter().filter(|answer| answer.contains(&part)).count();
        assert_eq!(times, 1, "{part}");
    }
    for made_up in presented.iter().skip(shown.len()).filter_map(secret_part) {
        if !shown.iter().any(|key| key.contains(&made_up)) {
            assert!(!told.iter().any(|answer| answer.contains(&made_up)));
        }
    }
    assert!(digests.len() >= 3, "{digests:?}");
    for digest in &digests {
        assert!(digest.len() >= 43, "{digest}");
        let found = told.iter().find(|answer| answer.contains(digest));
        assert_eq!(found, None, "a digest in an answer");
        assert!(!holds(&written[0].1, digest), "a digest in the log");
    }
    for secret in [token, root_key] {
        assert!(!told.iter().any(|answer| answer.contains(secret)));
    }
    Ok(())
}
