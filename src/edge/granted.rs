//! What a granted key is answered with. Most of it stays the same for as long as
//! its records do, and is handed to the runtime once.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::JsString;
use wasm_bindgen::prelude::*;

use crate::edge::gateway::lines;
use crate::edge::template::ResponseTemplate;
use crate::http::{Answer, Body, Identity, JSON, policy_field};
use crate::json::ObjectWriter;
use crate::key::{KeyRecord, KeyState, OrganizationRecord, PublicKeyId};
use crate::runtime::respond::{Generations, respond};
use crate::time::Timestamp;
use crate::verify::Granted;
use crate::verify::authorization::Source;

/// Answers to one key, good for these very records.
struct Kept {
    key: Rc<KeyRecord>,
    organization: Rc<OrganizationRecord>,
    state: KeyState,
    identity: Option<ResponseTemplate>,
    own_key: Option<ResponseTemplate>,
    forwarded: Option<JsString>,
    /// What goes along with an API's answer, and the decision in it.
    notices: Option<(String, JsString)>,
}

thread_local! {
    static KEPT: RefCell<Generations<PublicKeyId, Kept>> = RefCell::default();
}

fn own_answer(document: ObjectWriter) -> Answer {
    Answer::new(200, Body::Text(JSON, document.end())).with("cache-control", "no-store")
}

/// That a key leaked and is held to fewer scopes.
pub(crate) fn restriction() -> (&'static str, String) {
    ("katalo-restriction", "leak".to_owned())
}

impl Granted {
    /// Who is calling.
    pub(crate) fn identity(&self) -> Identity {
        Identity {
            organization: self.organization().id.as_str().to_owned(),
            key_id: self.id().into(),
            environment: self.key().environment.as_str(),
            scopes: self.key().scopes.to_string(),
        }
    }

    /// `GET /v1/key`: what a client may know of its own key.
    fn own_key(&self) -> ObjectWriter {
        let key = self.key();
        let at = |at: Option<Timestamp>| at.map(Timestamp::to_rfc3339);
        ObjectWriter::new()
            .text("id", &self.id().to_string())
            .text("organization", self.organization().id.as_str())
            .text("name", &key.name)
            .text("environment", key.environment.as_str())
            .raw(
                "scopes",
                &serde_json::to_string(&key.scopes).unwrap_or_default(),
            )
            .text("state", self.state().as_str())
            .text_or_null("expires_at", at(key.expires_at).as_deref())
            .text_or_null("retires_at", at(key.retires_at).as_deref())
            .text_or_null("restriction", key.restricted.then_some("leak"))
    }

    /// The answer to `/v1/key` of a key with limits.
    pub(crate) fn own_key_with(&self, limits: &str) -> Answer {
        let mut answer = own_answer(self.own_key().raw("limits", limits));
        answer.headers.extend(self.notices());
        answer
    }

    /// `Katalo-Decision`, a dictionary of RFC 9651: how the request was decided.
    pub(crate) fn decision(&self) -> String {
        let source = match self.source() {
            Source::Memory | Source::Unproven => "memory",
            Source::Kv => "kv",
            Source::Registry => "registry",
        };
        let revision = self.key().revision.max(self.organization().revision);
        let (age, revision) = (self.age().0.to_string(), revision.to_string());
        let unproven = match self.source() {
            Source::Unproven => ", unproven",
            _ => "",
        };
        [
            "source=",
            source,
            ", age=",
            &age,
            ", revision=",
            &revision,
            unproven,
        ]
        .concat()
    }

    /// That the key leaked and is held to fewer scopes: in every answer.
    pub(crate) fn restriction(&self) -> Option<(&'static str, String)> {
        self.key().restricted.then(restriction)
    }

    /// What the caller learns beside the answer: how the request was decided, and
    /// that a key in its overlap is about to end (RFC 9745, RFC 8594).
    pub(crate) fn notices(&self) -> Vec<(&'static str, String)> {
        let mut notices = vec![("katalo-decision", self.decision())];
        notices.extend(self.standing());
        notices.extend((self.rate_limit()).map(|field| ("ratelimit", field.to_owned())));
        notices
    }

    /// Those that stay the same while the records do.
    fn standing(&self) -> Vec<(&'static str, String)> {
        let mut notices = Vec::from_iter(self.restriction());
        if self.state() == KeyState::Retiring {
            if let Some(since) = self.key().replaced_at {
                notices.push(("deprecation", format!("@{}", since.0 / 1_000)));
            }
            if let Some(end) = self.key().retires_at {
                notices.push(("sunset", end.to_http_date()));
            }
        }
        let limits = self.limits();
        if !limits.is_empty() {
            notices.push(("ratelimit-policy", policy_field(&limits)));
        }
        notices
    }

    /// The answer to `/authorize`.
    pub(crate) fn answer_identity(&self, assertion: Option<String>) -> Result<JsValue, JsValue> {
        let answer = |assertion, notices| {
            let mut answer = Answer::new(200, Body::Empty);
            answer.headers.extend(self.identity().headers(assertion));
            answer.headers.extend(notices);
            answer.with("cache-control", "no-store")
        };
        if assertion.is_some() {
            return respond(&answer(assertion, self.notices()));
        }
        self.kept(|kept| {
            let made = match &mut kept.identity {
                Some(made) => made,
                none => none.insert(ResponseTemplate::of(&answer(None, self.standing()))?),
            };
            made.render(self.decision(), self.rate_limit())
        })
    }

    /// The answer to `/v1/key`.
    pub(crate) fn answer_own_key(&self) -> Result<JsValue, JsValue> {
        self.kept(|kept| {
            let made = match &mut kept.own_key {
                Some(made) => made,
                none => {
                    let mut answer = own_answer(self.own_key().raw("limits", "[]"));
                    answer.headers.extend(self.standing());
                    none.insert(ResponseTemplate::of(&answer)?)
                }
            };
            made.render(self.decision(), self.rate_limit())
        })
    }

    /// What the API behind learns of who is calling, by [`lines`].
    pub(crate) fn forwarded_identity(
        &self,
        assertion: Option<String>,
    ) -> Result<JsString, JsValue> {
        let identity = |assertion| {
            let headers = self.identity().headers(assertion);
            let told = headers.into_iter().filter(|(_, value)| !value.is_empty());
            JsString::from(lines(told))
        };
        if assertion.is_some() {
            return Ok(identity(assertion));
        }
        self.kept(|kept| {
            let forwarded = kept.forwarded.get_or_insert_with(|| identity(None));
            Ok(Clone::clone(forwarded))
        })
    }

    /// What the caller learns beside the API's answer, by [`lines`].
    pub(crate) fn forwarded_notices(&self) -> Result<JsString, JsValue> {
        self.kept(|kept| {
            if self.rate_limit().is_some() {
                return Ok(lines(self.notices()).into());
            }
            let decision = self.decision();
            let again = kept.notices.take().filter(|(made, _)| *made == decision);
            let (_, notices) = kept.notices.insert(match again {
                Some(again) => again,
                None => (decision, lines(self.notices()).into()),
            });
            Ok(Clone::clone(notices))
        })
    }

    fn kept<T>(&self, work: impl FnOnce(&mut Kept) -> Result<T, JsValue>) -> Result<T, JsValue> {
        let is_good = |kept: &Kept| {
            Rc::ptr_eq(&kept.key, self.key())
                && Rc::ptr_eq(&kept.organization, self.organization())
                && kept.state == self.state()
        };
        let new = || {
            Ok::<_, JsValue>(Kept {
                key: Rc::clone(self.key()),
                organization: Rc::clone(self.organization()),
                state: self.state(),
                identity: None,
                own_key: None,
                forwarded: None,
                notices: None,
            })
        };
        KEPT.with_borrow_mut(|kept| work(kept.get(self.id().public, is_good, new)?))
    }
}
