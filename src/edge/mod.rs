//! The Worker's entry points, called by `shim/index.js`.
#![allow(
    missing_docs,
    reason = "the constructor and methods that the object macro writes carry none"
)]

use wasm_bindgen::prelude::*;
use worker::worker_sys::{Context, web_sys};
use worker::{DurableObject, Env, Request, Response, Result, State, durable_object};

/// Answers one request that came to the Worker.
///
/// # Errors
///
/// Whatever the answer could not be built from; the shim turns it into the
/// `internal_error` problem.
#[wasm_bindgen]
pub async fn handle(
    request: web_sys::Request,
    env: Env,
    _context: Context,
) -> std::result::Result<web_sys::Response, JsValue> {
    let response = answer(request.into(), env).await.map_err(JsValue::from)?;
    Ok(response.into())
}

async fn answer(request: Request, env: Env) -> Result<Response> {
    let path = request.path();
    match path.as_str() {
        "/healthz" => Response::from_json(&serde_json::json!({ "status": "ok" })),
        "/ping" => {
            let registry = env.durable_object("REGISTRY")?.get_by_name("ping")?;
            registry.fetch_with_request(request).await
        }
        _ => match path.strip_prefix("/kv/") {
            Some(name) => {
                let value = env.kv("KEYS")?.get(name).text().await?;
                Response::from_json(&serde_json::json!({ "value": value }))
            }
            None => Response::error("not found", 404),
        },
    }
}

/// The truth about one organization's keys.
#[durable_object(alarm)]
#[derive(Debug)]
pub struct Registry {
    state: State,
}

impl DurableObject for Registry {
    fn new(state: State, _env: Env) -> Self {
        Self { state }
    }

    /// Counts the pings in SQLite, in two statements with no await in between.
    async fn fetch(&self, _request: Request) -> Result<Response> {
        let storage = self.state.storage();
        let sql = storage.sql();
        sql.exec(
            "CREATE TABLE IF NOT EXISTS ping (id INTEGER PRIMARY KEY, half TEXT)",
            None,
        )?;
        sql.exec("INSERT INTO ping (half) VALUES ('first')", None)?;
        sql.exec("INSERT INTO ping (half) VALUES ('second')", None)?;
        if storage.get_alarm().await?.is_none() {
            storage
                .set_alarm(std::time::Duration::from_millis(200))
                .await?;
        }
        let rows: Vec<serde_json::Value> = sql
            .exec(
                "SELECT sum(half = 'first') AS first, sum(half = 'second') AS second, sum(half = 'alarm') AS alarm FROM ping",
                None,
            )?
            .to_array()?;
        Response::from_json(&rows)
    }

    async fn alarm(&self) -> Result<Response> {
        self.state
            .storage()
            .sql()
            .exec("INSERT INTO ping (half) VALUES ('alarm')", None)?;
        Response::empty()
    }
}
