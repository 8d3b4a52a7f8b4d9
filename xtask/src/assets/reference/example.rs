//! Examples: a line of curl for each operation.

use super::{Document, items, members, text};
use serde_json::{Map, Value, json};

/// The least that a request needs.
pub(super) fn curl(
    of: &Document<'_>,
    operation: Option<&(&'static str, &Value)>,
    path: &str,
) -> String {
    let Some((method, operation)) = operation else {
        return String::new();
    };
    let mut line = match *method {
        "get" => "curl".to_owned(),
        "head" => "curl -I".to_owned(),
        method => format!("curl -X {}", method.to_ascii_uppercase()),
    };
    line.push_str(&format!(" \"https://keys.example.com{path}\""));
    let first = items(operation, "security").find_map(Value::as_object);
    for scheme in first.into_iter().flat_map(Map::keys) {
        let found = of
            .whole
            .pointer(&format!("/components/securitySchemes/{scheme}"));
        line.push_str(match found.map_or("", |found| text(found, "scheme")) {
            "bearer" => " \\\n  -H \"Authorization: Bearer $KEY\"",
            "basic" => " \\\n  -u \"$KEY_ID:$SECRET\"",
            _ => "",
        });
    }
    let headers = items(operation, "parameters").filter(|parameter| {
        text(parameter, "in") == "header" && parameter.get("required") == Some(&json!(true))
    });
    for header in headers {
        let value = sample(of, header.get("schema").unwrap_or(&Value::Null));
        let value = value.as_str().unwrap_or_default();
        line.push_str(&format!(" \\\n  -H '{}: {value}'", text(header, "name")));
    }
    let body = operation.get("requestBody");
    if let Some((media_type, content)) = body.and_then(|body| members(body, "content").next()) {
        let value = sample(of, content.get("schema").unwrap_or(&Value::Null));
        match &value {
            Value::Object(form) if media_type.ends_with("urlencoded") => {
                for name in form.keys() {
                    line.push_str(&format!(" \\\n  -d \"{name}=$KEY\""));
                }
            }
            value => line.push_str(&format!(
                " \\\n  -H 'Content-Type: {media_type}' \\\n  -d '{value}'"
            )),
        }
    }
    line
}

/// A small value that a schema takes: of an object what is required, else its first
/// member.
pub(super) fn sample(of: &Document<'_>, schema: &Value) -> Value {
    let schema = of.resolve(schema);
    if let Some(value) = schema.get("const") {
        return value.clone();
    }
    let given = items(schema, "examples").chain(items(schema, "enum"));
    let choices = ["anyOf", "oneOf"].into_iter();
    let choices = choices.flat_map(|choice| items(schema, choice));
    if let Some(value) = given.into_iter().next() {
        return value.clone();
    }
    if let Some(choice) = choices.into_iter().next() {
        return sample(of, choice);
    }
    let kind = schema.get("type").map(|kind| match kind {
        Value::Array(kinds) => kinds.first().and_then(Value::as_str).unwrap_or_default(),
        kind => kind.as_str().unwrap_or_default(),
    });
    match kind {
        Some("object") => {
            let required: Vec<&str> = items(schema, "required")
                .filter_map(Value::as_str)
                .collect();
            let first = members(schema, "properties")
                .map(|(name, _)| name.as_str())
                .next();
            let names = if required.is_empty() {
                first.into_iter().collect()
            } else {
                required
            };
            let member = |name: &&str| schema.get("properties").and_then(|all| all.get(*name));
            let values = names
                .iter()
                .filter_map(|name| Some(((*name).to_owned(), sample(of, member(name)?))));
            Value::Object(values.collect())
        }
        Some("array") => match schema.get("items") {
            Some(each) => json!([sample(of, each)]),
            None => json!([]),
        },
        Some("integer") => schema.get("minimum").cloned().unwrap_or(json!(1)),
        Some("boolean") => json!(true),
        Some("string") => json!("…"),
        _ => Value::Null,
    }
}
