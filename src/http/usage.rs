//! Usage listings: an administrator's, and a client's own at `/v1/key/usage`.

use super::answer::{Answer, Body, JSON};
use super::parameters::Parameters;
use super::problem::{Code, Problem};
use crate::edge_call::{EdgeRefusal, EdgeResponse, ListUsage, Span};
use crate::json::ObjectWriter;
use crate::key::KeyId;
use crate::time::Timestamp;

const DAY_MS: u64 = 86_400_000;

/// The query parameters of a usage listing.
pub const USAGE_QUERY: [&str; 6] = ["from", "to", "by", "key", "cursor", "limit"];

/// Reads the query of a usage listing: the last 30 days by the hour unless said.
///
/// # Errors
/// `invalid_request`.
pub fn usage_query(query: &str, now: Timestamp) -> Result<ListUsage, Problem> {
    let parameters = Parameters::read(query, &USAGE_QUERY)?;
    let instant = |name: &str| {
        let expected = "an RFC 3339 time, such as 2026-11-24T03:41:14Z (a + is written %2B here)";
        parameters.parse(name, expected, Timestamp::from_rfc3339)
    };
    let by = parameters.parse("by", "hour or day", |text| match text {
        "hour" => Some(Span::Hour),
        "day" => Some(Span::Day),
        _ => None,
    })?;
    let to = instant("to")?.unwrap_or_else(|| now.plus(1));
    let from = instant("from")?.unwrap_or(Timestamp(to.0.saturating_sub(30 * DAY_MS)));
    if from > to {
        return Err(Problem::invalid("from", "`from` must not be after `to`."));
    }
    Ok(ListUsage {
        from,
        to,
        by: by.unwrap_or(Span::Hour),
        key: parameters
            .parse("key", "a key id", KeyId::parse)?
            .map(|id| id.public),
        cursor: parameters.cursor(),
        limit: parameters.limit()?,
    })
}

/// The answer of `/v1/key/usage`; `limits` by
/// [`limits_member`](super::limits_member).
///
/// # Errors
/// The problem of the registry's refusal.
pub fn own_usage_answer(response: EdgeResponse, limits: &str) -> Result<Answer, Problem> {
    let page = response.into_usage()?;
    let json = |value: serde_json::Result<String>| value.unwrap_or_default();
    let document = ObjectWriter::new()
        .raw("items", &json(serde_json::to_string(&page.items)))
        .raw(
            "next_cursor",
            &json(serde_json::to_string(&page.next_cursor)),
        )
        .raw("limits", limits)
        .end();
    Ok(Answer::new(200, Body::Text(JSON, document)).with("cache-control", "no-store"))
}

impl From<EdgeRefusal> for Problem {
    fn from(refusal: EdgeRefusal) -> Self {
        match refusal {
            EdgeRefusal::NotFound => Code::NotFound.into(),
            EdgeRefusal::InvalidRequest { field, detail } => Self::invalid(&field, detail),
            EdgeRefusal::Unavailable => Code::RegistryUnavailable.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    fn answered(response: &str) -> Result<Answer, Problem> {
        own_usage_answer(json::from_str(response).unwrap(), "[]")
    }

    #[test]
    fn a_page_is_answered_as_it_came() {
        let answer =
            answered(r#"{"reply":{"Ok":{"usage":{"items":[],"next_cursor":"c"}}}}"#).unwrap();
        let Body::Text(_, text) = &answer.body else {
            panic!("a page is text")
        };
        assert_eq!(text, r#"{"items":[],"next_cursor":"c","limits":[]}"#);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }

    #[test]
    fn a_refusal_is_a_problem() {
        let refused = |reply: &str| answered(&format!(r#"{{"reply":{reply}}}"#)).unwrap_err();
        let wrong =
            refused(r#"{"Err":{"invalid_request":{"field":"cursor","detail":"not a cursor"}}}"#);
        assert_eq!(wrong, Problem::invalid("cursor", "not a cursor"));
        assert_eq!(refused(r#"{"Err":"not_found"}"#).code, Code::NotFound);
        for unavailable in ["null", r#"{"Err":"unsupported_version"}"#] {
            assert_eq!(refused(unavailable).code, Code::RegistryUnavailable);
        }
    }
}
