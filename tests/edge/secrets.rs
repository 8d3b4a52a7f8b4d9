//! Secrets are shown once and then nowhere.

use crate::support::{ACME, acme, own_key, until_in_kv, wrong_secret};
use anyhow::Result;
use katalo_rig::Rig;
use serde_json::json;
use std::{fs, path::Path};

/// Every file below `folder`, as bytes in one.
fn everything(folder: &Path, bytes: &mut Vec<u8>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            everything(&entry.path(), bytes)?;
        } else {
            bytes.extend(fs::read(entry.path())?);
        }
    }
    Ok(())
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|part| part == text.as_bytes())
}

#[test]
fn no_secret_is_on_disk_or_in_the_log() -> Result<()> {
    let mut rig = Rig::builder().start()?;
    let (admin, key) = acme(&rig)?;
    until_in_kv(&rig, &key)?;
    own_key(rig.edge(0), &key.secret)?;
    own_key(rig.edge(0), &wrong_secret(&key.secret))?;
    own_key(rig.edge(0), &format!("{}x", key.secret))?;
    let body = json!({ "key": admin.key() });
    let session = rig.edge(0).call("POST", "/admin/v1/session").json(&body);
    assert_eq!(session.send()?.status, 201);
    let rotated = admin.rotate(ACME, &key.id, 3_600)?;
    until_in_kv(&rig, &rotated)?;
    admin.revoke(ACME, &rotated.id)?;
    let read = admin
        .call("GET", &format!("/organizations/{ACME}/keys"))
        .send()?;
    assert!(read.text().contains(&key.id), "{read:?}");
    assert!(!read.text().contains("digest"));
    rig.kill();

    let mut kept = Vec::new();
    everything(&rig.state(), &mut kept)?;
    assert!(holds(&kept, &key.id[9..]), "the search finds what is there");
    let log = rig.log()?.into_bytes();
    for secret in [admin.key(), &key.secret, &rotated.secret] {
        let part = &secret[secret.find('.').unwrap() + 1..];
        assert!(!holds(&kept, part) && !holds(&log, part));
    }
    for secret in [
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
        "bootstrap-token-of-the-rig",
    ] {
        assert!(!holds(&kept, secret) && !holds(&log, secret));
    }
    Ok(())
}
