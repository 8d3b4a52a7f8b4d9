//! Whether the secret of a presented key is the right one: the first thing that is
//! settled wherever a stranger could otherwise make an object work.
//!
//! Any record will do, however old, since a digest never changes: the view's, what
//! an earlier look-up found, Workers KV, and at last one read at the registry, which
//! sheds it first where it has too much to do. There is one look-up at a time for a
//! key id, and its outcome is remembered: what strangers can cause is bounded by
//! the genuine ids that they know, not by how often they ask.

use std::hash::Hash;
use std::time::Duration;

use worker::Delay;

use crate::edge::authorize;
use crate::edge::memory::{self, Memory};
use crate::http::{Code, Problem};
use crate::key::{KeyDigest, KeyId, KeyRecord, PresentedKey, Subject};
use crate::keyed_semaphore::KeyedSemaphore;
use crate::registry::message::RequiredRevisions;
use crate::runtime::host;
use crate::runtime::isolate::Edge;
use crate::runtime::registry::{self, Lane};
use crate::verify::secret_is_wrong;

/// How often one that waits its turn looks again, in milliseconds.
const LOOK_EVERY: u64 = 10;
/// How long it waits for that, in milliseconds: longer than a look-up takes.
const PATIENCE: u64 = 4_000;

/// Whether the secret is that of the key with this id; `false` where there is no
/// such key.
///
/// # Errors
/// 503 where that cannot be found out, or where too many wait for it.
pub(crate) async fn proves(edge: &Edge, presented: &PresentedKey) -> Result<bool, Problem> {
    let id = *presented.id();
    let Some(digest) = edge.settings.keyring.digest(presented) else {
        return Ok(false);
    };
    let known = || known(edge, &id, &digest);
    if let Some(known) = known() {
        return Ok(known);
    }
    let work = async {
        // To its end, even where whoever asked goes away: those who wait count on it.
        edge.outlive(look_up(edge.clone(), id)).await;
        known().ok_or_else(|| Code::RegistryUnavailable.into())
    };
    in_turn(
        edge,
        |memory| &mut memory.secrets(id.environment).look_ups,
        id.public,
        known,
        work,
    )
    .await
}

fn known(edge: &Edge, id: &KeyId, digest: &KeyDigest) -> Option<bool> {
    memory::with(edge.settings.at_most, |memory| {
        match memory.record_at_hand(&id.public) {
            Some(record) => Some(!secret_is_wrong(digest, &record)),
            None => {
                let secrets = memory.secrets(id.environment);
                secrets.proves(&id.public, digest, host::now().0)
            }
        }
    })
}

async fn look_up(edge: Edge, id: KeyId) {
    let found = match authorize::read_kv::<KeyRecord>(&edge, Subject::from(id.public)).await {
        Some(record) => Some(record.digest),
        None => {
            match registry::read(&edge.env, &id, RequiredRevisions::default(), Lane::Edges).await {
                Some(read) => read.records.key.map(|key| key.digest),
                // Unanswered: nothing is learnt.
                None => return,
            }
        }
    };
    memory::with(edge.settings.at_most, |memory| {
        let secrets = memory.secrets(id.environment);
        secrets.learn(id.public, found, host::now().0);
    });
}

/// Does `work` for a key when it is its turn, unless `settled` tells its outcome
/// before that.
///
/// # Errors
/// 503 where too many wait, or where it waits too long.
pub(crate) async fn in_turn<K, T>(
    edge: &Edge,
    semaphore: impl for<'m> Fn(&'m mut Memory) -> &'m mut KeyedSemaphore<K>,
    key: K,
    settled: impl Fn() -> Option<T>,
    work: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Problem>
where
    K: Copy + Eq + Hash,
{
    let at_most = edge.settings.at_most;
    let unavailable = || Problem::from(Code::RegistryUnavailable);
    let enter = |memory: &mut Memory| semaphore(memory).enter(key, host::now().0);
    let permit = memory::with(at_most, enter).ok_or_else(unavailable)?;
    let give_up = host::now().plus(PATIENCE);
    let outcome = loop {
        if let Some(settled) = settled() {
            break Ok(settled);
        }
        let may_go = |memory: &mut Memory| semaphore(memory).may_go(&permit, host::now().0);
        if memory::with(at_most, may_go) {
            break work.await;
        }
        if host::now() >= give_up {
            break Err(unavailable());
        }
        Delay::from(Duration::from_millis(LOOK_EVERY)).await;
    };
    memory::with(at_most, |memory| semaphore(memory).leave(permit));
    outcome
}
