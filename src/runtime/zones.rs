//! Time zones, as the runtime's copy of the IANA database has them.

use wasm_bindgen::prelude::*;

use crate::limits::window::Zones;

#[wasm_bindgen(raw_module = "./zones.js")]
extern "C" {
    /// How far a zone's clocks are ahead of UTC, in milliseconds.
    fn offset(zone: &str, at: f64) -> Option<f64>;
}

/// The runtime's copy of the IANA time zone database.
pub(crate) struct Iana;

impl Zones for Iana {
    fn offset(&self, zone: &str, at: u64) -> Option<i64> {
        #[allow(clippy::cast_possible_truncation, reason = "whole and within a day")]
        offset(zone, at as f64).map(|ahead| ahead as i64)
    }
}

/// Whether there is such a zone.
pub(crate) fn is_known(zone: &str) -> bool {
    Iana.offset(zone, 0).is_some()
}
