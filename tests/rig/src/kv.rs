//! A Workers KV that each edge sees in its own way: late, with cached values
//! and misses, refusing, corrupted, never updated, or frozen for good.

mod protocol;

use crate::{config, server::Server};
use anyhow::Result;
use axum::http::{HeaderValue, StatusCode};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// KV's own limit: a name written again sooner is answered 429.
const WRITE_INTERVAL: Duration = Duration::from_secs(1);

/// The namespace `KEYS` of a rig.
pub struct Kv {
    store: Arc<Mutex<Store>>,
    server: Server,
}

/// How one service sees the namespace, and what it did there.
pub struct KvView<'a> {
    kv: &'a Kv,
    name: String,
}

/// The operations that a service asked of its KV since the rig began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KvCounts {
    /// Values asked for; each name of a bulk read counts.
    pub reads: u64,
    /// Values written.
    pub writes: u64,
    /// Names deleted.
    pub deletes: u64,
    /// Lists asked for.
    pub lists: u64,
}

#[derive(Clone)]
struct Value {
    bytes: Vec<u8>,
    metadata: Option<HeaderValue>,
    expires: Option<Instant>,
}

/// What was written under a name, and when. `None` is a deletion.
type History = Vec<(Instant, Option<Value>)>;

#[derive(Default)]
struct Store {
    names: BTreeMap<String, History>,
    views: HashMap<String, View>,
}

#[derive(Default)]
struct View {
    lag: Duration,
    delay: Duration,
    cache: Duration,
    cached: HashMap<String, (Instant, Option<Value>)>,
    frozen: Option<Instant>,
    never_updates: bool,
    loses_writes: bool,
    refuses: bool,
    corrupts: bool,
    counts: KvCounts,
}

impl Kv {
    pub(crate) fn start() -> Result<Self> {
        let store = Arc::new(Mutex::new(Store::default()));
        let shared = Arc::clone(&store);
        let server = Server::start(move |request| {
            let store = Arc::clone(&shared);
            async move {
                protocol::serve(&store, request)
                    .await
                    .unwrap_or_else(|error| {
                        protocol::status(StatusCode::BAD_REQUEST, error.to_string())
                    })
            }
        })?;
        Ok(Self { store, server })
    }

    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.server.address()
    }

    /// The view of one edge.
    #[must_use]
    pub fn edge(&self, index: usize) -> KvView<'_> {
        KvView {
            kv: self,
            name: config::edge(index),
        }
    }

    /// The view of the Durable Objects.
    #[must_use]
    pub fn objects(&self) -> KvView<'_> {
        KvView {
            kv: self,
            name: config::OBJECTS.to_owned(),
        }
    }

    /// What was written last under `name`, whoever can see it.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<Vec<u8>> {
        let store = lock(&self.store);
        let (_, value) = store.names.get(name)?.last()?;
        Some(value.as_ref()?.bytes.clone())
    }

    /// All names that hold a value.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let store = lock(&self.store);
        store
            .names
            .iter()
            .filter(|(_, history)| matches!(history.last(), Some((_, Some(_)))))
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// Writes from outside, as an attacker or an operator might.
    ///
    /// The limit of one write a second for each name holds for services alone.
    pub fn put(&self, name: &str, value: &[u8]) {
        let value = Value {
            bytes: value.to_vec(),
            metadata: None,
            expires: None,
        };
        lock(&self.store).record(name, Some(value));
    }

    /// Deletes from outside.
    pub fn delete(&self, name: &str) {
        lock(&self.store).record(name, None);
    }
}

impl KvView<'_> {
    /// A write becomes visible in this view after `lag`.
    pub fn lag(&self, lag: Duration) {
        self.change(|view| view.lag = lag);
    }

    /// Every answer takes `delay` longer.
    pub fn delay(&self, delay: Duration) {
        self.change(|view| view.delay = delay);
    }

    /// What was read, a miss too, is answered again for `time` (of the true KV:
    /// 60 seconds). Zero ends it and forgets what was read.
    pub fn cache(&self, time: Duration) {
        self.change(|view| {
            view.cache = time;
            view.cached.clear();
        });
    }

    /// This view shows for good what it shows now.
    pub fn freeze(&self) {
        self.change(|view| view.frozen = Some(Instant::now()));
    }

    /// Ends [`freeze`](Self::freeze).
    pub fn thaw(&self) {
        self.change(|view| view.frozen = None);
    }

    /// A name shows for good what was written there first, however often it is
    /// written again.
    pub fn never_update(&self, on: bool) {
        self.change(|view| view.never_updates = on);
    }

    /// Writes and deletions of this service are acknowledged and lost.
    pub fn lose_writes(&self, on: bool) {
        self.change(|view| view.loses_writes = on);
    }

    /// Every operation of this service is answered 500.
    pub fn refuse(&self, on: bool) {
        self.change(|view| view.refuses = on);
    }

    /// One bit of every value that this service reads is wrong.
    pub fn corrupt(&self, on: bool) {
        self.change(|view| view.corrupts = on);
    }

    /// What this service asked of its KV.
    #[must_use]
    pub fn counts(&self) -> KvCounts {
        self.change(|view| view.counts)
    }

    fn change<T>(&self, change: impl FnOnce(&mut View) -> T) -> T {
        change(lock(&self.kv.store).view(&self.name))
    }
}

impl Store {
    fn view(&mut self, name: &str) -> &mut View {
        self.views.entry(name.to_owned()).or_default()
    }

    fn record(&mut self, name: &str, value: Option<Value>) {
        self.names
            .entry(name.to_owned())
            .or_default()
            .push((Instant::now(), value));
    }

    fn write(&mut self, view: &str, name: &str, value: Option<Value>) -> StatusCode {
        let last = self.names.get(name).and_then(|history| history.last());
        let too_soon = last.is_some_and(|(at, _)| at.elapsed() < WRITE_INTERVAL);
        let view = self.view(view);
        match value {
            Some(_) => view.counts.writes += 1,
            None => view.counts.deletes += 1,
        }
        if too_soon {
            return StatusCode::TOO_MANY_REQUESTS;
        }
        if !view.loses_writes {
            self.record(name, value);
        }
        StatusCode::OK
    }

    fn read(&mut self, view: &str, name: &str) -> Option<Value> {
        let now = Instant::now();
        let view = self.views.entry(view.to_owned()).or_default();
        view.counts.reads += 1;
        let value = match view.cached.get(name) {
            Some((until, value)) if *until > now => value.clone(),
            _ => {
                let seen = self
                    .names
                    .get(name)
                    .and_then(|history| visible(view, history, now));
                if !view.cache.is_zero() {
                    let entry = (now + view.cache, seen.clone());
                    view.cached.insert(name.to_owned(), entry);
                }
                seen
            }
        };
        let mut value = value?;
        if view.corrupts {
            match value.bytes.last_mut() {
                Some(byte) => *byte ^= 1,
                None => value.bytes.push(0),
            }
        }
        Some(value)
    }

    fn list(&mut self, view: &str, prefix: &str) -> Vec<String> {
        let now = Instant::now();
        let view = self.views.entry(view.to_owned()).or_default();
        view.counts.lists += 1;
        self.names
            .range(prefix.to_owned()..)
            .take_while(|(name, _)| name.starts_with(prefix))
            .filter(|(_, history)| visible(view, history, now).is_some())
            .map(|(name, _)| name.clone())
            .collect()
    }
}

/// The last value written before the view's horizon.
fn visible(view: &View, history: &History, now: Instant) -> Option<Value> {
    let lag = now.checked_sub(view.lag)?;
    let horizon = view.frozen.map_or(lag, |frozen| frozen.min(lag));
    let mut shown = history.iter().filter(|(at, _)| *at <= horizon);
    let (_, value) = if view.never_updates {
        shown.next()?
    } else {
        shown.next_back()?
    };
    let value = value.as_ref()?;
    let expired = value.expires.is_some_and(|expires| expires <= now);
    (!expired).then(|| value.clone())
}

fn lock(store: &Mutex<Store>) -> MutexGuard<'_, Store> {
    store.lock().unwrap_or_else(PoisonError::into_inner)
}
