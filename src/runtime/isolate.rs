//! What an isolate keeps between requests: plain data only, never a future or a
//! handle of the runtime, since those belong to the request that made them.

use std::cell::OnceCell;
use std::rc::Rc;

use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[cfg(feature = "control")]
use crate::registry::TimeZones;
use crate::runtime::bindings::{Context, binding, variable};
use crate::runtime::promise::promise;
#[cfg(feature = "control")]
use crate::runtime::zones;
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
    let raw = RawSettings::of(&|name| variable(env, name));
    #[cfg(feature = "control")]
    let raw = raw.with_time_zones(TimeZones(zones::is_known));
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
