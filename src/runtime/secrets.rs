//! Whether the secret of a presented key is the right one: the first thing that is
//! settled wherever a stranger could otherwise make an object work.
//!
//! Any record will do, however old, since a digest never changes: one at hand, what
//! an earlier look-up found, Workers KV, and finally one read from the registry, which
//! sheds that read first when it has too much to do. There is one look-up at a time for a
//! key id, and its outcome is remembered: what strangers can cause is bounded by
//! the genuine ids that they know, not by how often they ask.

use std::cell::RefCell;
use std::rc::Rc;

use crate::edge_call::RequiredRevisions;
use crate::http::{Code, Problem};
use crate::key::{Environment, KeyDigest, KeyId, KeyRecord, PresentedKey, PublicKeyId};
use crate::keyed_semaphore::KeyedSemaphore;
use crate::runtime::isolate::Edge;
use crate::runtime::registry::{self, Reader};
use crate::runtime::turns::in_turn;
use crate::runtime::{host, kv};
use crate::verify::{Secrets, look_ups};

/// What is known of the secrets of one kind of keys.
struct Known {
    secrets: RefCell<Secrets>,
    look_ups: Rc<RefCell<KeyedSemaphore<PublicKeyId>>>,
}

impl Known {
    fn new() -> Self {
        Self {
            secrets: RefCell::default(),
            look_ups: Rc::new(RefCell::new(look_ups())),
        }
    }
}

thread_local! {
    static CLIENTS: Known = Known::new();
    /// Apart: clients' ids are many, and well known.
    static ADMINISTRATORS: Known = Known::new();
}

fn known<T>(environment: Environment, work: impl FnOnce(&Known) -> T) -> T {
    match environment {
        Environment::Live | Environment::Test => CLIENTS.with(work),
        Environment::Admin => ADMINISTRATORS.with(work),
    }
}

/// Uses what is known of secrets of keys of this environment, without an await in
/// between.
pub(crate) fn with<T>(environment: Environment, work: impl FnOnce(&mut Secrets) -> T) -> T {
    known(environment, |known| work(&mut known.secrets.borrow_mut()))
}

/// Whether the secret is that of the key with this id; `false` where there is no
/// such key. `at_hand` gives the digest of a record that the caller holds anyway.
///
/// # Errors
/// 503 where that cannot be found out, or where too many wait for it.
pub(crate) async fn proves(
    edge: &Edge,
    presented: &PresentedKey,
    at_hand: impl Fn(&PublicKeyId) -> Option<KeyDigest>,
) -> Result<bool, Problem> {
    let id = *presented.id();
    let Some(digest) = edge.settings.keyring.digest(presented) else {
        return Ok(false);
    };
    let proves = || match at_hand(&id.public) {
        Some(right) => Some(right.matches(&digest)),
        None => with(id.environment, |secrets| {
            secrets.proves(&id.public, &digest, host::now().0)
        }),
    };
    if let Some(proves) = proves() {
        return Ok(proves);
    }
    let work = async {
        // To its end, even where whoever asked goes away: those who wait count on it.
        edge.outlive(look_up(edge.clone(), id)).await;
        proves().ok_or_else(|| Code::RegistryUnavailable.into())
    };
    let look_ups = known(id.environment, |known| Rc::clone(&known.look_ups));
    in_turn(&look_ups, id.public, proves, work).await
}

async fn look_up(edge: Edge, id: KeyId) {
    let found = match kv::begin(&edge, id.public.into())
        .record::<KeyRecord>(&edge)
        .await
    {
        Some(record) => Some(record.digest),
        None => {
            match registry::read(&edge.env, &id, RequiredRevisions::default(), Reader::Edge).await {
                Some(read) => read.records.key.map(|key| key.digest),
                // Unanswered: nothing is learnt.
                None => return,
            }
        }
    };
    with(id.environment, |secrets| {
        secrets.learn(id.public, found, host::now().0);
    });
}
