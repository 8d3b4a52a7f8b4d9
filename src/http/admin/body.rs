//! The JSON bodies of admin requests.

use serde::de::DeserializeOwned;

use crate::http::problem::Problem;
use crate::json::{self, ObjectWriter};

/// What the JSON body of a request is read into.
pub trait RequestBody: DeserializeOwned {
    /// The members that a body must have. serde tells the first one that is missing;
    /// whoever writes a request wants to hear of all.
    const REQUIRED: &'static [&'static str];
}

/// Reads a JSON body into `T`. The problem tells of every mistake, in `detail` for
/// people and in `errors` for programs (RFC 9457 section 3); `field` is the first.
///
/// # Errors
/// `invalid_request`.
pub fn parse_body<T: RequestBody>(body: &[u8]) -> Result<T, Problem> {
    is_object(body, T::REQUIRED)?;
    json::object_from_slice(body, T::REQUIRED).map_err(|mistakes| wrong(&mistakes))
}

/// The same, where an empty body means all defaults.
pub(super) fn parse_optional_body<T: RequestBody + Default>(body: &[u8]) -> Result<T, Problem> {
    if body.is_empty() {
        Ok(T::default())
    } else {
        parse_body(body)
    }
}

fn is_object(body: &[u8], required: &[&str]) -> Result<(), Problem> {
    let what = match body.trim_ascii_start().first() {
        Some(b'{') => return Ok(()),
        Some(_) => "The body must be a JSON object",
        None => "The body is empty: send a JSON object",
    };
    let with = match required {
        [] => String::new(),
        names => format!(" with `{}`", names.join("`, `")),
    };
    Err(Problem::invalid("", format!("{what}{with}.")))
}

fn wrong(mistakes: &[json::Error]) -> Problem {
    let field = mistakes.first().map(json::Error::path).unwrap_or_default();
    let details: Vec<String> = mistakes.iter().map(sentence).collect();
    let errors: Vec<String> = mistakes
        .iter()
        .map(|mistake| {
            ObjectWriter::new()
                .text("detail", &sentence(mistake))
                .text("pointer", &fragment(mistake.pointer()))
                .end()
        })
        .collect();
    Problem {
        extension: Some(("errors", format!("[{}]", errors.join(",")))),
        ..Problem::invalid(&field, details.join(" "))
    }
}

/// `` `scopes[0]`: expected a string, not a number. `` or `` The member `name` is
/// missing. ``
fn sentence(mistake: &json::Error) -> String {
    let message = mistake.message();
    let place = format!("`{}`", mistake.path());
    if place == "``" {
        format!("The body cannot be read: {message}.")
    } else if let Some(rest) = message.strip_prefix('t')
        && message.contains(&place)
    {
        format!("T{rest}.")
    } else {
        format!("{place}: {message}.")
    }
}

/// A JSON Pointer as the fragment of a URI (RFC 6901 section 6, RFC 3986 section 3.5).
fn fragment(pointer: &str) -> String {
    use std::fmt::Write as _;
    let mut fragment = "#".to_owned();
    for byte in pointer.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@?".contains(&byte) {
            fragment.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(fragment, "%{byte:02X}");
        }
    }
    fragment
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::message::{Import, IssueKey};
    use serde_json::{Value, json};

    fn refused<T: RequestBody>(body: &str) -> (Option<String>, String, Value) {
        let Err(problem) = parse_body::<T>(body.as_bytes()) else {
            panic!("{body} was taken")
        };
        let errors = problem.extension.map_or(Value::Null, |(name, errors)| {
            assert_eq!(name, "errors");
            serde_json::from_str(&errors).unwrap()
        });
        (problem.field, problem.detail.unwrap(), errors)
    }

    fn pointers<T: RequestBody>(body: &str) -> Vec<String> {
        let (_, _, errors) = refused::<T>(body);
        let errors = errors.as_array().unwrap().iter();
        errors
            .map(|error| error["pointer"].as_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let body = r#"{"environment":"prod","colour":"red","scopes":["re ad","read",7],"expires_at":"soon"}"#;
        let (field, detail, errors) = refused::<IssueKey>(body);
        assert_eq!(field.as_deref(), Some("environment"));
        let pointers = pointers::<IssueKey>(body);
        assert_eq!(
            pointers,
            [
                "#/environment",
                "#/colour",
                "#/scopes/0",
                "#/scopes/2",
                "#/expires_at",
                "#/name"
            ]
        );
        for error in errors.as_array().unwrap() {
            assert!(
                detail.contains(error["detail"].as_str().unwrap()),
                "{detail}"
            );
        }
        assert_eq!(errors[5]["detail"], "The member `name` is missing.");
    }

    /// A list that is empty without its wrong item, and an object that lacks its wrong
    /// member, are not wrong for that too.
    #[test]
    fn what_follows_from_a_mistake_is_not_told() {
        let body = r#"{"name":7,"environment":"live","scopes":["re ad"]}"#;
        assert_eq!(pointers::<IssueKey>(body), ["#/name", "#/scopes/0"]);
        let body = r#"{"name":"a","name":"b","environment":"live","scopes":["read"]}"#;
        assert_eq!(pointers::<IssueKey>(body), ["#/name"]);
        let body = r#"{"keys":[{"v":1,"id":"x","digest":7},{"v":1},7]}"#;
        assert_eq!(
            pointers::<Import>(body),
            ["#/keys/0/id", "#/keys/0/digest", "#/keys/1/id", "#/keys/2"]
        );
    }

    #[test]
    fn all_that_is_missing_is_told() {
        let all = ["#/name", "#/environment", "#/scopes"];
        assert_eq!(pointers::<IssueKey>("{}"), all);
        let (field, detail, errors) = refused::<IssueKey>(" ");
        assert_eq!((field, errors), (None, Value::Null));
        assert_eq!(
            detail,
            "The body is empty: send a JSON object with `name`, `environment`, `scopes`."
        );
    }

    #[test]
    fn a_body_with_nothing_right_is_not_read_for_ever() {
        let members: Vec<String> = (0..1_000).map(|n| format!(r#""m{n}":1"#)).collect();
        let body = format!("{{{}}}", members.join(","));
        assert_eq!(pointers::<IssueKey>(&body).len(), json::MOST_MISTAKES);
        let keys = vec!["{}"; 100].join(",");
        let body = format!(r#"{{"keys":[{keys}]}}"#);
        assert_eq!(pointers::<Import>(&body).len(), json::MOST_MISTAKES);
    }

    #[test]
    fn a_pointer_is_a_fragment() {
        let body = json!({ "a/b~c %é": 1, "name": "a", "environment": "live", "scopes": ["read"] });
        assert_eq!(
            pointers::<IssueKey>(&body.to_string()),
            ["#/a~1b~0c%20%25%C3%A9"]
        );
        let (field, detail, errors) = refused::<IssueKey>(r#"{"name":"#);
        assert_eq!(field, None);
        assert!(
            detail.ends_with("is not closed (line 1, column 8)."),
            "{detail}"
        );
        assert_eq!(errors, json!([{ "detail": detail, "pointer": "#" }]));
    }
}
