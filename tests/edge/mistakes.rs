//! The table of typical mistakes, sent to the built Worker.

#[path = "../support/mistakes.rs"]
mod table;

use crate::support::{acme, assert_problem};
use anyhow::Result;
use katalo_rig::Rig;
use table::{By, MISTAKES, WORDS_OF_SERDE};

#[test]
fn each_mistake_is_told_what_is_expected() -> Result<()> {
    let rig = Rig::builder().start()?;
    let (admin, key) = acme(&rig)?;
    admin.organization("other")?;
    let foreign = admin.issue_live("other", &["read"])?;
    let mut wrong = Vec::new();
    for mistake in MISTAKES {
        let target = mistake
            .target
            .replace("{key}", &key.id)
            .replace("{foreign}", &foreign.id);
        let mut call = rig.edge(0).call(mistake.method, &target);
        call = match mistake.by {
            By::Admin => call.bearer(admin.key()),
            By::Client => call.bearer(&key.secret),
            By::Nobody => call,
        };
        for (name, value) in mistake.headers {
            call = call.header(name, value);
        }
        let has_type = mistake
            .headers
            .iter()
            .any(|(name, _)| *name == "content-type");
        if !mistake.body.is_empty() && !has_type {
            call = call.header("content-type", "application/json");
        }
        if !mistake.body.is_empty() {
            call = call.body(mistake.body);
        }
        let answer = call.send()?;
        for words in WORDS_OF_SERDE {
            assert!(!answer.text().contains(words), "{words}: {answer:?}");
        }
        let document = answer.json()?;
        if document["code"] != mistake.code || document["detail"] != mistake.detail {
            wrong.push(format!("{mistake:?}\n    is {answer:?}"));
            continue;
        }
        assert_problem(&answer, answer.status, mistake.code);
        assert_eq!(
            Some(answer.status),
            document["status"]
                .as_u64()
                .and_then(|status| u16::try_from(status).ok())
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}
