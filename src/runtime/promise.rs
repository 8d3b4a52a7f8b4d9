//! From a future to a promise.

use std::pin::Pin;

use wasm_bindgen::JsValue;
use wasm_bindgen_futures::future_to_promise;

/// All futures have one type here: what drives them is compiled once, not once for
/// each of them.
type Work = Pin<Box<dyn Future<Output = Result<JsValue, JsValue>>>>;

/// A promise of what `work` comes to.
pub(crate) fn promise(work: impl Future<Output = Result<JsValue, JsValue>> + 'static) -> JsValue {
    let work: Work = Box::pin(work);
    future_to_promise(work).into()
}
