//! The API behind the gateway, and all other hosts: records what reaches it, and
//! answers as told.

use crate::server::Server;
use anyhow::Result;
use axum::{
    body::{Body as HttpBody, Bytes},
    extract::Request,
    http::StatusCode,
    response::Response,
};
use std::{
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;
use tokio_stream::StreamExt as _;

/// A request that reached the upstream.
#[derive(Debug, Clone)]
pub struct Received {
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names in lower case, with their values, in the order they came
    /// (repeated names stand together).
    pub headers: Vec<(String, String)>,
    /// The body's length in bytes.
    pub body_length: u64,
}

impl Received {
    /// All values of the header `name` (in lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Vec<&str> {
        self.headers
            .iter()
            .filter(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
            .collect()
    }
}

/// What the upstream answers.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// Headers, in this order.
    pub headers: Vec<(String, String)>,
    /// Holds the head of the answer back until it is open.
    pub head: Gate,
    /// The body.
    pub body: Body,
}

/// The body of a [`Reply`].
#[derive(Debug, Clone)]
pub enum Body {
    /// Sent at once.
    Whole(Vec<u8>),
    /// Sent piece by piece, each once its gate is open.
    Pieces(Vec<(Gate, Vec<u8>)>),
}

/// What something of an answer waits at until the test opens it. Copies open
/// together.
#[derive(Debug, Clone)]
pub struct Gate(watch::Sender<bool>);

impl Gate {
    /// Nothing passes yet.
    #[must_use]
    pub fn shut() -> Self {
        Self(watch::Sender::new(false))
    }

    /// Nothing waits here.
    #[must_use]
    pub fn open() -> Self {
        Self(watch::Sender::new(true))
    }

    /// Lets pass whatever waits here, and all that comes.
    pub fn opens(&self) {
        self.0.send_replace(true);
    }

    async fn pass(&self) {
        // Fails without a sender alone, which this is.
        let _ = self.0.subscribe().wait_for(|open| *open).await;
    }
}

impl Default for Reply {
    fn default() -> Self {
        Self {
            status: 200,
            headers: vec![("content-type".into(), "application/json".into())],
            head: Gate::open(),
            body: Body::Whole(br#"{"upstream":true}"#.to_vec()),
        }
    }
}

type Script = Box<dyn Fn(&Received) -> Reply + Send>;

struct State {
    received: Vec<Received>,
    script: Script,
}

/// The upstream of a rig.
pub struct Upstream {
    state: Arc<Mutex<State>>,
    server: Server,
}

impl Upstream {
    pub(crate) fn start() -> Result<Self> {
        let state = Arc::new(Mutex::new(State {
            received: Vec::new(),
            script: Box::new(|_| Reply::default()),
        }));
        let shared = Arc::clone(&state);
        let server = Server::start(move |request| {
            let state = Arc::clone(&shared);
            async move {
                serve(&state, request)
                    .await
                    .unwrap_or_else(|error| failed(&error))
            }
        })?;
        Ok(Self { state, server })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> std::net::SocketAddr {
        self.server.address()
    }

    /// Answers every request by `script`, from now on.
    pub fn answer(&self, script: impl Fn(&Received) -> Reply + Send + 'static) {
        lock(&self.state).script = Box::new(script);
    }

    /// What has come so far.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        lock(&self.state).received.clone()
    }

    /// What has come since this was last called.
    #[must_use]
    pub fn take(&self) -> Vec<Received> {
        std::mem::take(&mut lock(&self.state).received)
    }
}

async fn serve(state: &Mutex<State>, request: Request) -> Result<Response> {
    let (parts, body) = request.into_parts();
    let mut body = body.into_data_stream();
    let mut body_length = 0;
    while let Some(piece) = body.next().await {
        body_length += u64::try_from(piece?.len())?;
    }
    let received = Received {
        method: parts.method.to_string(),
        target: parts
            .uri
            .path_and_query()
            .map_or_else(String::new, ToString::to_string),
        headers: parts
            .headers
            .iter()
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (name.as_str().to_owned(), value)
            })
            .collect(),
        body_length,
    };
    let reply = {
        let mut state = lock(state);
        let reply = (state.script)(&received);
        state.received.push(received);
        reply
    };
    reply.head.pass().await;
    let mut response = Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    let body = match reply.body {
        Body::Whole(bytes) => HttpBody::from(bytes),
        Body::Pieces(pieces) => {
            HttpBody::from_stream(tokio_stream::iter(pieces).then(|(gate, piece)| async move {
                gate.pass().await;
                Ok::<_, Infallible>(Bytes::from(piece))
            }))
        }
    };
    Ok(response.body(body)?)
}

fn failed(error: &anyhow::Error) -> Response {
    let mut response = Response::new(HttpBody::from(format!("the rig's upstream: {error}")));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
