//! What administrators were told, held against the audit.

use anyhow::{Context, Result, bail, ensure};
use katalo_keys::{
    key::{Brand, Keyring, OrganizationId},
    registry::audit::{verify_export, verify_head},
};
use katalo_rig::{Admin, Answer, Call, Rig};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// Orders of administrators, each sent under a request id of its own, which the
/// audit names.
#[derive(Default)]
pub(crate) struct Acts {
    sent: AtomicUsize,
    told: Mutex<Vec<Vec<String>>>,
}

impl Acts {
    /// Sends an order once. Where it is acknowledged, that is noted.
    pub(crate) fn send(&self, call: Call<'_>) -> Result<Answer> {
        let (request, answer) = self.try_once(call);
        let answer = answer?;
        if is_acknowledged(&answer) {
            self.note(vec![request]);
        }
        Ok(answer)
    }

    /// Sends an order, again and again, until it is acknowledged as enforced. Any
    /// of the requests may have been the one that was carried out.
    pub(crate) fn insist<'a>(
        &self,
        patience: Duration,
        order: impl Fn() -> Call<'a>,
    ) -> Result<Answer> {
        let began = Instant::now();
        let mut requests = Vec::new();
        loop {
            let (request, answer) = self.try_once(order());
            requests.push(request);
            match &answer {
                Ok(answer) if is_acknowledged(answer) && answer.json()?["enforced"] != false => {
                    self.note(requests);
                    return Ok(answer.clone());
                }
                Ok(answer) if answer.status < 500 && answer.status != 202 => {
                    bail!("{answer:?}")
                }
                _ if began.elapsed() > patience => bail!("never enforced: {answer:?}"),
                _ => thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    /// How many were acknowledged.
    pub(crate) fn count(&self) -> usize {
        self.told().len()
    }

    /// Holds the audit against what was acknowledged: each act is in it once, and
    /// no request did two.
    pub(crate) fn check(&self, audit: &[Value]) -> Result<()> {
        let mut entries: BTreeMap<&str, usize> = BTreeMap::new();
        for entry in audit {
            let request = entry["request_id"].as_str().context("no request id")?;
            *entries.entry(request).or_default() += 1;
        }
        for requests in self.told().iter() {
            let found: usize = requests
                .iter()
                .filter_map(|request| entries.get(request.as_str()))
                .sum();
            ensure!(found == 1, "{found} entries for {requests:?}");
        }
        Ok(())
    }

    fn try_once(&self, call: Call<'_>) -> (String, Result<Answer>) {
        let request = format!("act-{}", self.sent.fetch_add(1, Ordering::Relaxed));
        let answer = call.header("cf-ray", &request).send();
        (request, answer)
    }

    fn note(&self, requests: Vec<String>) {
        self.told().push(requests);
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Vec<Vec<String>>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_acknowledged(answer: &Answer) -> bool {
    matches!(answer.status, 200..=202)
}

/// An organization's whole audit, once its chain and its signed head are
/// verified and its revisions found to grow. Nobody may act meanwhile.
pub(crate) fn audit(admin: &Admin, organization: &str) -> Result<Vec<Value>> {
    let path = format!("/organizations/{organization}/audit");
    let export = admin
        .call("GET", &path)
        .header("accept", "application/x-ndjson")
        .send()?;
    ensure!(export.status == 200, "{export:?}");
    let head = admin.call("GET", &format!("{path}/head")).send()?;
    let head = serde_json::from_value(head.json()?)?;
    let [_, root_key] = Rig::secrets();
    let ring = format!(r#"{{"current":"1","keys":{{"1":"{root_key}"}}}}"#);
    let keyring = Keyring::parse(Brand::KATALO, &ring).ok();
    let keyring = keyring.context("the rig's ring")?;
    ensure!(verify_head(&head, &keyring), "the head's signature");
    let organization = OrganizationId::parse(organization).context("an id")?;
    let text = export.text();
    verify_export(text.split('\n'), &organization, Some(&head))?;
    let entries: Vec<Value> = text
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    let mut last = 0;
    for entry in &entries {
        if let Some(revision) = entry["after"]["revision"].as_u64() {
            ensure!(revision > last, "revision {revision} after {last}");
            last = revision;
        }
    }
    Ok(entries)
}

/// Every key of an organization.
pub(crate) fn keys(admin: &Admin, organization: &str) -> Result<Vec<Value>> {
    let mut keys = Vec::new();
    let mut next = String::new();
    loop {
        let path = format!("/organizations/{organization}/keys?limit=200{next}");
        let page = admin.call("GET", &path).send()?;
        ensure!(page.status == 200, "{page:?}");
        let page = page.json()?;
        keys.extend(page["items"].as_array().context("a list")?.iter().cloned());
        match page["next_cursor"].as_str() {
            Some(cursor) => next = format!("&cursor={cursor}"),
            None => return Ok(keys),
        }
    }
}

#[test]
fn a_lost_and_a_doubled_act_are_found() {
    let acts = Acts::default();
    acts.note(vec!["one".to_owned()]);
    acts.note(vec!["two".to_owned(), "three".to_owned()]);
    let entry = |request: &str| serde_json::json!({ "request_id": request });
    let holds = |requests: &[&str]| {
        let audit: Vec<Value> = requests.iter().map(|request| entry(request)).collect();
        acts.check(&audit).is_ok()
    };
    assert!(holds(&["zero", "one", "three"]));
    assert!(holds(&["two", "one"]));
    for planted in [
        &["one"][..],
        &["two", "three", "one"],
        &["one", "one", "two"],
        &["two"],
    ] {
        assert!(!holds(planted), "{planted:?}");
    }
    let ids: BTreeSet<_> = (0..3)
        .map(|_| acts.sent.fetch_add(1, Ordering::Relaxed))
        .collect();
    assert_eq!(ids.len(), 3);
}
