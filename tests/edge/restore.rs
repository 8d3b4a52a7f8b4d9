//! Registries set back to a backup, as by the platform's point-in-time recovery.

use crate::support::{ACME, acme, assert_problem, enforced, read, until_in_kv};
use anyhow::{Context, Result};
use katalo_rig::{Admin, Builder, Issued, Rig};
use serde_json::{Value, json};
use std::{fs, path::Path};

const PLATFORM: &str = "_platform";

fn quick() -> Builder {
    Rig::builder().variable("FRESHNESS_BOUND_MS", 200)
}

/// All files of a folder, as they are in another.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let _ = fs::remove_dir_all(to);
    fs::create_dir_all(to)?;
    for file in fs::read_dir(from)? {
        let file = file?;
        fs::copy(file.path(), to.join(file.file_name()))?;
    }
    Ok(())
}

/// Does `lost`, which the registries do not know of afterwards: they are set back
/// to what they were before. The change log is not.
fn lose(rig: &mut Rig, lost: impl FnOnce(&Rig) -> Result<()>) -> Result<()> {
    let registries = rig.state().join("Registry");
    let backup = rig.state().with_file_name("backup");
    rig.kill();
    copy(&registries, &backup)?;
    rig.start()?;
    lost(rig)?;
    rig.kill();
    copy(&backup, &registries)?;
    rig.start()
}

fn revoke_all(admin: &Admin, organization: &str) -> Value {
    let path = format!("/organizations/{organization}/revoke-all");
    let body = json!({ "reason": "key_compromise" });
    enforced(admin.call("POST", &path).json(&body).send())
}

fn access(admin: &Admin, to: &str) -> Value {
    let body = json!({ "name": "Acme", "api_access": to });
    enforced(admin.put_organization(ACME, &body))
}

// A backup knows nothing of what came after it. The change log does.
#[test]
fn a_restored_registry_brings_back_no_key_that_was_revoked_with_all_others() -> Result<()> {
    let mut rig = quick().edges(2).start()?;
    let (admin, key) = acme(&rig)?;
    let other = admin.issue_live(ACME, &["read"])?;
    until_in_kv(&rig, &key)?;
    lose(&mut rig, |rig| {
        revoke_all(&admin, ACME);
        for key in [&key, &other] {
            assert_problem(&read(rig.edge(0), &key.secret)?, 401, "revoked_key");
        }
        // What comes after it says nothing of it.
        access(&admin, "disabled");
        access(&admin, "enabled");
        Ok(())
    })?;
    let refused = |rig: &Rig, key: &Issued| -> Result<()> {
        for edge in 0..2 {
            assert_problem(&read(rig.edge(edge), &key.secret)?, 401, "revoked_key");
        }
        Ok(())
    };
    refused(&rig, &key)?;
    access(&admin, "enabled");
    for key in [&key, &other] {
        refused(&rig, key)?;
        let answer = admin.act(ACME, &key.id, "enable", &json!({}))?;
        assert_problem(&answer, 409, "already_revoked");
    }
    let new = admin.issue_live(ACME, &["read"])?;
    for edge in 0..2 {
        assert_eq!(read(rig.edge(edge), &new.secret)?.status, 200);
    }
    Ok(())
}

#[test]
fn a_restored_platform_brings_back_no_admin_key_and_a_new_token_lets_in() -> Result<()> {
    let mut rig = quick().start()?;
    let first = rig.bootstrap()?;
    let order = json!({ "name": "k", "environment": "admin", "scopes": ["admins:write"],
        "expires_at": "2100-01-01T00:00:00Z" });
    let second = first.issue(PLATFORM, &order)?;
    let second = Admin::new(rig.edge(0).clone(), &second.secret);
    lose(&mut rig, |rig| {
        // Only without a last admin may all be revoked.
        let answer = rig
            .edge(0)
            .call("POST", "/oauth2/revoke")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("token={}", first.key()))
            .send()?;
        assert_eq!(answer.status, 200, "{answer:?}");
        revoke_all(&second, PLATFORM);
        Ok(())
    })?;
    for admin in [&first, &second] {
        let answer = admin.call("GET", "/organizations/_platform/keys").send()?;
        assert_problem(&answer, 401, "revoked_key");
    }
    let token = "another-bootstrap-token-0123456789-0123456789";
    rig.deploy_with("BOOTSTRAP_TOKEN", token)?;
    // 202 while the end of the lost ones is waited for.
    let answer = rig
        .edge(0)
        .call("POST", "/admin/v1/bootstrap")
        .bearer(token)
        .send()?;
    assert!(matches!(answer.status, 201 | 202), "{answer:?}");
    let secret = answer.json()?["secret"]
        .as_str()
        .context("a secret")?
        .to_owned();
    let admin = Admin::new(rig.edge(0).clone(), &secret);
    let keys = admin.call("GET", "/organizations/_platform/keys").send()?;
    let keys = keys.json()?;
    let states: Vec<&str> = keys["items"]
        .as_array()
        .context("keys")?
        .iter()
        .filter_map(|key| key["state"].as_str())
        .collect();
    assert_eq!(states, ["active", "revoked", "revoked"]);
    let path = format!("/organizations/{PLATFORM}/keys");
    let answer = admin.call("POST", &path).json(&order).send()?;
    assert!(matches!(answer.status, 201 | 202), "{answer:?}");
    Ok(())
}
