//! Counts of decisions for Analytics Engine, where a dataset is bound as
//! `METRICS`; without one, nothing is written. No key, no organization.
//!
//! Counts leave with the data plane's counts of use, and after each refusal of the
//! control plane. A data plane that only ever refused has nothing to flush, and its
//! counts go with it.

use std::cell::RefCell;
use std::collections::BTreeMap;

use js_sys::Array;
use wasm_bindgen::prelude::*;

use crate::http::Code;
use crate::runtime::bindings::{self, Dataset};
use crate::settings::bindings::METRICS;

thread_local! {
    static REFUSED: RefCell<BTreeMap<&'static str, u64>> = const { RefCell::new(BTreeMap::new()) };
}

/// Counts a refusal.
pub(crate) fn refused(code: Code) {
    REFUSED.with_borrow_mut(|refused| *refused.entry(code.as_str()).or_default() += 1);
}

/// Writes a point for each outcome since the last time: index and first blob the
/// outcome, second blob the version, first double the count.
pub(crate) fn write(env: &JsValue, allowed: u64) {
    let counts = REFUSED.take();
    let Some(dataset) = bindings::binding(env, METRICS) else {
        return;
    };
    let dataset: Dataset = dataset.unchecked_into();
    let allowed = (allowed > 0).then_some(("allowed", allowed));
    for (outcome, count) in counts.into_iter().chain(allowed) {
        let outcome = JsValue::from_str(outcome);
        let point = bindings::object(&[
            ("indexes", &Array::of1(&outcome)),
            (
                "blobs",
                &Array::of2(&outcome, &env!("CARGO_PKG_VERSION").into()),
            ),
            ("doubles", &Array::of1(&JsValue::from_f64(count as f64))),
        ]);
        // A point less, where the dataset takes none.
        let _ = dataset.write_data_point(&point);
    }
}
