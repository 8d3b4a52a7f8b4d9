//! Work that may take only so long.

use std::time::Duration;

use futures_util::future::{Either, select};
use worker::Delay;

/// What `work` comes to; `None` where it takes longer, and is dropped.
pub(crate) async fn within<T>(deadline: Duration, work: impl Future<Output = T>) -> Option<T> {
    let timer = std::pin::pin!(Delay::from(deadline));
    match select(std::pin::pin!(work), timer).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(_) => None,
    }
}
