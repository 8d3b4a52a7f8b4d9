//! The JSON bodies of admin requests.

use serde::de::DeserializeOwned;

use crate::http::problem::Problem;
use crate::json;

/// Reads a JSON body into `T`; the problem names the field.
///
/// # Errors
/// `invalid_request`.
pub fn parse_body<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(Problem::invalid("", "The body must be a JSON object."));
    }
    json::from_slice(body).map_err(|error| {
        // A member that is missing or not known is named by the message alone.
        let field = match error.path() {
            "" => error.message().split('`').nth(1).unwrap_or_default(),
            path => path,
        };
        Problem::invalid(field, error.message())
    })
}

/// The same, where an empty body means all defaults.
pub(super) fn parse_optional_body<T: DeserializeOwned + Default>(
    body: &[u8],
) -> Result<T, Problem> {
    if body.is_empty() {
        Ok(T::default())
    } else {
        parse_body(body)
    }
}
