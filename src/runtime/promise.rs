//! From a future to a promise.

use std::pin::Pin;

use js_sys::{Function, Promise};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;

/// All futures have one type here: what drives them is compiled once, not once for
/// each of them.
type Work = Pin<Box<dyn Future<Output = Result<JsValue, JsValue>>>>;

/// A promise of what `work` comes to.
///
/// The work begins outside of the promise's executor: what is thrown within one becomes
/// the promise's rejection, and a trap there would be nobody's.
pub(crate) fn promise(work: impl Future<Output = Result<JsValue, JsValue>> + 'static) -> JsValue {
    let work: Work = Box::pin(work);
    let mut settle: Option<[Function; 2]> = None;
    let promise = Promise::new(&mut |resolve, reject| settle = Some([resolve, reject]));
    spawn_local(async move {
        let (place, value) = match work.await {
            Ok(value) => (0, value),
            Err(error) => (1, error),
        };
        if let Some(settle) = settle.as_ref().and_then(|both| both.get(place)) {
            let _ = settle.call1(&JsValue::UNDEFINED, &value);
        }
    });
    promise.into()
}
