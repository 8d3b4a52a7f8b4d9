//! The facts of a request, read from the runtime as they are needed.

use js_sys::{Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use super::isolate::Edge;
use super::rim::Crypto;
use crate::freshness::failover::Region;
use crate::freshness::near::region_near;
use crate::http::{Code, Problem};
use crate::random;
use crate::verify::{BrowserSign, ClientAddress, browser_sign};

/// Longest body of an admin or OAuth request, in bytes.
const BODY_LIMIT: usize = 64 * 1024;

#[wasm_bindgen]
extern "C" {
    /// `request.cf`.
    pub(super) type Cf;

    #[wasm_bindgen(method, getter)]
    pub(super) fn continent(this: &Cf) -> Option<String>;

    #[wasm_bindgen(method, getter)]
    pub(super) fn country(this: &Cf) -> Option<String>;

    /// Degrees, as text.
    #[wasm_bindgen(method, getter)]
    pub(super) fn longitude(this: &Cf) -> Option<String>;
}

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
        let after = |from: usize, mark: &[char]| {
            url.get(from..)
                .and_then(|rest| rest.find(mark))
                .map(|at| from + at)
        };
        let path = after(authority, &['/', '?', '#']).unwrap_or(url.len());
        let query = after(path, &['?', '#']).unwrap_or(url.len());
        Self {
            method: request.method(),
            request,
            url,
            path,
            query,
        }
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
        self.url
            .get(self.query..)
            .and_then(|query| query.strip_prefix('?'))
            .unwrap_or_default()
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

    /// What shows that a browser sent it.
    pub(super) fn browser_sign(&self) -> Option<BrowserSign> {
        browser_sign(
            self.has("origin"),
            self.has("sec-fetch-site"),
            self.has("sec-fetch-dest"),
        )
    }

    /// Whose relays are near.
    pub(super) fn region(&self, edge: &Edge) -> Region {
        edge.settings.relay_region.unwrap_or_else(|| {
            let cf = self.cf();
            let continent = cf.as_ref().and_then(Cf::continent);
            let country = cf.as_ref().and_then(Cf::country);
            let longitude = cf
                .as_ref()
                .and_then(Cf::longitude)
                .and_then(|degrees| degrees.parse().ok());
            region_near(continent.as_deref(), country.as_deref(), longitude)
        })
    }

    /// Where the platform saw the request come in; nothing is told locally.
    fn cf(&self) -> Option<Cf> {
        Reflect::get(&self.request, &JsValue::from_str("cf"))
            .ok()
            .filter(JsValue::is_object)
            .map(JsCast::unchecked_into)
    }

    /// The client's address as the platform saw it.
    pub(super) fn client_address(&self) -> ClientAddress {
        ClientAddress::parse(self.header("cf-connecting-ip").as_deref())
    }

    /// The platform's ray id, else one of our own.
    pub(super) fn request_id(&self) -> String {
        self.header("cf-ray")
            .unwrap_or_else(|| random::hex_id(&mut Crypto))
    }

    /// The body, if it is JSON and of at most 64 KiB. Reading stops at the limit:
    /// what comes after is never held.
    pub(super) async fn json_body(&self) -> Result<Vec<u8>, Problem> {
        let media_type = self.header("content-type").unwrap_or_default();
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        let takes = ["application/json", "application/merge-patch+json"];
        if !takes
            .iter()
            .any(|known| essence.eq_ignore_ascii_case(known))
        {
            return Err(Code::UnsupportedMediaType.into());
        }
        self.body().await
    }

    /// The same where there need be none: without a body there is no media type.
    pub(super) async fn json_body_or_empty(&self) -> Result<Vec<u8>, Problem> {
        if self.request.body().is_none() {
            Ok(Vec::new())
        } else {
            self.json_body().await
        }
    }

    /// The body, of at most 64 KiB.
    pub(super) async fn body(&self) -> Result<Vec<u8>, Problem> {
        self.body_of_at_most(BODY_LIMIT).await
    }

    /// The body, of at most so many bytes.
    pub(super) async fn body_of_at_most(&self, limit: usize) -> Result<Vec<u8>, Problem> {
        let declared = self
            .header("content-length")
            .and_then(|length| length.parse::<usize>().ok());
        if declared.is_some_and(|length| length > limit) {
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
            if body.len() + bytes.length() as usize > limit {
                // The rest is left unread; the runtime closes the connection.
                let _ = reader.cancel();
                return Err(Code::BodyTooLarge.into());
            }
            body.extend(bytes.to_vec());
        }
    }
}
