//! The SQL port over a Durable Object's SQLite.

use js_sys::{Array, Number};
use wasm_bindgen::prelude::*;
use worker::State;
use worker::worker_sys::types::{DurableObjectStorage, SqlStorage};

use crate::sql::{Row, Sql, SqlError, Value};

#[wasm_bindgen]
extern "C" {
    /// A cursor's rows as arrays.
    type RawRows;

    /// Runs the cursor to its end. The crate's own cursor methods do not catch
    /// what SQLite throws while stepping.
    #[wasm_bindgen(method, catch, js_name = toArray)]
    fn to_array(this: &RawRows) -> Result<Array, JsValue>;

    #[wasm_bindgen(extends = DurableObjectStorage)]
    type TransactionalStorage;

    /// Not mapped by the worker crate.
    #[wasm_bindgen(method, catch, js_name = transactionSync)]
    fn transaction_sync(
        this: &TransactionalStorage,
        closure: &mut dyn FnMut() -> Result<(), JsValue>,
    ) -> Result<(), JsValue>;
}

/// One object's database.
pub(super) struct ObjectSql {
    sql: SqlStorage,
    storage: TransactionalStorage,
}

impl ObjectSql {
    pub(super) fn of(state: &State) -> Self {
        let storage = state.storage();
        let raw: &JsValue = storage.as_raw().as_ref();
        Self {
            sql: storage.as_raw().sql(),
            storage: raw.clone().unchecked_into(),
        }
    }
}

fn to_js(value: &Value) -> Result<JsValue, SqlError> {
    Ok(match value {
        Value::Null => JsValue::NULL,
        Value::Integer(number) => {
            let number = JsValue::from_f64(*number as f64);
            if !Number::is_safe_integer(&number) {
                return Err(SqlError("a number beyond 2^53".to_owned()));
            }
            number
        }
        Value::Text(text) => JsValue::from_str(text),
    })
}

fn from_js(value: &JsValue) -> Result<Value, SqlError> {
    if value.is_null() || value.is_undefined() {
        Ok(Value::Null)
    } else if let Some(text) = value.as_string() {
        Ok(Value::Text(text))
    } else if let Some(number) = value.as_f64().filter(|_| Number::is_safe_integer(value)) {
        Ok(Value::Integer(number as i64))
    } else {
        Err(SqlError(
            "a value that is neither text nor a whole number".to_owned(),
        ))
    }
}

/// SQLite's message names tables and columns, never a bound value.
fn thrown(error: JsValue) -> SqlError {
    SqlError(worker::Error::from(error).to_string())
}

impl Sql for ObjectSql {
    fn query(&self, statement: &str, parameters: &[Value]) -> Result<Vec<Row>, SqlError> {
        let parameters = parameters.iter().map(to_js).collect::<Result<Array, _>>()?;
        let cursor = self.sql.exec(statement, parameters).map_err(thrown)?;
        let rows: RawRows = JsValue::from(cursor.raw()).unchecked_into();
        let rows = rows.to_array().map_err(thrown)?;
        rows.iter()
            .map(|row| {
                row.unchecked_into::<Array>()
                    .iter()
                    .map(|value| from_js(&value))
                    .collect::<Result<Vec<_>, _>>()
                    .map(Row)
            })
            .collect()
    }

    fn transaction(&self, work: &mut dyn FnMut() -> Result<(), SqlError>) -> Result<(), SqlError> {
        let mut outcome = Ok(());
        let ran = self.storage.transaction_sync(&mut || {
            outcome = work();
            // A thrown value makes the runtime roll back; ours is in `outcome`.
            outcome.clone().map_err(|error| JsValue::from_str(&error.0))
        });
        outcome?;
        ran.map_err(thrown)
    }
}
