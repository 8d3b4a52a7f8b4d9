//! Waking whoever waits inside an object: its requests share one context, so that one
//! may wake another. Between the requests of a Worker that does not work. (A library's
//! would do; this one takes 2 kB less of the module.)

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::pin;
use std::task::{Poll, Waker};
use std::time::Duration;

use worker::Delay;

use crate::freshness::Millis;
use crate::runtime::host;

/// How many are woken in one go.
const AT_ONCE: usize = 32;

/// Something that is waited for.
#[derive(Default)]
pub(super) struct Notify {
    last: Cell<u64>,
    /// The first to wait first, each under a number of its own.
    waiting: RefCell<Vec<(u64, Waker)>>,
}

impl Notify {
    /// Wakes all that wait.
    pub(super) fn notify_waiters(&self) {
        self.wake(usize::MAX);
    }

    /// Wakes all that wait, some at a time. An object's clock stands still while it
    /// computes: what arrives meanwhile would be dated back, and by more than a lease
    /// allows for.
    pub(super) async fn notify_by_turns(&self) {
        let mut left = self.waiting.borrow().len();
        while left > 0 {
            self.wake(left.min(AT_ONCE));
            left = left.saturating_sub(AT_ONCE);
            host::sleep(0).await;
        }
    }

    /// Goes on when it is notified, after so long at the latest.
    pub(super) async fn within(&self, most: Millis) {
        let number = self.last.get() + 1;
        self.last.set(number);
        let mut late = pin!(Delay::from(Duration::from_millis(most.0)));
        let mut has_begun = false;
        poll_fn(|context| {
            let mut waiting = self.waiting.borrow_mut();
            let place = waiting.iter().position(|(other, _)| *other == number);
            let is_over = match (place, has_begun) {
                (None, true) => true,
                _ => late.as_mut().poll(context).is_ready(),
            };
            has_begun = true;
            match (is_over, place) {
                (true, Some(place)) => drop(waiting.remove(place)),
                (true, None) => {}
                (false, Some(_)) => return Poll::Pending,
                (false, None) => {
                    waiting.push((number, context.waker().clone()));
                    return Poll::Pending;
                }
            }
            Poll::Ready(())
        })
        .await;
    }

    fn wake(&self, most: usize) {
        let mut waiting = self.waiting.borrow_mut();
        let most = most.min(waiting.len());
        let woken: Vec<_> = waiting.drain(..most).collect();
        drop(waiting);
        for (_, waker) in woken {
            waker.wake();
        }
    }
}
