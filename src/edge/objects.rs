//! Questions to Durable Objects: JSON in, JSON out.

use js_sys::JSON;
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use super::bindings::{self, Namespace};
use crate::freshness::failover::RelayName;
use crate::freshness::message::{RelayReply, RelayRequest};
use crate::http::{Code, Problem};
use crate::json;
use crate::settings::names;

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
    let to = Address {
        class,
        name,
        location_hint: None,
        yields: false,
    };
    ask_at(env, to, message).await
}

/// Which object is asked, and how.
pub(super) struct Address<'a> {
    pub(super) class: &'a str,
    pub(super) name: &'a str,
    /// Where the object should be created.
    pub(super) location_hint: Option<&'a str>,
    /// Whether this may be refused first where the object has too much to do.
    pub(super) yields: bool,
}

/// The URL of all messages to objects.
const URL: &str = "https://object/";
/// The URL of those that yield: an object tells them apart before it reads them;
/// one of an older version takes both for the same.
pub(super) const YIELDING_URL: &str = "https://object/yields";

/// The same, with all that can be said of the address.
pub(super) async fn ask_at<R: DeserializeOwned>(
    env: &JsValue,
    to: Address<'_>,
    message: &impl Serialize,
) -> Result<R, Unanswered> {
    let namespace: Namespace = bindings::binding(env, to.class)
        .ok_or(Unanswered::Unbound)?
        .unchecked_into();
    let body = serde_json::to_string(message).map_err(|_| Unanswered::Unreachable)?;
    let init = bindings::object(&[("method", &"POST".into()), ("body", &body.as_str().into())]);
    let options = to.location_hint.map_or(JsValue::UNDEFINED, |hint| {
        bindings::object(&[("locationHint", &hint.into())])
    });
    let mut attempts = 2;
    loop {
        attempts -= 1;
        let url = if to.yields { YIELDING_URL } else { URL };
        let error = match fetch_once(&namespace, to.name, &options, url, &init).await {
            Ok(text) => return json::from_str(&text).map_err(|_| Unanswered::Unreachable),
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

/// Reads a message that came to an object. What is wrong with one of a newer
/// version is not said: it may quote what the message carries.
pub(super) fn message<T: DeserializeOwned>(text: &str) -> worker::Result<T> {
    json::from_str(text).map_err(|_| worker::Error::RustError("not a message".to_owned()))
}

/// Asks a relay.
pub(super) async fn ask_relay(
    env: &JsValue,
    relay: RelayName,
    message: &RelayRequest,
) -> Result<RelayReply, Unanswered> {
    let to = Address {
        class: names::RELAY,
        name: &relay.to_string(),
        location_hint: Some(relay.region.hint()),
        yields: false,
    };
    ask_at(env, to, message).await
}

/// What an object answers that has more to do than it can.
pub(super) fn overloaded() -> worker::Result<worker::Response> {
    worker::Response::error("overloaded", OVERLOADED)
}

/// RFC 9110 section 15.6.4.
const OVERLOADED: u16 = 503;

async fn fetch_once(
    namespace: &Namespace,
    name: &str,
    options: &JsValue,
    url: &str,
    init: &JsValue,
) -> Result<String, JsValue> {
    let stub = namespace.get_by_name(name, options)?;
    let response: web_sys::Response = JsFuture::from(stub.fetch(url, init)?)
        .await?
        .unchecked_into();
    if response.status() == OVERLOADED {
        return Err(bindings::object(&[("overloaded", &JsValue::TRUE)]));
    }
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
