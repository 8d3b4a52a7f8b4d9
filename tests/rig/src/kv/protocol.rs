//! How workerd speaks to the service behind a KV binding.

use super::{Store, Value, lock};
use crate::config;
use anyhow::{Result, anyhow};
use axum::{
    body::Body,
    extract::Request,
    http::{Method, StatusCode},
    response::Response,
};
use percent_encoding::percent_decode_str;
use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

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
pub(super) async fn serve(store: &Mutex<Store>, request: Request) -> Result<Response> {
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

// KV's own limits on a name and a value, in bytes. workerd checks the others
// before it asks.
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

pub(super) fn status(status: StatusCode, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response
}
