//! Workers KV: sealed records, believed only where the seal holds.

use serde::de::DeserializeOwned;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::json;
use crate::key::Keyring;
use crate::runtime::bindings::{self, Kv};
use crate::settings::names;

/// How long a read may take before it counts as a miss, in milliseconds.
const DEADLINE_MS: f64 = 1_000.0;

/// What Workers KV holds under a name.
pub(crate) enum Value<R> {
    /// Nothing, or nothing in time.
    Missing,
    /// Something whose seal does not hold, or that cannot be read.
    Unreadable,
    /// A record.
    Record {
        record: R,
        /// Whether it is sealed under the ring's current entry.
        by_current: bool,
    },
}

/// The value of this name. What is no record leads to the registry.
pub(crate) async fn read<R: DeserializeOwned>(
    env: &JsValue,
    keyring: &Keyring,
    name: &str,
) -> Value<R> {
    let Some(sealed) = read_text(env, name).await else {
        return Value::Missing;
    };
    let record = keyring
        .open(name, &sealed)
        .and_then(|record| json::from_str(record).ok());
    record.map_or(Value::Unreadable, |record| Value::Record {
        record,
        by_current: keyring.is_sealed_by_current(&sealed),
    })
}

async fn read_text(env: &JsValue, name: &str) -> Option<String> {
    let kv = bindings::binding(env, names::KEYS)?;
    let value = bindings::read(&kv, name, DEADLINE_MS);
    JsFuture::from(value).await.ok()?.as_string()
}

/// Writes a record under its seal.
pub(crate) async fn write(
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
pub(crate) async fn delete(env: &JsValue, name: &str) -> Option<()> {
    let kv: Kv = bindings::binding(env, names::KEYS)?.unchecked_into();
    JsFuture::from(kv.delete(name).ok()?).await.ok().map(|_| ())
}
