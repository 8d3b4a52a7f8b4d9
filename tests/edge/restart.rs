//! What a restart of the runtime must not change.

use crate::support::{
    ACME, acme, assert_problem, enforced, kv_names, own_key, read, source, until,
};
use anyhow::{Context, Result, ensure};
use katalo_keys::freshness::{Append, Revision, Subject, message::LogRequest, sync::Version};
use katalo_rig::{Caller, Class, Client, Rig};
use std::time::Duration;

#[test]
fn state_survives_sigkill_right_after_the_acknowledgement() -> Result<()> {
    let mut rig = Rig::builder().start()?;
    let (admin, first) = acme(&rig)?;
    rig.kill();
    rig.start()?;
    assert_eq!(read(rig.edge(0), &first.secret)?.status, 200);
    let second = admin.issue_live(ACME, &["read"])?;
    enforced(admin.revoke(ACME, &first.id));
    rig.kill();
    rig.start()?;
    assert_problem(&read(rig.edge(0), &first.secret)?, 401, "revoked_key");
    assert_eq!(read(rig.edge(0), &second.secret)?.status, 200);
    let keys = admin
        .call("GET", &format!("/organizations/{ACME}/keys"))
        .send()?
        .json()?;
    let states: Vec<_> = keys["items"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|key| {
            (
                key["id"].clone(),
                key["state"].clone(),
                key["enforced"].clone(),
            )
        })
        .collect();
    assert_eq!(
        states,
        [
            (second.id.into(), "active".into(), true.into()),
            (first.id.into(), "revoked".into(), true.into()),
        ]
    );
    Ok(())
}

// Whatever was waited for before the crash must be waited for again.
#[test]
fn a_change_that_was_waiting_is_enforced_by_itself_after_sigkill() -> Result<()> {
    let mut rig = Rig::builder().start()?;
    let (admin, key) = acme(&rig)?;
    rig.link(Caller::Object(Class::Registry), Class::ChangeLog)
        .refuse()?;
    let path = format!("/organizations/{ACME}/keys/{}/disable", key.id);
    let body = serde_json::json!({ "wait": false });
    let answer = admin.call("POST", &path).json(&body).send()?;
    assert_eq!(answer.status, 202, "{answer:?}");
    rig.kill();
    rig.start()?;
    let path = format!("/organizations/{ACME}/keys/{}", key.id);
    until("the change is enforced", || {
        Ok(admin.call("GET", &path).send()?.json()?["enforced"] == true)
    })?;
    assert_problem(&own_key(rig.edge(0), &key.secret)?, 401, "disabled_key");
    Ok(())
}

// Nobody asks the registry in between: its alarm alone carries on.
#[test]
fn sigkill_between_the_commit_and_the_write_to_kv_heals_by_itself() -> Result<()> {
    let mut rig = Rig::builder().start()?;
    rig.kv().objects().refuse(true);
    let (_, key) = acme(&rig)?;
    let (name, organization) = kv_names(&key);
    rig.kill();
    assert_eq!(rig.kv().names(), Vec::<String>::new());
    rig.kv().objects().refuse(false);
    rig.start()?;
    until("KV is filled", || {
        let names = rig.kv().names();
        Ok(names.contains(&name) && names.contains(&organization))
    })
}

#[test]
fn an_edge_outlives_the_objects() -> Result<()> {
    let mut rig = Rig::builder().objects_apart().start()?;
    let (_, key) = acme(&rig)?;
    let edge = rig.edge(0).clone();
    rig.clock(0).stop()?;
    assert_eq!(own_key(&edge, &key.secret)?.status, 200);
    rig.kill_objects();
    assert_eq!(source(&own_key(&edge, &key.secret)?)?, "memory");
    // Once the proof is too old nothing is guessed.
    rig.clock(0).pass(Duration::from_millis(1_100))?;
    assert_problem(&own_key(&edge, &key.secret)?, 503, "freshness_unavailable");
    assert_eq!(edge.get("/healthz")?.status, 200);
    rig.start_objects()?;
    // Found again at once; a relay, after the pause that follows a failure.
    assert_eq!(source(&own_key(&edge, &key.secret)?)?, "registry");
    rig.clock(0).pass(Duration::from_millis(250))?;
    assert_eq!(source(&own_key(&edge, &key.secret)?)?, "memory");
    Ok(())
}

// An append of before a registry was restored may reach the log only after the
// restored one has asked what that knows. The edges hear of it first.
#[test]
fn a_registry_hears_from_an_edge_of_a_change_that_it_lost() -> Result<()> {
    let rig = Rig::builder().edges(2).objects_apart().start()?;
    let (admin, key) = acme(&rig)?;
    for name in ["a", "b", "c", "d", "e"] {
        enforced(admin.put_organization(ACME, &serde_json::json!({ "name": name })));
    }
    let edge = rig.edge(1);
    assert_eq!(own_key(edge, &key.secret)?.status, 200);
    let public = key.id.rsplit('_').next().unwrap_or_default();
    let append = LogRequest::Append(Append {
        v: Version::CURRENT,
        subject: Subject::parse(public).ok().context("a subject")?,
        // Later than the key's, and no news of the organization.
        revision: Revision(4),
        keys_revoked_through: None,
        waits: false,
    });
    let answer = Client::new(rig.objects_address())
        .call("POST", "/__rig/object/ChangeLog/log")
        .header("rig-url", "https://object/")
        .json(&serde_json::to_value(&append)?)
        .send()?;
    ensure!(answer.status == 200, "{answer:?}");

    until("the key is locked", || {
        Ok(own_key(edge, &key.secret)?.problem().as_deref() == Some("disabled_key"))
    })?;
    let path = format!("/organizations/{ACME}/audit?limit=200");
    let audit = admin.call("GET", &path).send()?.json()?;
    let last = audit["items"].as_array().and_then(|items| items.last());
    let last = last.context("an entry")?;
    assert_eq!(last["action"], "registry.recover");
    assert_eq!(last["after"]["locked"], 1);
    enforced(admin.act(ACME, &key.id, "enable", &serde_json::json!({})));
    until("the edge knows", || {
        Ok(own_key(edge, &key.secret)?.status == 200)
    })?;
    rig.clock(1).stop()?;
    until("the key is decided from memory again", || {
        Ok(source(&own_key(edge, &key.secret)?)? == "memory")
    })
}
