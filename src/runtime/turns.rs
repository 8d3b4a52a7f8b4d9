//! Waiting for one's turn at work that runs one at a time per key.

use std::cell::RefCell;
use std::hash::Hash;

use crate::http::{Code, Problem};
use crate::keyed_semaphore::KeyedSemaphore;
use crate::runtime::host;

/// How often one that waits its turn looks again, in milliseconds.
const LOOK_EVERY: u64 = 10;
/// How long it waits for that, in milliseconds: longer than a look-up takes.
const PATIENCE: u64 = 4_000;

/// Does `work` for a key when it is its turn, unless `settled` tells its outcome
/// before that.
///
/// # Errors
/// 503 where too many wait, or where it waits too long.
pub(crate) async fn in_turn<K, T>(
    semaphore: &RefCell<KeyedSemaphore<K>>,
    key: K,
    settled: impl Fn() -> Option<T>,
    work: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Problem>
where
    K: Copy + Eq + Hash,
{
    let unavailable = || Problem::from(Code::RegistryUnavailable);
    let permit = semaphore.borrow_mut().enter(key, host::now().0);
    let permit = permit.ok_or_else(unavailable)?;
    let give_up = host::now().plus(PATIENCE);
    let outcome = loop {
        if let Some(settled) = settled() {
            break Ok(settled);
        }
        if semaphore.borrow_mut().may_go(&permit, host::now().0) {
            break work.await;
        }
        if host::now() >= give_up {
            break Err(unavailable());
        }
        host::sleep(LOOK_EVERY).await;
    };
    semaphore.borrow_mut().leave(permit);
    outcome
}
