//! Questions to Durable Objects: JSON in, JSON out.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::freshness::failover::RelayName;
use crate::http::{Code, Problem};
use crate::json;
use crate::runtime::bindings as js;
use crate::settings::bindings;

/// Why an object gave no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unanswered {
    /// It is not bound: a fault of the configuration.
    Unbound,
    /// It has more to do than it can; asking again would add to that.
    Overloaded,
    /// It could not be reached, or its answer could not be read.
    Unreachable,
}

impl From<Unanswered> for Problem {
    fn from(_: Unanswered) -> Self {
        Code::RegistryUnavailable.into()
    }
}

/// Which object is asked, and how.
pub(crate) struct Address<'a> {
    class: &'a str,
    name: &'a str,
    location_hint: Option<&'a str>,
    sheddable: bool,
    deadline: Option<Duration>,
}

impl<'a> Address<'a> {
    /// An object of the class that is bound under this name.
    pub(crate) const fn of(class: &'a str, name: &'a str) -> Self {
        Self {
            class,
            name,
            location_hint: None,
            sheddable: false,
            deadline: None,
        }
    }

    /// A relay, which is made where it is to stand. `name` is its text.
    pub(crate) const fn of_relay(relay: RelayName, name: &'a str) -> Self {
        Self {
            location_hint: Some(relay.region.hint()),
            ..Self::of(bindings::RELAY, name)
        }
    }

    /// The one change log. Sharding would go here: a log per group of organization
    /// tags, each with its own leases.
    pub(crate) const fn of_change_log() -> Self {
        Self::of(bindings::CHANGE_LOG, "log")
    }

    /// Whether this may be refused first where the object has too much to do.
    pub(crate) const fn sheddable(self, sheddable: bool) -> Self {
        Self { sheddable, ..self }
    }

    /// How long it may take.
    pub(crate) const fn within(self, deadline: Duration) -> Self {
        Self {
            deadline: Some(deadline),
            ..self
        }
    }
}

/// Asks an object once, and once more where the runtime says that the first
/// question never reached it (`retryable`). Every message may be repeated: changes
/// carry their precondition, counts their batch id.
pub(crate) async fn ask<R: DeserializeOwned>(
    env: &JsValue,
    to: Address<'_>,
    message: &impl Serialize,
) -> Result<R, Unanswered> {
    let namespace = js::binding(env, to.class).ok_or(Unanswered::Unbound)?;
    let message = serde_json::to_string(message).map_err(|_| Unanswered::Unreachable)?;
    let deadline = to.deadline.map(|deadline| deadline.as_millis() as f64);
    let asked = js::ask(
        &namespace,
        to.name,
        to.location_hint,
        to.sheddable,
        &message,
        deadline,
    );
    let said = JsFuture::from(asked)
        .await
        .map_err(|_| Unanswered::Unreachable)?;
    match said.as_string() {
        Some(text) => json::from_str(&text).map_err(|_| Unanswered::Unreachable),
        None if said == OVERLOADED => Err(Unanswered::Overloaded),
        None => Err(Unanswered::Unreachable),
    }
}

/// What the shim answers for an object that has no place left (RFC 9110 section
/// 15.6.4).
const OVERLOADED: f64 = 503.0;
