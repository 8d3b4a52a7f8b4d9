//! Keys where they never belong, seen through a proxy or on OAuth routes.

use crate::support::{ACME, acme, assert_problem, until};
use anyhow::Result;
use katalo_rig::{Admin, Issued, Rig};
use serde_json::Value;
use std::time::Duration;

fn shown(admin: &Admin, key: &Issued) -> Result<Value> {
    let path = format!("/organizations/{ACME}/keys/{}", key.id);
    admin.call("GET", &path).send()?.json()
}

#[test]
fn a_key_in_an_address_is_found_wherever_the_address_stands() -> Result<()> {
    let rig = Rig::builder().start()?;
    let (admin, good) = acme(&rig)?;
    type Place = fn(&str) -> (String, Vec<(&'static str, String)>);
    let places: [(&str, Place, u16); 5] = [
        (
            "nginx's",
            |target| {
                (
                    "/authorize/nginx".into(),
                    vec![
                        ("x-original-method", "GET".into()),
                        ("x-original-uri", target.into()),
                    ],
                )
            },
            403,
        ),
        (
            "Caddy's",
            |target| {
                (
                    "/authorize/forwarded".into(),
                    vec![
                        ("x-forwarded-method", "GET".into()),
                        ("x-forwarded-uri", target.into()),
                    ],
                )
            },
            403,
        ),
        (
            "Envoy's",
            |target| (format!("/authorize/envoy{target}"), vec![]),
            403,
        ),
        ("the gateway's", |target| (target.into(), vec![]), 400),
        (
            "introspection's",
            |target| {
                (
                    format!("/oauth2/introspect?token={}", &target[20..]),
                    vec![],
                )
            },
            400,
        ),
    ];
    for (what, place, status) in places {
        for origin in [None, Some("https://shop.example")] {
            let key = admin.issue_live(ACME, &["read"])?;
            let target = format!("/v1/catalogs/c1?key={}", key.secret);
            let (path, headers) = place(&target);
            let mut call = rig.edge(0).call("GET", &path).bearer(&good.secret);
            for (name, value) in &headers {
                call = call.header(name, value);
            }
            if let Some(origin) = origin {
                // A browser's: the key in the header is not the only one to be seen.
                let call = rig.edge(0).call("GET", &path).header("origin", origin);
                let call = headers
                    .iter()
                    .fold(call, |call, (name, value)| call.header(name, value));
                assert_problem(&call.send()?, 403, "browser_call_refused");
            } else {
                assert_problem(&call.send()?, status, "invalid_request");
            }
            until(what, || Ok(!shown(&admin, &key)?["exposed_at"].is_null()))?;
            assert_eq!(
                shown(&admin, &key)?["exposed_origin"],
                origin.unwrap_or("url"),
                "{what}"
            );
        }
    }
    assert!(shown(&admin, &good)?["exposed_at"].is_null());
    assert_eq!(rig.upstream().take().len(), 0);
    Ok(())
}

/// However long it is: nothing of it is held.
#[test]
fn a_key_in_a_form_that_a_page_posts_is_found() -> Result<()> {
    let rig = Rig::builder().start()?;
    let (admin, key) = acme(&rig)?;
    let answer = (rig.edge(0).call("POST", "/v1/catalogs"))
        .header("origin", "https://shop.example")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("a={}&key={}", "kat_".repeat(500), key.secret))
        .send()?;
    assert_problem(&answer, 403, "browser_call_refused");
    until("it is marked", || {
        Ok(shown(&admin, &key)?["exposed_origin"] == "https://shop.example")
    })
}

#[test]
fn a_preflight_that_a_proxy_asks_about_is_counted() -> Result<()> {
    let rig = Rig::builder().start()?;
    let (admin, _) = acme(&rig)?;
    let answer = rig
        .edge(0)
        .call("GET", "/authorize/nginx")
        .header("x-original-method", "OPTIONS")
        .header("x-original-uri", "/v1/catalogs/c1")
        .header("origin", "https://shop.example")
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", "authorization")
        .send()?;
    assert_problem(&answer, 403, "browser_call_refused");
    // Counts are told every ten seconds.
    rig.clock(0).pass(Duration::from_secs(10))?;
    until("it is told", || {
        let status = admin.call("GET", "/status").send()?.json()?;
        let told = &status["platform"]["preflights"][0];
        assert!(told.is_null() || told["count"] == 1, "{status}");
        Ok(told["origin"] == "https://shop.example")
    })
}
