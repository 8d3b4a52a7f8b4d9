//! From an answer to the runtime's `Response`.

use std::cell::RefCell;
use std::hash::Hash;

use js_sys::JsString;
use rustc_hash::FxHashMap;
use wasm_bindgen::prelude::*;
use web_sys::{Headers, Response, ResponseInit};

use crate::http::{Answer, Body, Code, NDJSON, Problem, ProblemKind};
use crate::runtime::bindings;
use crate::runtime::incoming::Incoming;
use crate::runtime::log;

/// Builds the `Response`, or what the shim makes one of. Every header is one of
/// ours and every status is valid, so a failure is a fault of this crate and ends in
/// `internal_error`.
pub(crate) fn respond(answer: &Answer) -> Result<JsValue, JsValue> {
    match &answer.body {
        Body::Empty => build(answer, None, None).map(JsValue::from),
        Body::Text(media_type, text) => {
            build(answer, Some(media_type), Some(text)).map(JsValue::from)
        }
        Body::Lines(text, next) => {
            let head = build(answer, Some(NDJSON), None)?;
            Ok(bindings::listing(&head, text, next))
        }
    }
}

pub(crate) fn build(
    answer: &Answer,
    media_type: Option<&str>,
    text: Option<&str>,
) -> Result<Response, JsValue> {
    let built = Headers::new()?;
    for (name, value) in &answer.headers {
        built.append(name, value)?;
    }
    if let Some(media_type) = media_type {
        built.set("content-type", media_type)?;
    }
    built.set("x-content-type-options", "nosniff")?;
    let init = ResponseInit::new();
    init.set_status(answer.status);
    init.set_headers(&built);
    Response::new_with_opt_str_and_init(text, &init)
}

/// How much a generation keeps. The older one goes when the younger is full.
const GENERATION: usize = 256;

/// What was used lately, by two generations.
pub(crate) struct Generations<K, V> {
    younger: FxHashMap<K, V>,
    older: FxHashMap<K, V>,
}

impl<K, V> Default for Generations<K, V> {
    fn default() -> Self {
        Self {
            younger: FxHashMap::default(),
            older: FxHashMap::default(),
        }
    }
}

impl<K: Eq + Hash, V> Generations<K, V> {
    /// What is kept under a key, if it is still `good`; else made anew.
    pub(crate) fn get<E>(
        &mut self,
        key: K,
        good: impl FnOnce(&V) -> bool,
        make: impl FnOnce() -> Result<V, E>,
    ) -> Result<&mut V, E> {
        let younger = self.younger.remove(&key);
        let kept = younger.or_else(|| self.older.remove(&key)).filter(good);
        let value = kept.map_or_else(make, Ok)?;
        if self.younger.len() >= GENERATION {
            self.older = std::mem::take(&mut self.younger);
        }
        Ok(self.younger.entry(key).insert_entry(value).into_mut())
    }
}

/// A refusal without words of its own, up to the request's id.
struct Refusal {
    head: Response,
    document: JsString,
}

impl Refusal {
    fn of(problem: Problem, origin: &str) -> Result<Self, JsValue> {
        let mut answer = problem.into_answer(origin, "");
        let Body::Text(media_type, document) = std::mem::replace(&mut answer.body, Body::Empty)
        else {
            return Err(JsValue::from_str("a problem without a document"));
        };
        let document = document
            .strip_suffix("\"\"}")
            .ok_or_else(|| JsValue::from_str("a document that does not end with its id"))?;
        Ok(Self {
            head: build(&answer, Some(media_type), None)?,
            document: document.into(),
        })
    }
}

thread_local! {
    static REFUSALS: RefCell<Refusals> = RefCell::default();
}

/// Origins under which refusals are kept; a deployment has one or a few.
const ORIGINS: usize = 16;

type Refusals = FxHashMap<String, Generations<ProblemKind, Refusal>>;

fn refuse_again(
    incoming: &Incoming,
    problem: Problem,
    kind: ProblemKind,
) -> Result<Response, JsValue> {
    let origin = incoming.origin();
    REFUSALS.with_borrow_mut(|refusals| {
        if refusals.len() >= ORIGINS && !refusals.contains_key(origin) {
            refusals.clear();
        }
        let kept = refusals.entry(origin.to_owned()).or_default();
        let refusal = kept.get(kind, |_| true, || Refusal::of(problem, origin))?;
        incoming.refusal(&refusal.head, &refusal.document)
    })
}

/// The answer to a refused request, with a header more where there is one.
pub(crate) fn refusal(
    incoming: &Incoming,
    problem: Problem,
    added: Option<(&'static str, String)>,
) -> Result<JsValue, JsValue> {
    let kind = problem.kind().filter(|_| added.is_none());
    match kind {
        Some(kind) => refuse_again(incoming, problem, kind).map(JsValue::from),
        None => {
            let mut answer = problem.into_answer(incoming.origin(), incoming.request_id());
            answer.headers.extend(added);
            respond(&answer)
        }
    }
}

/// The same, counted, and logged where it is worth that.
pub(crate) fn refuse(
    incoming: &Incoming,
    problem: Problem,
    added: Option<(&'static str, String)>,
) -> Result<JsValue, JsValue> {
    log::refused(incoming, &problem);
    refusal(incoming, problem, added)
}

/// The answer, or the refusal counted and logged.
pub(crate) fn finish(
    incoming: &Incoming,
    answer: Result<Answer, Problem>,
) -> Result<JsValue, JsValue> {
    match answer {
        Ok(answer) => respond(&answer),
        Err(problem) => refuse(incoming, problem, None),
    }
}

/// The settings cannot be used; which one is in the log alone.
pub(crate) fn not_set_up() -> Problem {
    Problem::from(Code::InternalError)
        .because("A setting is missing or wrong: the log names it (misconfigured).")
}

/// The path is none that every server behind reads alike.
pub(crate) fn path_is_ambiguous() -> Problem {
    Problem::invalid("path", "The path could be read in more than one way.")
}
