//! Which settings weaken a guarantee.

use serde::Serialize;

use super::{Settings, bindings};
use crate::freshness::Millis;

impl Settings {
    /// Settings that weaken a guarantee, for the status. `serve_unproven` is how the
    /// edge that passed the request on has `ON_UNPROVEN`, which may be another Worker.
    #[must_use]
    pub fn weakened(&self, serve_unproven: Option<Millis>) -> Vec<Weakened> {
        let mut weakened = Vec::new();
        if self.control.bootstrap_token.is_some() {
            weakened.push(Weakened {
                setting: bindings::BOOTSTRAP_TOKEN,
                at_most_ms: None,
                text: "BOOTSTRAP_TOKEN is set: whoever holds an unused one can make an admin key. Take it away after use.".to_owned(),
            });
        }
        if self.control.registry.transfer {
            weakened.push(Weakened {
                setting: bindings::KEY_TRANSFER,
                at_most_ms: None,
                text: "Export and import of keys with their digests is switched on.".to_owned(),
            });
        }
        if self.serve_unmetered {
            weakened.push(Weakened {
                setting: bindings::ON_UNMETERED,
                at_most_ms: None,
                text: "ON_UNMETERED is serve: while a meter cannot be reached, clients are let in whatever their limits.".to_owned(),
            });
        }
        if let Some(most) = serve_unproven {
            weakened.push(Weakened {
                setting: bindings::ON_UNPROVEN,
                at_most_ms: Some(most),
                text: format!("ON_UNPROVEN is serve: an edge that cannot prove freshness lets clients in on what it last knew, up to {} ms old. A revoked key may be accepted there for that long after its revocation was enforced.", most.0),
            });
        }
        weakened
    }
}

/// A setting that weakens a guarantee.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Weakened {
    /// Its name.
    pub setting: &'static str,
    /// How old what is served may be, where that is what it allows.
    pub at_most_ms: Option<Millis>,
    /// What it allows, in plain English.
    pub text: String,
}
