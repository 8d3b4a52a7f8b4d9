//! Calls to a registry's object.

use std::time::Duration;

use wasm_bindgen::JsValue;

use crate::edge_call::{EdgeCall, EdgeResponse, RecordsRead, RequiredRevisions};
use crate::freshness::failover::Failover;
use crate::key::KeyId;
use crate::runtime::objects::{self, Address, Unanswered};
use crate::settings::bindings;

/// Makes a call.
pub(crate) async fn call(env: &JsValue, call: &EdgeCall) -> Result<EdgeResponse, Unanswered> {
    let tag = call.registry();
    let to = Address::of(bindings::REGISTRY, tag.as_str()).sheddable(call.is_sheddable());
    objects::ask(env, to, call).await
}

/// Who wants a key's and its organization's records.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// An edge, for a client or for whomever: where a registry has too much to do it
    /// is refused first.
    Edge,
    /// The control plane, for an administrator whose secret is proven: no stranger
    /// comes so far.
    #[cfg(feature = "control")]
    Administrator,
}

impl Reader {
    /// How long the read may take. The proof of an administrator has as long as the
    /// registry keeps a permit for it; so has the order that follows.
    const fn deadline(self) -> Duration {
        match self {
            Self::Edge => Duration::from_millis(Failover::TOTAL.0),
            #[cfg(feature = "control")]
            Self::Administrator => Duration::from_secs(30),
        }
    }
}

/// Reads a key's and its organization's records at the source; `None` where the
/// registry does not answer in time. It hears what is required of them, and so
/// whether it has lost a change.
pub(crate) async fn read(
    env: &JsValue,
    id: &KeyId,
    required: RequiredRevisions,
    reader: Reader,
) -> Option<RecordsRead> {
    let key = id.public;
    let tag = key.organization_tag();
    let to = Address::of(bindings::REGISTRY, tag.as_str())
        .sheddable(reader == Reader::Edge)
        .within(reader.deadline());
    let read = EdgeCall::ReadRecords { key, required };
    let response: EdgeResponse = objects::ask(env, to, &read).await.ok()?;
    response.into_records()
}
