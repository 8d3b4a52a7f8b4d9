//! From an answer to the runtime's `Response`.

use wasm_bindgen::prelude::*;

use crate::http::{Answer, Body};

/// Builds the `Response`. Every header is one of ours and every status is
/// valid, so a failure is a fault of this crate and ends in `internal_error`.
pub(super) fn respond(answer: &Answer) -> Result<web_sys::Response, JsValue> {
    let headers = web_sys::Headers::new()?;
    for (name, value) in &answer.headers {
        headers.append(name, value)?;
    }
    let init = web_sys::ResponseInit::new();
    init.set_status(answer.status);
    let body = match &answer.body {
        Body::Empty => None,
        Body::Text(media_type, text) => {
            headers.set("content-type", media_type)?;
            Some(text.as_str())
        }
    };
    headers.set("x-content-type-options", "nosniff")?;
    init.set_headers(&headers);
    web_sys::Response::new_with_opt_str_and_init(body, &init)
}
