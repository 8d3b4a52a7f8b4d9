//! The facts of a request, read from the runtime as they are needed.

use js_sys::{Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;


use super::rim::Crypto;
use crate::http::{Code, Problem};
use crate::random;
use crate::verify::ClientAddress;

/// Longest body of an admin or OAuth request, in bytes.
const BODY_LIMIT: usize = 64 * 1024;

/// One request.
pub(super) struct Incoming {
    pub(super) request: web_sys::Request,
    pub(super) method: String,
    url: String,
    /// Where the path begins in `url`.
    path: usize,
    /// Where the query begins in `url`, at its `?`; the end where there is none.
    query: usize,
}

impl Incoming {
    pub(super) fn of(request: web_sys::Request) -> Self {
        let url = request.url();
        let authority = url.find("://").map_or(0, |at| at + 3);
        let after = |from: usize, mark: &[char]| url.get(from..).and_then(|rest| rest.find(mark)).map(|at| from + at);
        let path = after(authority, &['/', '?', '#']).unwrap_or(url.len());
        let query = after(path, &['?', '#']).unwrap_or(url.len());
        Self { method: request.method(), request, url, path, query }
    }

    /// `https://keys.example`, without a slash.
    pub(super) fn origin(&self) -> &str {
        self.url.get(..self.path).unwrap_or_default()
    }

    /// As it came, still encoded.
    pub(super) fn path(&self) -> &str {
        self.url.get(self.path..self.query).unwrap_or_default()
    }

    /// Without its `?`, still encoded.
    pub(super) fn query(&self) -> &str {
        self.url.get(self.query..).and_then(|query| query.strip_prefix('?')).unwrap_or_default()
    }

    /// Path and query, as they came.
    pub(super) fn target(&self) -> &str {
        self.url.get(self.path..).unwrap_or_default()
    }

    /// A header's value; several of one name joined by `, `.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        self.request.headers().get(name).ok().flatten()
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.request.headers().has(name).unwrap_or(false)
    }

    /// The client's address as the platform saw it.
    pub(super) fn client_address(&self) -> ClientAddress {
        ClientAddress::parse(self.header("cf-connecting-ip").as_deref())
    }

    /// The platform's ray id, else one of our own.
    pub(super) fn request_id(&self) -> String {
        self.header("cf-ray").unwrap_or_else(|| random::hex_id(&mut Crypto))
    }

    /// The body, if it is JSON and of at most 64 KiB. Reading stops at the limit:
    /// what comes after is never held.
    pub(super) async fn json_body(&self) -> Result<Vec<u8>, Problem> {
        let media_type = self.header("content-type").unwrap_or_default();
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            return Err(Code::UnsupportedMediaType.into());
        }
        self.body().await
    }

    /// The body, of at most 64 KiB.
    pub(super) async fn body(&self) -> Result<Vec<u8>, Problem> {
        let declared = self.header("content-length").and_then(|length| length.parse::<usize>().ok());
        if declared.is_some_and(|length| length > BODY_LIMIT) {
            return Err(Code::BodyTooLarge.into());
        }
        let Some(stream) = self.request.body() else {
            return Ok(Vec::new());
        };
        let reader: web_sys::ReadableStreamDefaultReader = stream.get_reader().unchecked_into();
        let mut body = Vec::new();
        let broken = |_| Problem::invalid("", "The body broke off.");
        loop {
            let chunk = JsFuture::from(reader.read()).await.map_err(broken)?;
            let value = Reflect::get(&chunk, &JsValue::from_str("value")).map_err(broken)?;
            if value.is_undefined() {
                return Ok(body);
            }
            let bytes: Uint8Array = value.unchecked_into();
            if body.len() + bytes.length() as usize > BODY_LIMIT {
                // The rest is left unread; the runtime closes the connection.
                let _ = reader.cancel();
                return Err(Code::BodyTooLarge.into());
            }
            body.extend(bytes.to_vec());
        }
    }
}
