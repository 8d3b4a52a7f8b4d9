//! Workers KV: sealed records, believed only where the seal holds.

use serde::de::DeserializeOwned;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use super::bindings::{self, Kv};
use crate::key::Keyring;
use crate::settings::names;

/// The record of this name; `None` where there is none, where it cannot be
/// read, or where its seal does not hold. All three lead to the registry.
pub(super) async fn read<R: DeserializeOwned>(
    env: &JsValue,
    keyring: &Keyring,
    name: &str,
) -> Option<R> {
    let kv: Kv = bindings::binding(env, names::KEYS)?.unchecked_into();
    let value = JsFuture::from(kv.get(name).ok()?).await.ok()?.as_string()?;
    serde_json::from_str(keyring.open(name, &value)?).ok()
}

/// Writes a record under its seal.
pub(super) async fn write(
    env: &JsValue,
    keyring: &Keyring,
    name: &str,
    record: &str,
) -> Option<()> {
    let kv: Kv = bindings::binding(env, names::KEYS)?.unchecked_into();
    let sealed = keyring.seal(name, record)?;
    JsFuture::from(kv.put(name, &sealed).ok()?)
        .await
        .ok()
        .map(|_| ())
}

/// Takes a record away.
pub(super) async fn delete(env: &JsValue, name: &str) -> Option<()> {
    let kv: Kv = bindings::binding(env, names::KEYS)?.unchecked_into();
    JsFuture::from(kv.delete(name).ok()?).await.ok().map(|_| ())
}
