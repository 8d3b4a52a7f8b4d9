//! From an answer to the runtime's `Response`.

use std::cell::RefCell;

use rustc_hash::FxHashMap;
use wasm_bindgen::prelude::*;
use web_sys::{Headers, Response, ResponseInit};

use super::bindings::{HeaderMap, header};
use crate::http::{Answer, Body};

/// The one header that differs from one granted request of a key to the next.
const DECISION: &str = "katalo-decision";

/// Builds the `Response`. Every header is one of ours and every status is
/// valid, so a failure is a fault of this crate and ends in `internal_error`.
pub(super) fn respond(answer: &Answer) -> Result<Response, JsValue> {
    let (media_type, text) = match &answer.body {
        Body::Empty => (None, None),
        Body::Text(media_type, text) => (Some(*media_type), Some(text.as_str())),
    };
    build(answer.status, &answer.headers, media_type, text)
}

fn build(
    status: u16,
    headers: &[(&'static str, String)],
    media_type: Option<&str>,
    text: Option<&str>,
) -> Result<Response, JsValue> {
    let built = Headers::new()?;
    for (name, value) in headers {
        built.append(name, value)?;
    }
    if let Some(media_type) = media_type {
        built.set("content-type", media_type)?;
    }
    built.set("x-content-type-options", "nosniff")?;
    let init = ResponseInit::new();
    init.set_status(status);
    init.set_headers(&built);
    Response::new_with_opt_str_and_init(text, &init)
}

/// Status and headers of an answer, without its decision.
#[derive(PartialEq, Eq, Hash)]
struct Head {
    status: u16,
    media_type: Option<&'static str>,
    headers: Vec<(&'static str, String)>,
}

/// A `Response` without a body: the runtime takes status and headers of the next
/// one from it, eight headers for less than the price of setting one.
struct Made {
    response: Response,
    headers: HeaderMap,
    decision: Option<String>,
}

impl Made {
    fn of(head: &Head) -> Result<Self, JsValue> {
        let response = build(head.status, &head.headers, head.media_type, None)?;
        Ok(Self {
            headers: JsValue::from(response.headers()).unchecked_into(),
            response,
            decision: None,
        })
    }

    fn tell(&mut self, decision: Option<String>) {
        if self.decision != decision {
            if let Some(value) = &decision {
                header::KATALO_DECISION.with(|name| self.headers.set(name, value));
            }
            self.decision = decision;
        }
    }
}

/// How many heads a generation has. The older one goes when the younger is full.
const GENERATION: usize = 256;

#[derive(Default)]
struct Heads {
    younger: FxHashMap<Head, Made>,
    older: FxHashMap<Head, Made>,
}

impl Heads {
    fn get(&mut self, head: Head) -> Result<&mut Made, JsValue> {
        if !self.younger.contains_key(&head) {
            let made = match self.older.remove(&head) {
                Some(made) => made,
                None => Made::of(&head)?,
            };
            if self.younger.len() >= GENERATION {
                self.older = std::mem::take(&mut self.younger);
            }
            return Ok(self.younger.entry(head).or_insert(made));
        }
        self.younger
            .get_mut(&head)
            .ok_or_else(|| JsValue::from_str("a head that was there"))
    }
}

thread_local! {
    static HEADS: RefCell<Heads> = RefCell::default();
}

/// The same for answers that are given over and over: their status and headers
/// are handed to the runtime once. An answer without a body is the very same
/// `Response` each time, which has no state but its headers.
pub(super) fn respond_again(mut answer: Answer) -> Result<Response, JsValue> {
    let signed = answer.header("katalo-assertion");
    if signed.is_some_and(|assertion| !assertion.is_empty()) {
        return respond(&answer);
    }
    let place = answer
        .headers
        .iter()
        .position(|(name, _)| *name == DECISION);
    let decision = place.map(|place| answer.headers.swap_remove(place).1);
    let (media_type, text) = match answer.body {
        Body::Empty => (None, None),
        Body::Text(media_type, text) => (Some(media_type), Some(text)),
    };
    let head = Head {
        status: answer.status,
        media_type,
        headers: answer.headers,
    };
    HEADS.with_borrow_mut(|heads| {
        let made = heads.get(head)?;
        made.tell(decision);
        let Some(text) = text else {
            return Ok(Clone::clone(&made.response));
        };
        let init: &ResponseInit = made.response.unchecked_ref();
        Response::new_with_opt_str_and_init(Some(&text), init)
    })
}
