//! A client for requests that are well formed. For others see [`exchange`](crate::exchange).

use crate::PATIENCE;
use anyhow::{Context, Result};
use serde_json::Value;
use std::{fmt, net::SocketAddr, time::Duration};

/// Speaks HTTP to one address. Follows no redirects, and takes any status for
/// an answer.
#[derive(Debug, Clone)]
pub struct Client {
    address: SocketAddr,
    agent: ureq::Agent,
}

impl Client {
    /// A client for the server at `address`.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self::with_patience(address, PATIENCE)
    }

    /// A client that waits for an answer no longer than `patience`.
    #[must_use]
    pub fn with_patience(address: SocketAddr, patience: Duration) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .allow_non_standard_methods(true)
            .user_agent("katalo-rig")
            .timeout_global(Some(patience))
            .build()
            .into();
        Self { address, agent }
    }

    /// The address that this client speaks to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends a GET request.
    ///
    /// # Errors
    ///
    /// When there is no answer.
    pub fn get(&self, path: &str) -> Result<Answer> {
        self.call("GET", path).send()
    }

    /// A request, to be completed and sent.
    pub fn call(&self, method: &str, path: &str) -> Call<'_> {
        Call {
            client: self,
            request: http::Request::builder()
                .method(method)
                .uri(format!("http://{}{path}", self.address)),
            body: None,
        }
    }
}

/// Whether a request failed because nobody answered it, as when the server was
/// killed meanwhile.
#[must_use]
pub fn is_cut_off(error: &anyhow::Error) -> bool {
    error.is::<ureq::Error>()
}

/// A request in the making.
#[must_use]
#[derive(Debug)]
pub struct Call<'a> {
    client: &'a Client,
    request: http::request::Builder,
    body: Option<Vec<u8>>,
}

impl Call<'_> {
    /// Adds a header, beside others of the same name.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    /// Presents a key.
    pub fn bearer(self, key: &str) -> Self {
        self.header("authorization", &format!("Bearer {key}"))
    }

    /// Sends JSON.
    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json")
            .body(body.to_string())
    }

    /// Sends these bytes.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sends the request and reads the whole answer.
    ///
    /// # Errors
    ///
    /// When there is no answer.
    pub fn send(self) -> Result<Answer> {
        let agent = &self.client.agent;
        let mut response = match self.body {
            Some(body) => agent.run(self.request.body(body)?),
            None => agent.run(self.request.body(())?),
        }?;
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (name.as_str().to_owned(), value)
            })
            .collect();
        Ok(Answer {
            status: response.status().as_u16(),
            headers,
            body: response
                .body_mut()
                .with_config()
                .limit(64 << 20)
                .read_to_vec()?,
        })
    }
}

/// An answer, with its whole body.
#[derive(Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Names in lower case, with their values, as they came.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl fmt::Debug for Answer {
    /// The body as text, and not all of a long one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("body", &self.text().chars().take(2_000).collect::<String>())
            .finish()
    }
}

impl Answer {
    /// The first header of that name (in lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    /// All headers of that name (in lower case).
    pub fn headers_of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as text; what is not UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Errors
    ///
    /// When it is not JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("not JSON: {self:?}"))
    }

    /// The `code` of a problem document, if this is one.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        if self.header("content-type") != Some("application/problem+json") {
            return None;
        }
        let code = self.json().ok()?.get("code")?.as_str()?.to_owned();
        Some(code)
    }
}
