//! The inputs from outside: the clock, its timer, and the source of randomness.

use wasm_bindgen_futures::JsFuture;

use crate::freshness::Reading;
use crate::freshness::holding::HolderId;
use crate::random::Randomness;
use crate::runtime::bindings;
use crate::time::Timestamp;

/// The machine's clock. It moves only with I/O, so it is an input of a request,
/// never a stopwatch.
pub(crate) fn now() -> Timestamp {
    Timestamp(js_sys::Date::now() as u64)
}

/// The same clock for the freshness protocol, which only ever subtracts.
pub(crate) fn reading<C>() -> Reading<C> {
    Reading::at(now().0)
}

/// Goes on after so many milliseconds.
pub(crate) async fn sleep(milliseconds: u64) {
    // It never rejects.
    let _ = JsFuture::from(bindings::sleep(milliseconds as f64)).await;
}

/// `crypto.getRandomValues`.
pub(crate) struct Crypto;

impl Randomness for Crypto {
    fn fill(&mut self, bytes: &mut [u8]) {
        if getrandom::fill(bytes).is_err() {
            // Never go on with bytes that are not random. The trap ends this
            // request; the shim makes a new instance.
            wasm_bindgen::throw_str("no randomness");
        }
    }
}

/// A new life of a view or a relay.
pub(crate) fn holder() -> HolderId {
    let mut bytes = [0; 12];
    Crypto.fill(&mut bytes);
    HolderId::from_random(bytes)
}
