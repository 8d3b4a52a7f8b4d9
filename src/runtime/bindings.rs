//! The runtime's objects, as thin as they come: the worker crate's wrappers
//! lose what an exception says (`retryable`, `overloaded`) and copy headers.

use js_sys::{Array, JsString, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use web_sys::{Headers, Response};

#[wasm_bindgen]
extern "C" {
    /// A Workers KV namespace.
    pub(crate) type Kv;

    #[wasm_bindgen(method, catch)]
    pub(crate) fn put(this: &Kv, name: &str, value: &str) -> Result<Promise, JsValue>;

    #[wasm_bindgen(method, catch)]
    pub(crate) fn delete(this: &Kv, name: &str) -> Result<Promise, JsValue>;

    /// Headers, by names that JavaScript holds: one of ours would be decoded anew
    /// each time.
    pub(crate) type HeaderMap;

    #[wasm_bindgen(method)]
    pub(crate) fn get(this: &HeaderMap, name: &JsString) -> Option<String>;

    #[wasm_bindgen(method)]
    pub(crate) fn set(this: &HeaderMap, name: &JsString, value: &str);

    /// `crypto.subtle.importKey`, of a public key.
    #[wasm_bindgen(catch, js_namespace = ["crypto", "subtle"], js_name = importKey)]
    pub(crate) fn import_key(
        format: &str,
        key: &Uint8Array,
        algorithm: &JsValue,
        extractable: bool,
        usages: &Array,
    ) -> Result<Promise, JsValue>;

    /// `crypto.subtle.verify`
    #[wasm_bindgen(catch, js_namespace = ["crypto", "subtle"])]
    pub(crate) fn verify(
        algorithm: &JsValue,
        key: &JsValue,
        signature: &Uint8Array,
        data: &Uint8Array,
    ) -> Result<Promise, JsValue>;

    /// An Analytics Engine dataset.
    pub(crate) type Dataset;

    #[wasm_bindgen(method, catch, js_name = writeDataPoint)]
    pub(crate) fn write_data_point(this: &Dataset, point: &JsValue) -> Result<(), JsValue>;

    /// `ExecutionContext` of Workers.
    pub type Context;

    #[wasm_bindgen(method, catch, js_name = waitUntil)]
    pub(crate) fn wait_until(this: &Context, work: &Promise) -> Result<(), JsValue>;

    #[wasm_bindgen(js_namespace = console, js_name = log)]
    pub(crate) fn console_log(line: &str);

    #[wasm_bindgen(js_namespace = console, js_name = warn)]
    pub(crate) fn console_warn(line: &str);

    #[wasm_bindgen(js_namespace = console, js_name = error)]
    pub(crate) fn console_error(line: &str);

    /// The global `fetch`.
    #[wasm_bindgen(catch, js_name = fetch)]
    pub(crate) fn global_fetch(url: &str, init: &JsValue) -> Result<Promise, JsValue>;
}

#[wasm_bindgen(raw_module = "./runtime.js")]
extern "C" {
    /// Resolves after so many milliseconds.
    pub(crate) fn sleep(milliseconds: f64) -> Promise;

    /// The platform's ray id, else one of our own.
    #[wasm_bindgen(js_name = requestId)]
    pub(crate) fn request_id(headers: &Headers) -> String;

    /// A problem document under status and headers of `head`: `document`, then
    /// `id` or the request's own, quoted.
    #[wasm_bindgen(catch)]
    pub(crate) fn refusal(
        head: &Response,
        document: &JsString,
        headers: &Headers,
        id: Option<&str>,
    ) -> Result<Response, JsValue>;

    /// What `forward` of the gateway takes: the binding of a Worker or a URL,
    /// headers for the API and for the client, milliseconds until the answer's
    /// head, whether the key leaked.
    pub(crate) fn plan(
        binding: &JsString,
        url: Option<String>,
        identity: &JsString,
        added: &JsString,
        deadline: f64,
        is_restricted: bool,
    ) -> JsValue;

    /// What `stream` of the listings takes: status and headers, the first lines,
    /// the cursor after which there are more.
    pub(crate) fn listing(head: &Response, text: &str, next: &str) -> JsValue;
}

#[wasm_bindgen(raw_module = "./objects.js")]
extern "C" {
    /// An object's answer: its text, a status other than 200, or `undefined` where
    /// there is none within so many milliseconds.
    pub(crate) fn ask(
        namespace: &JsValue,
        name: &str,
        location_hint: Option<&str>,
        yields: bool,
        message: &str,
        milliseconds: Option<f64>,
    ) -> Promise;

    /// A value of Workers KV, a text; `null` where there is none, `undefined`
    /// where it does not come within so many milliseconds.
    pub(crate) fn read(kv: &JsValue, name: &str, milliseconds: f64) -> Promise;
}

/// Names of headers that are read or set again and again.
#[rustfmt::skip] // It drops the strings.
pub(crate) mod header {
    use js_sys::JsString;
    use wasm_bindgen::prelude::*;

    #[wasm_bindgen]
    extern "C" {
        #[wasm_bindgen(thread_local_v2, static_string)]
        pub(crate) static UPGRADE: JsString = "upgrade";
        #[wasm_bindgen(thread_local_v2, static_string)]
        pub(crate) static KATALO_DECISION: JsString = "katalo-decision";
        #[wasm_bindgen(thread_local_v2, static_string)]
        pub(crate) static RATELIMIT: JsString = "ratelimit";
    }
}

/// A binding or variable of `env`; `None` where it is not bound.
pub(crate) fn binding(env: &JsValue, name: &str) -> Option<JsValue> {
    Reflect::get(env, &JsValue::from_str(name))
        .ok()
        .filter(|value| !value.is_undefined() && !value.is_null())
}

/// A plain object of these members.
pub(crate) fn object(members: &[(&str, &JsValue)]) -> JsValue {
    let object = Object::new();
    for (name, value) in members {
        // Setting a property of a fresh plain object cannot fail.
        let _ = Reflect::set(&object, &JsValue::from_str(name), value);
    }
    object.into()
}
