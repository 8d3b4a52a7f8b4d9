//! The directory's object: which organizations there are. One for all.
//!
//! **Atomicity.** One statement an event.

use worker::{DurableObject, Env, Request, Response, Result, State, durable_object};

use super::sql::ObjectSql;
use crate::edge::{log, objects};
use crate::registry::directory;

/// The one name there is.
pub(in crate::edge) const NAME: &str = "directory";

/// The object.
#[durable_object(fetch)]
pub struct Directory {
    sql: ObjectSql,
}

impl DurableObject for Directory {
    fn new(state: State, _: Env) -> Self {
        let sql = ObjectSql::of(&state);
        if let Err(error) = directory::migrate(&sql) {
            log::storage_failed("Directory", &error);
        }
        Self { sql }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let order: directory::Order = objects::message(&request.text().await?)?;
        match directory::handle(&self.sql, &order) {
            Ok(page) => Response::from_json(&page),
            Err(error) => {
                log::storage_failed("Directory", &error);
                Response::error("storage", 500)
            }
        }
    }
}
