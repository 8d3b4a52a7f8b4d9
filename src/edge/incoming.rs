//! What only the data plane asks of a request.

use wasm_bindgen::JsCast as _;

use crate::runtime::bindings::{HeaderMap, header};
use crate::runtime::incoming::Incoming;

impl Incoming {
    /// Path and query, as they came.
    pub(crate) fn target(&self) -> &str {
        self.url.get(self.path..).unwrap_or_default()
    }

    /// The host, with its port where there is one.
    pub(crate) fn host(&self) -> &str {
        self.origin().split_once("://").map_or("", |(_, host)| host)
    }

    /// Any other upgrade is an offer, and ignored (RFC 9110 section 7.8): Java's
    /// client asks for HTTP/2 so.
    pub(crate) fn asks_for_web_socket(&self) -> bool {
        let headers: &HeaderMap = self.headers.unchecked_ref();
        let upgrade = header::UPGRADE.with(|name| headers.get(name));
        upgrade.is_some_and(|upgrade| upgrade.trim().eq_ignore_ascii_case("websocket"))
    }
}
