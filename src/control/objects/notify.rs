//! Waking whoever waits inside an object: its requests share one context, so that one
//! may wake another. Between the requests of a Worker that does not work.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::select;
use tokio::sync::Notify;
use worker::Delay;

use crate::freshness::Millis;

/// Goes on when it is notified, after so long at the latest.
pub(super) async fn within(notify: &Notify, most: Millis) {
    let late = Delay::from(Duration::from_millis(most.0));
    select(pin!(notify.notified()), pin!(late)).await;
}
