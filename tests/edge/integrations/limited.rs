//! Limits as a client behind a proxy hears of them.

use super::{nothing_passed, only};
use crate::support::ACME;
use anyhow::{Context as _, Result};
use katalo_rig::{Admin, Class, Client, Rig};
use serde_json::json;

/// The client hears how its limits stand, and of one that is used up with 429, whatever
/// the proxy makes of that.
pub(super) fn used_up(rig: &Rig, admin: &Admin, front: &Client) -> Result<()> {
    for (limit, code, policy) in [
        (
            json!({ "name": "q", "limit": 2, "period": "day", "precision": "strict" }),
            "quota_exceeded",
            r#""q";q=2"#,
        ),
        (
            json!({ "name": "slow-ly_2", "limit": 2, "window_seconds": 86_400, "burst": 2, "precision": "strict" }),
            "rate_limit_exceeded",
            r#""slow-ly_2";q=2;w=86400"#,
        ),
    ] {
        let name = limit["name"].as_str().unwrap();
        let body = json!({ "name": "limited", "environment": "live", "scopes": ["read"], "limits": [limit] });
        let key = admin.issue(ACME, &body)?;
        // No kind of file says what kind of document a refusal is.
        let get = || {
            front
                .call("GET", "/v1/catalogs/c1.html")
                .bearer(&key.secret)
                .send()
        };
        for left in [1, 0] {
            let answer = get()?;
            assert_eq!(answer.status, 200, "{answer:?}");
            assert_eq!(answer.header("ratelimit-policy"), Some(policy));
            let standing = answer.header("ratelimit").unwrap_or_default();
            assert!(
                standing.starts_with(&format!(r#""{name}";r={left};t="#)),
                "{answer:?}"
            );
            only(rig);
        }
        let asked = rig.objects(Class::Meter).calls()?.fetches;
        let answer = get()?;
        nothing_passed(rig);
        assert_eq!(rig.objects(Class::Meter).calls()?.fetches, asked + 1);
        assert_eq!(answer.status, 429, "{answer:?}");
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json")
        );
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("ratelimit-policy"), Some(policy));
        let standing = answer.header("ratelimit").unwrap_or_default();
        assert!(
            standing.starts_with(&format!(r#""{name}";r=0;t="#)),
            "{answer:?}"
        );
        let wait: u64 = answer
            .header("retry-after")
            .context("no Retry-After")?
            .parse()?;
        assert!((1..90_000).contains(&wait), "{wait}");
        let problem = answer.json()?;
        assert_eq!(
            problem["type"],
            "https://iana.org/assignments/http-problem-types#quota-exceeded"
        );
        assert_eq!(
            (&problem["code"], &problem["status"]),
            (&json!(code), &json!(429))
        );
        assert_eq!(problem["violated-policies"], json!([name]));
    }
    // Without limits none is told.
    let key = admin.issue_live(ACME, &["read"])?;
    let answer = front
        .call("GET", "/v1/catalogs/c1")
        .bearer(&key.secret)
        .send()?;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("ratelimit"), None);
    assert_eq!(answer.header("ratelimit-policy"), None);
    only(rig);
    Ok(())
}
