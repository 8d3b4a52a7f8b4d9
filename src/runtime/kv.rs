//! Workers KV: sealed records, believed only where the seal holds.

use std::rc::Rc;

use js_sys::Promise;
use serde::de::DeserializeOwned;
use wasm_bindgen_futures::JsFuture;

use crate::edge_call::EdgeCall;
use crate::json;
use crate::key::Subject;
use crate::runtime::bindings;
use crate::runtime::isolate::Edge;
use crate::runtime::registry;
use crate::settings::bindings::KEYS;

/// How long a read may take before it counts as a miss, in milliseconds.
const DEADLINE_MS: f64 = 1_000.0;

/// A read under way: it goes on whether it is waited for or not, so that several may
/// run side by side.
pub(crate) struct PendingRead {
    subject: Subject,
    name: String,
    /// `None` where no namespace is bound.
    value: Option<Promise>,
}

/// Begins to read a record.
pub(crate) fn begin(edge: &Edge, subject: Subject) -> PendingRead {
    let name = subject.kv_name();
    let namespace = bindings::binding(&edge.env, KEYS);
    PendingRead {
        subject,
        value: namespace.map(|kv| bindings::read(&kv, &name, DEADLINE_MS)),
        name,
    }
}

impl PendingRead {
    /// The record. `None` where there is none, or none in time, and where what is
    /// there is none: then the registry is asked to write it again.
    pub(crate) async fn record<R: DeserializeOwned>(self, edge: &Edge) -> Option<Rc<R>> {
        let sealed = JsFuture::from(self.value?).await.ok()?.as_string()?;
        let keyring = &edge.settings.keyring;
        let record = keyring
            .open(&self.name, &sealed)
            .and_then(|record| json::from_str(record).ok());
        if record.is_none() || !keyring.is_sealed_by_current(&sealed) {
            report_stale(edge, self.subject);
        }
        record.map(Rc::new)
    }
}

/// Has the registry write a record again that Workers KV holds in an older form,
/// under an older root key or in no readable form.
pub(crate) fn report_stale(edge: &Edge, subject: Subject) {
    let env = edge.env.clone();
    edge.after(async move {
        let _ = registry::call(&env, &EdgeCall::ReportStale { subject }).await;
    });
}
