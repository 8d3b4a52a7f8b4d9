//! A Workers KV that each edge sees in its own way: late, with cached values
//! and misses, refusing, corrupted, or frozen for good.

use crate::{config, server::Server};
use anyhow::{Result, anyhow};
use axum::{
    body::Body,
    extract::Request,
    http::{HeaderValue, Method, StatusCode},
    response::Response,
};
use percent_encoding::percent_decode_str;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

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
                serve(&store, request)
                    .await
                    .unwrap_or_else(|error| status(StatusCode::BAD_REQUEST, error.to_string()))
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
    let (_, value) = history.iter().rev().find(|(at, _)| *at <= horizon)?;
    let value = value.as_ref()?;
    let expired = value.expires.is_some_and(|expires| expires <= now);
    (!expired).then(|| value.clone())
}

/// What workerd asks of the service behind a KV binding:
///
/// | request | is |
/// |---|---|
/// | `GET /<name>?urlencoded=true[&cache_ttl=]` | a read; 404 is a miss |
/// | `PUT /<name>?urlencoded=true[&expiration_ttl=]` | a write |
/// | `DELETE /<name>?urlencoded=true` | a deletion |
/// | `GET /?prefix=&key_count_limit=&cursor=` | a list |
/// | `POST /bulk/get` `{"keys": […]}` | a read of many values, no metadata: an object by name |
///
/// Metadata travel in the header `CF-KV-Metadata`.
async fn serve(store: &Mutex<Store>, request: Request) -> Result<Response> {
    let view = request
        .headers()
        .get(config::VIEW)
        .and_then(|name| name.to_str().ok())
        .ok_or_else(|| anyhow!("no view is named"))?
        .to_owned();
    let (delay, refuses) = {
        let mut store = lock(store);
        let view = store.view(&view);
        (view.delay, view.refuses)
    };
    tokio::time::sleep(delay).await;
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 32 << 20).await?;
    let name = percent_decode_str(parts.uri.path().trim_start_matches('/'))
        .decode_utf8()?
        .into_owned();
    let mut store = lock(store);
    if refuses {
        // The attempt counts: tests ask whether KV was bothered.
        store.view(&view).counts.reads += u64::from(parts.method == Method::GET);
        return Ok(status(
            StatusCode::INTERNAL_SERVER_ERROR,
            "refused by the rig",
        ));
    }
    Ok(match parts.method {
        Method::GET if name.is_empty() => {
            let prefix = parameter(parts.uri.query(), "prefix");
            let keys: Vec<_> = store
                .list(&view, &prefix)
                .into_iter()
                .map(|name| serde_json::json!({ "name": name }))
                .collect();
            json(&serde_json::json!({ "keys": keys, "list_complete": true }))
        }
        Method::GET => match store.read(&view, &name) {
            Some(value) => {
                let mut response = Response::new(Body::from(value.bytes));
                if let Some(metadata) = value.metadata {
                    response.headers_mut().insert(METADATA, metadata);
                }
                response
            }
            None => status(StatusCode::NOT_FOUND, "no such name"),
        },
        Method::POST if name == "bulk/get" => {
            let wanted: BulkRead = serde_json::from_slice(&body)?;
            let mut found = serde_json::Map::new();
            for name in wanted.keys {
                let value = store
                    .read(&view, &name)
                    .map(|value| String::from_utf8_lossy(&value.bytes).into_owned());
                found.insert(name, value.into());
            }
            json(&found.into())
        }
        Method::PUT => {
            let value = Value {
                bytes: body.to_vec(),
                metadata: parts.headers.get(METADATA).cloned(),
                expires: parameter(parts.uri.query(), "expiration_ttl")
                    .parse()
                    .ok()
                    .map(|seconds| Instant::now() + Duration::from_secs(seconds)),
            };
            if name.len() > NAME_LIMIT || value.bytes.len() > VALUE_LIMIT {
                return Ok(status(StatusCode::PAYLOAD_TOO_LARGE, "beyond KV's limits"));
            }
            status(store.write(&view, &name, Some(value)), "")
        }
        Method::DELETE => status(store.write(&view, &name, None), ""),
        other => status(
            StatusCode::METHOD_NOT_ALLOWED,
            format!("{other} is not KV's"),
        ),
    })
}

const METADATA: &str = "cf-kv-metadata";

// KV's own limits: a second between two writes of a name, else 429; 512 bytes
// of name, 25 MiB of value. workerd checks the others before it asks.
const WRITE_INTERVAL: Duration = Duration::from_secs(1);
const NAME_LIMIT: usize = 512;
const VALUE_LIMIT: usize = 25 << 20;

#[derive(serde::Deserialize)]
struct BulkRead {
    keys: Vec<String>,
}

fn parameter(query: Option<&str>, name: &str) -> String {
    query
        .unwrap_or_default()
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(found, _)| *found == name)
        .map(|(_, value)| percent_decode_str(value).decode_utf8_lossy().into_owned())
        .unwrap_or_default()
}

fn json(value: &serde_json::Value) -> Response {
    Response::new(Body::from(value.to_string()))
}

fn status(status: StatusCode, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response
}

fn lock(store: &Mutex<Store>) -> MutexGuard<'_, Store> {
    store.lock().unwrap_or_else(PoisonError::into_inner)
}
