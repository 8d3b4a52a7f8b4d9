//! What an object says.

use serde::Serialize;
use wasm_bindgen::JsValue;

/// What an object says: a text, or a status (RFC 9110 section 15).
pub(crate) enum ObjectAnswer {
    /// The reply.
    Text(String),
    /// It cannot serve: 500.
    Failed,
    /// The message could not be read: 400. It may be one of a newer version, and
    /// what is wrong with it is not said: that might quote what it carries.
    Unread,
}

impl ObjectAnswer {
    pub(crate) fn reply(reply: &impl Serialize) -> Self {
        serde_json::to_string(reply).map_or(Self::Failed, Self::Text)
    }
}

impl From<ObjectAnswer> for JsValue {
    fn from(answer: ObjectAnswer) -> Self {
        match answer {
            ObjectAnswer::Text(text) => text.into(),
            ObjectAnswer::Failed => 500.into(),
            ObjectAnswer::Unread => 400.into(),
        }
    }
}
