//! Questions to Durable Objects: JSON in, JSON out.

use js_sys::JSON;
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use super::bindings::{self, Namespace};
use crate::http::{Code, Problem};

/// Why an object gave no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unanswered {
    /// It is not bound: a fault of the configuration.
    Unbound,
    /// It has more to do than it can; asking again would add to that.
    Overloaded,
    /// It could not be reached, or its answer could not be read.
    Unreachable,
}

impl From<Unanswered> for Problem {
    fn from(_: Unanswered) -> Self {
        Code::RegistryUnavailable.into()
    }
}

/// Asks an object once, and once more where the runtime says that the first
/// question never reached it (`retryable`), with a new stub, as a stub is of no
/// use after an exception. Every message may be repeated: changes carry their
/// precondition, counts their batch id.
pub(super) async fn ask<R: DeserializeOwned>(
    env: &JsValue,
    class: &str,
    name: &str,
    message: &impl Serialize,
) -> Result<R, Unanswered> {
    ask_at(env, class, name, None, message).await
}

/// The same, with a hint where the object should be created.
pub(super) async fn ask_at<R: DeserializeOwned>(
    env: &JsValue,
    class: &str,
    name: &str,
    location_hint: Option<&str>,
    message: &impl Serialize,
) -> Result<R, Unanswered> {
    let namespace: Namespace = bindings::binding(env, class)
        .ok_or(Unanswered::Unbound)?
        .unchecked_into();
    let body = serde_json::to_string(message).map_err(|_| Unanswered::Unreachable)?;
    let init = bindings::object(&[("method", &"POST".into()), ("body", &body.as_str().into())]);
    let options = location_hint.map_or(JsValue::UNDEFINED, |hint| {
        bindings::object(&[("locationHint", &hint.into())])
    });
    let mut attempts = 2;
    loop {
        attempts -= 1;
        let error = match fetch_once(&namespace, name, &options, &init).await {
            Ok(text) => return serde_json::from_str(&text).map_err(|_| Unanswered::Unreachable),
            Err(error) => error,
        };
        if bindings::flag(&error, "overloaded") {
            return Err(Unanswered::Overloaded);
        }
        if attempts == 0 || !bindings::flag(&error, "retryable") {
            return Err(Unanswered::Unreachable);
        }
    }
}

async fn fetch_once(
    namespace: &Namespace,
    name: &str,
    options: &JsValue,
    init: &JsValue,
) -> Result<String, JsValue> {
    let stub = namespace.get_by_name(name, options)?;
    let response: web_sys::Response = JsFuture::from(stub.fetch("https://object/", init)?)
        .await?
        .unchecked_into();
    if !response.ok() {
        return Err(JsValue::from_str("the object failed"));
    }
    bindings::text_of(&response).await
}

/// A variable's text: a string as it is, anything else as JSON.
pub(super) fn variable(env: &JsValue, name: &str) -> Option<String> {
    let value = bindings::binding(env, name)?;
    value
        .as_string()
        .or_else(|| JSON::stringify(&value).ok()?.as_string())
}
