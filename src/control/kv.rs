//! Writing to Workers KV.

use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::key::Keyring;
use crate::runtime::bindings::{self, Kv};
use crate::settings::bindings::KEYS;

/// Writes a record under its seal.
pub(crate) async fn write(
    env: &JsValue,
    keyring: &Keyring,
    name: &str,
    record: &str,
) -> Option<()> {
    let kv: Kv = bindings::binding(env, KEYS)?.unchecked_into();
    let sealed = keyring.seal(name, record)?;
    JsFuture::from(kv.put(name, &sealed).ok()?)
        .await
        .ok()
        .map(|_| ())
}

/// Takes a record away.
pub(crate) async fn delete(env: &JsValue, name: &str) -> Option<()> {
    let kv: Kv = bindings::binding(env, KEYS)?.unchecked_into();
    JsFuture::from(kv.delete(name).ok()?).await.ok().map(|_| ())
}
