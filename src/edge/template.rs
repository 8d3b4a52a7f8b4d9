//! Answers that are given over and over, handed to the runtime once.

use js_sys::JsString;
use wasm_bindgen::prelude::*;
use web_sys::Response;

use crate::http::{Answer, Body};
use crate::runtime::bindings::{HeaderMap, header};
use crate::runtime::respond::build;

/// An answer that is given over and over. Status and headers are handed to the
/// runtime once, as a `Response` without a body that the next ones take them
/// from: eight headers for less than the price of setting one.
pub(crate) struct ResponseTemplate {
    head: Response,
    headers: HeaderMap,
    /// Text that JavaScript holds already.
    body: Option<JsString>,
    decision: String,
    rate_limit: Option<String>,
}

#[wasm_bindgen]
extern "C" {
    type Bodied;

    #[wasm_bindgen(catch, constructor, js_class = "Response")]
    fn new(body: &JsString, init: &Response) -> Result<Bodied, JsValue>;
}

impl ResponseTemplate {
    pub(crate) fn of(answer: &Answer) -> Result<Self, JsValue> {
        let (media_type, body) = match &answer.body {
            Body::Empty => (None, None),
            Body::Text(media_type, text) => (Some(*media_type), Some(text.as_str().into())),
            Body::Lines(..) => return Err(JsValue::from_str("a listing is not kept")),
        };
        let head = build(answer, media_type, None)?;
        Ok(Self {
            headers: JsValue::from(head.headers()).unchecked_into(),
            head,
            body,
            decision: String::new(),
            rate_limit: None,
        })
    }

    /// Once more, with its decision and, where it has limits, how these stand. Without a body it is the very same `Response`
    /// each time, which has no state but its headers.
    pub(crate) fn render(
        &mut self,
        decision: String,
        rate_limit: Option<&str>,
    ) -> Result<JsValue, JsValue> {
        if let Some(field) = rate_limit
            && self.rate_limit.as_deref() != rate_limit
        {
            header::RATELIMIT.with(|name| self.headers.set(name, field));
            self.rate_limit = Some(field.to_owned());
        }
        if self.decision != decision {
            header::KATALO_DECISION.with(|name| self.headers.set(name, &decision));
            self.decision = decision;
        }
        match &self.body {
            None => Ok(JsValue::from(&self.head)),
            Some(body) => Bodied::new(body, &self.head).map(JsValue::from),
        }
    }
}
