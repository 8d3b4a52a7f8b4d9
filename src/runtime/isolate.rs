//! What an isolate keeps between requests: plain data only, never a future or a
//! handle of the runtime, since those belong to the request that made them.

use std::cell::OnceCell;
use std::rc::Rc;

use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[cfg(feature = "control")]
use crate::registry::TimeZones;
use crate::runtime::bindings::{Context, binding};
use crate::runtime::objects::variable;
use crate::runtime::promise::promise;
#[cfg(feature = "control")]
use crate::runtime::zones;
#[cfg(feature = "control")]
use crate::settings::RawControlSettings;
use crate::settings::{RawSettings, Settings, Upstream, bindings};

thread_local! {
    static SETTINGS: OnceCell<Option<Rc<Settings>>> = const { OnceCell::new() };
}

/// One request's view of its isolate: bindings, settings, and where work that
/// outlives the answer goes.
#[derive(Clone)]
pub(crate) struct Edge {
    pub(crate) env: JsValue,
    pub(crate) settings: Rc<Settings>,
    pub(crate) context: Rc<Context>,
}

/// The settings, read by the first request; `None` where they cannot be used,
/// which is in the log once.
pub(crate) fn settings(env: &JsValue) -> Option<Rc<Settings>> {
    SETTINGS.with(|settings| settings.get_or_init(|| read(env)).clone())
}

/// The settings, if they were read and can be used.
pub(crate) fn known() -> Option<Rc<Settings>> {
    SETTINGS.with(|settings| settings.get().cloned().flatten())
}

fn read(env: &JsValue) -> Option<Rc<Settings>> {
    let raw = RawSettings {
        root_keys: variable(env, bindings::ROOT_KEYS),
        brand: variable(env, bindings::BRAND),
        routes: variable(env, bindings::ROUTES),
        own_prefix: variable(env, bindings::OWN_PREFIX),
        at_most: variable(env, bindings::FRESHNESS_AT_MOST_MS),
        confirmations: variable(env, bindings::CONFIRMATIONS),
        on_unmetered: variable(env, bindings::ON_UNMETERED),
        on_unproven: variable(env, bindings::ON_UNPROVEN),
        unproven_at_most: variable(env, bindings::UNPROVEN_AT_MOST_MS),
        relay_replicas: variable(env, bindings::RELAY_REPLICAS),
        relay_region: variable(env, bindings::RELAY_REGION),
        log_sample_percent: variable(env, bindings::LOG_SAMPLE_PERCENT),
        upstream_timeout: variable(env, bindings::UPSTREAM_TIMEOUT_MS),
        forward_auth_secret: variable(env, bindings::FORWARD_AUTH_SECRET),
        forward_auth_test_keys: variable(env, bindings::FORWARD_AUTH_TEST_KEYS),
        assertion_secret: variable(env, bindings::ASSERTION_SECRET),
        #[cfg(feature = "control")]
        control: RawControlSettings {
            bootstrap_token: variable(env, bindings::BOOTSTRAP_TOKEN),
            key_transfer: variable(env, bindings::KEY_TRANSFER),
            client_scopes: variable(env, bindings::CLIENT_SCOPES),
            scopes: variable(env, bindings::SCOPES),
            retention_days: variable(env, bindings::RETENTION_DAYS),
            audit_retention_days: variable(env, bindings::AUDIT_RETENTION_DAYS),
            bound: variable(env, bindings::FRESHNESS_BOUND_MS),
            github_public_keys: variable(env, bindings::GITHUB_PUBLIC_KEYS),
            time_zones: TimeZones(zones::is_known),
        },
    };
    let upstream = |name: &str| {
        let of = |end: &str| [name, end].concat();
        Upstream::of(
            binding(env, name).is_some(),
            variable(env, &of(bindings::URL_OF)),
            binding(env, &of(bindings::TEST_OF)).is_some(),
        )
    };
    match Settings::read(raw, &upstream) {
        Ok(settings) => Some(Rc::new(settings)),
        Err(error) => {
            crate::runtime::log::misconfigured(&error);
            None
        }
    }
}

impl Edge {
    /// `None` where the settings cannot be used.
    pub(crate) fn of(env: JsValue, context: Context) -> Option<Self> {
        Some(Self {
            settings: settings(&env)?,
            env,
            context: Rc::new(context),
        })
    }

    /// Does `work` after the answer has gone out.
    pub(crate) fn after(&self, work: impl Future<Output = ()> + 'static) {
        let _ = self.promise(work);
    }

    /// Does `work` to its end, even where the client that waits for it goes away.
    pub(crate) async fn outlive(&self, work: impl Future<Output = ()> + 'static) {
        // It never rejects.
        let _ = JsFuture::from(self.promise(work)).await;
    }

    fn promise(&self, work: impl Future<Output = ()> + 'static) -> Promise {
        let promise = promise(async move {
            work.await;
            Ok(JsValue::UNDEFINED)
        });
        let promise: Promise = promise.unchecked_into();
        // Where the runtime takes no more work, it is simply not done.
        let _ = self.context.wait_until(&promise);
        promise
    }
}
