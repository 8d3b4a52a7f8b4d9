//! Workers KV: sealed records, believed only where the seal holds.

use std::rc::Rc;

use serde::de::DeserializeOwned;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;

use crate::edge_call::EdgeCall;
use crate::json;
use crate::key::{Keyring, Subject};
use crate::runtime::bindings;
use crate::runtime::isolate::Edge;
use crate::runtime::registry;
use crate::settings::bindings::KEYS;

/// How long a read may take before it counts as a miss, in milliseconds.
const DEADLINE_MS: f64 = 1_000.0;

/// What Workers KV holds under a name.
enum Value<R> {
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
async fn read<R: DeserializeOwned>(env: &JsValue, keyring: &Keyring, name: &str) -> Value<R> {
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
    let kv = bindings::binding(env, KEYS)?;
    let value = bindings::read(&kv, name, DEADLINE_MS);
    JsFuture::from(value).await.ok()?.as_string()
}

/// Has the registry write a record again that Workers KV holds in an older form,
/// under an older root key or in no readable form.
pub(crate) fn report_stale(edge: &Edge, subject: Subject) {
    let env = edge.env.clone();
    edge.after(async move {
        let _ = registry::call(&env, &EdgeCall::ReportStale { subject }).await;
    });
}

/// What Workers KV holds, where that is a record.
pub(crate) async fn read_record<R: DeserializeOwned>(
    edge: &Edge,
    subject: Subject,
) -> Option<Rc<R>> {
    let name = subject.kv_name();
    let read = read(&edge.env, &edge.settings.keyring, &name);
    match read.await {
        Value::Missing => None,
        Value::Unreadable => {
            report_stale(edge, subject);
            None
        }
        Value::Record { record, by_current } => {
            if !by_current {
                report_stale(edge, subject);
            }
            Some(Rc::new(record))
        }
    }
}
