//! Waking whoever waits inside an object: its requests share one context, so that one
//! may wake another. Between the requests of a Worker that does not work.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::select;
use tokio::sync::Notify;
use worker::Delay;

use crate::freshness::Millis;
use crate::runtime::host;

/// How many are woken in one go.
const AT_ONCE: usize = 32;

/// Wakes so many that wait, the first first, some at a time. An object's clock stands
/// still while it computes: what arrives meanwhile would be dated back, and by more than
/// a lease allows for.
pub(super) async fn wake(notify: &Notify, mut waiting: usize) {
    while waiting > 0 {
        let now = waiting.min(AT_ONCE);
        (0..now).for_each(|_| notify.notify_one());
        waiting -= now;
        host::sleep(0).await;
    }
}

/// Goes on when it is notified, after so long at the latest.
pub(super) async fn within(notify: &Notify, most: Millis) {
    let late = Delay::from(Duration::from_millis(most.0));
    select(pin!(notify.notified()), pin!(late)).await;
}
