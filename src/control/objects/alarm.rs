//! The object's one alarm.

use wasm_bindgen::JsValue;
use worker::State;

use crate::time::Timestamp;

/// Sets the alarm, replacing an earlier one. Called without an await between it
/// and the writes it belongs to, so that both are committed together: a crash
/// after the commit finds the alarm set.
pub(super) fn set(state: &State, at: Timestamp) {
    let date = js_sys::Date::new(&JsValue::from_f64(at.0 as f64));
    let options = js_sys::Object::new();
    // The promise tells when the write is durable; the runtime holds back
    // whatever this object says until then (its output gate).
    let _ = state.storage().as_raw().set_alarm(date, options);
}
