//! The facts of a request, read from the runtime as they are needed.

use std::cell::OnceCell;

use js_sys::{JsString, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::freshness::failover::Region;
use crate::freshness::near::region_near;
use crate::http::{Code, Problem};
use crate::runtime::bindings;
use crate::runtime::isolate::Edge;
use crate::verify::{ClientAddress, Denial};

/// Longest body of an admin or OAuth request, in bytes.
const BODY_LIMIT: usize = 64 * 1024;
/// The same of somebody who has shown no key yet: a key, and what goes with it. Slow
/// bodies are held until they are whole, as many as strangers care to send, and an
/// isolate has 128 MB.
const STRANGERS_LIMIT: usize = 4 * 1024;
/// How much of a body beyond its limit is read for the sake of the answer, in bytes.
const READ_ON: usize = 1 << 20;

#[wasm_bindgen]
extern "C" {
    /// `request.cf`.
    pub(crate) type Cf;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn continent(this: &Cf) -> Option<String>;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn country(this: &Cf) -> Option<String>;

    /// Degrees, as text.
    #[wasm_bindgen(method, getter)]
    pub(crate) fn longitude(this: &Cf) -> Option<String>;
}

/// One request.
pub(crate) struct Incoming {
    request: web_sys::Request,
    pub(crate) headers: web_sys::Headers,
    id: OnceCell<String>,
    /// The header, as it came.
    pub(crate) authorization: Option<String>,
    method: OnceCell<String>,
    pub(crate) url: String,
    /// Where the path begins in `url`.
    pub(crate) path: usize,
    /// Where the query begins in `url`, at its `?`; the end where there is none.
    query: usize,
}

impl Incoming {
    pub(crate) fn of(
        request: web_sys::Request,
        headers: web_sys::Headers,
        url: String,
        authorization: Option<String>,
    ) -> Self {
        let authority = url.find("://").map_or(0, |at| at + 3);
        let after = |from: usize, mark: &[char]| {
            url.get(from..)
                .and_then(|rest| rest.find(mark))
                .map(|at| from + at)
        };
        let path = after(authority, &['/', '?', '#']).unwrap_or(url.len());
        let query = after(path, &['?', '#']).unwrap_or(url.len());
        Self {
            authorization,
            id: OnceCell::new(),
            method: OnceCell::new(),
            request,
            headers,
            url,
            path,
            query,
        }
    }

    /// As it came, in capitals where it is a known one.
    pub(crate) fn method(&self) -> &str {
        self.method.get_or_init(|| self.request.method())
    }

    /// `https://keys.example`, without a slash.
    pub(crate) fn origin(&self) -> &str {
        self.url.get(..self.path).unwrap_or_default()
    }

    /// As it came, still encoded.
    pub(crate) fn path(&self) -> &str {
        self.url.get(self.path..self.query).unwrap_or_default()
    }

    /// Without its `?`, still encoded.
    pub(crate) fn query(&self) -> &str {
        self.url
            .get(self.query..)
            .and_then(|query| query.strip_prefix('?'))
            .unwrap_or_default()
    }

    /// A header's value; several of one name joined by `, `.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).ok().flatten()
    }

    /// The refusal of what was shown in the place of a key.
    pub(crate) fn refused(&self, denial: &Denial) -> Problem {
        match denial {
            Denial::MissingCredentials => {
                let authorization = self.authorization.as_deref().unwrap_or_default();
                let has_api_key = authorization.is_empty() && self.header("x-api-key").is_some();
                Problem::missing_credentials(authorization, has_api_key)
            }
            _ => denial.into(),
        }
    }

    /// Whose relays are near.
    pub(crate) fn region(&self, edge: &Edge) -> Region {
        edge.settings.relay_region.unwrap_or_else(|| {
            let cf = self.cf();
            let continent = cf.as_ref().and_then(Cf::continent);
            let country = cf.as_ref().and_then(Cf::country);
            let longitude = cf
                .as_ref()
                .and_then(Cf::longitude)
                // Whole degrees will do: reading a fraction takes 5 kB of code.
                .and_then(|degrees| degrees.split('.').next()?.parse().ok())
                .map(|degrees: i32| f64::from(degrees));
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
    pub(crate) fn client_address(&self) -> ClientAddress {
        ClientAddress::parse(self.header("cf-connecting-ip").as_deref())
    }

    /// The platform's ray id, else one of our own.
    pub(crate) fn request_id(&self) -> &str {
        self.id.get_or_init(|| bindings::request_id(&self.headers))
    }

    /// A problem document that is answered over and over, with this request's id.
    pub(crate) fn refusal(
        &self,
        head: &web_sys::Response,
        document: &JsString,
    ) -> Result<web_sys::Response, JsValue> {
        let id = self.id.get().map(String::as_str);
        bindings::refusal(head, document, &self.headers, id)
    }

    /// The body of somebody who has shown no key yet, of at most 4 KiB.
    pub(crate) async fn strangers_body(&self) -> Result<Vec<u8>, Problem> {
        let body = self.body_of_at_most(STRANGERS_LIMIT).await;
        body.map_err(|problem| match problem.code {
            Code::BodyTooLarge => problem.because("A request without a key carries at most 4 KiB."),
            _ => problem,
        })
    }

    /// What `find` makes of the body, piece by piece, as far as 64 KiB. Nothing of it
    /// is held.
    #[cfg(feature = "edge")]
    pub(crate) async fn find_in_body<T>(
        &self,
        mut find: impl FnMut(&[u8]) -> Option<T>,
    ) -> Option<T> {
        let stream = self.request.body()?;
        let reader: web_sys::ReadableStreamDefaultReader = stream.get_reader().unchecked_into();
        let mut length = 0;
        while length < BODY_LIMIT {
            let Ok(Some(piece)) = next_piece(&reader).await else {
                return None;
            };
            length += piece.length() as usize;
            if let Some(found) = find(&piece.to_vec()) {
                let _ = reader.cancel();
                return Some(found);
            }
        }
        let _ = reader.cancel();
        None
    }

    /// The body, of at most 64 KiB.
    pub(crate) async fn body(&self) -> Result<Vec<u8>, Problem> {
        self.body_of_at_most(BODY_LIMIT).await
    }

    /// The body, of at most so many bytes. Of one that is too large the rest is read
    /// and dropped, [`READ_ON`] bytes at most: the runtime hangs up on a client that
    /// is still sending when it is answered, which then never reads why.
    pub(crate) async fn body_of_at_most(&self, limit: usize) -> Result<Vec<u8>, Problem> {
        let declared = self
            .header("content-length")
            .and_then(|length| length.parse::<usize>().ok());
        if declared.is_some_and(|length| length > limit + READ_ON) {
            return Err(Code::BodyTooLarge.into());
        }
        let Some(stream) = self.request.body() else {
            return Ok(Vec::new());
        };
        let reader: web_sys::ReadableStreamDefaultReader = stream.get_reader().unchecked_into();
        let (mut body, mut length) = (Vec::new(), 0);
        let broken = |_| Problem::invalid("", "The body broke off.");
        while length <= limit + READ_ON {
            let Some(bytes) = next_piece(&reader).await.map_err(broken)? else {
                break;
            };
            length += bytes.length() as usize;
            if length <= limit {
                body.extend(bytes.to_vec());
            } else {
                body = Vec::new();
            }
        }
        if length > limit {
            let _ = reader.cancel();
            return Err(Code::BodyTooLarge.into());
        }
        Ok(body)
    }
}

/// The next piece of a body; `None` at its end.
async fn next_piece(
    reader: &web_sys::ReadableStreamDefaultReader,
) -> Result<Option<Uint8Array>, JsValue> {
    let read = JsFuture::from(reader.read()).await?;
    let value = Reflect::get(&read, &JsValue::from_str("value"))?;
    Ok((!value.is_undefined()).then(|| value.unchecked_into()))
}
