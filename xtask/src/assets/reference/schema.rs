//! A JSON Schema in words.

use super::{Document, html::escaped, items, members, text};
use serde_json::Value;

/// Longest pattern that says something to people.
const READABLE: usize = 40;

/// A named schema, with all its members.
pub(super) fn article(of: &Document<'_>, name: &str, schema: &Value) -> String {
    format!(
        "<article class=\"card\" aria-labelledby=\"schema-{name}\">\
         <h3 id=\"schema-{name}\"><code>{name}</code></h3>{}</article>\n",
        body(of, schema)
    )
}

/// What a schema says: its kind, its words, its members.
pub(super) fn body(of: &Document<'_>, schema: &Value) -> String {
    let kind = kind(schema);
    let limits = limits(schema);
    let described = of.prose(text(schema, "description"));
    format!(
        "<p class=\"small\">{kind}{limits}</p>{described}{}",
        parts(of, schema)
    )
}

/// The members of an object, those of a list's items, and the cases of a choice.
pub(super) fn parts(of: &Document<'_>, schema: &Value) -> String {
    let mut parts = String::new();
    let required: Vec<&Value> = items(schema, "required").collect();
    let listed: String = members(schema, "properties")
        .map(|(name, member)| {
            let is_required = required.iter().any(|required| *required == name.as_str());
            self::member(of, name, member, is_required)
        })
        .collect();
    if !listed.is_empty() {
        parts.push_str(&format!("<dl class=\"members\">{listed}</dl>"));
    }
    if let Some(each) = schema.get("items") {
        parts.push_str(&self::parts(of, each));
    }
    let cases: String = ["oneOf", "anyOf"]
        .into_iter()
        .flat_map(|choice| items(schema, choice))
        .map(|case| self::parts(of, case))
        .filter(|case| !case.is_empty())
        .map(|case| format!("<li>{case}</li>"))
        .collect();
    if !cases.is_empty() {
        parts.push_str(&format!("<p class=\"small\">One of:</p><ul>{cases}</ul>"));
    }
    parts
}

/// A member, a parameter or a header: its name, its kind, its words.
pub(super) fn member(of: &Document<'_>, name: &str, schema: &Value, is_required: bool) -> String {
    let optional = if is_required {
        ""
    } else {
        " <span class=\"badge\">optional</span>"
    };
    format!(
        "<dt><code>{name}</code> <span class=\"kind\">{kind}{limits}</span>{optional}</dt>\
         <dd>{described}{parts}</dd>",
        name = escaped(name),
        kind = kind(schema),
        limits = limits(schema),
        described = of.prose(text(schema, "description")),
        parts = parts(of, schema),
    )
}

/// The name of a schema's kind, with a link where it has a name of its own.
pub(super) fn kind(schema: &Value) -> String {
    if let Some(name) = reference(schema) {
        return format!("<a href=\"#schema-{name}\">{name}</a>");
    }
    if let Some(value) = schema.get("const") {
        return coded(value);
    }
    let words: Vec<String> = items(schema, "enum").map(coded).collect();
    if !words.is_empty() {
        return words.join(", ");
    }
    for (choice, between) in [("anyOf", " or "), ("oneOf", " or "), ("allOf", " and ")] {
        let mut kinds: Vec<String> = items(schema, choice).map(kind).collect();
        kinds.dedup();
        if !kinds.is_empty() {
            return kinds.join(between);
        }
    }
    match schema.get("type") {
        Some(Value::String(name)) if name == "array" => match schema.get("items") {
            Some(each) => format!("list of {}", kind(each)),
            None => "list".to_owned(),
        },
        Some(Value::String(name)) => {
            let format = text(schema, "format");
            let between = if format.is_empty() { "" } else { ", " };
            escaped(&format!("{name}{between}{format}"))
        }
        Some(Value::Array(names)) => {
            let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
            escaped(&names.join(" or "))
        }
        _ => "anything".to_owned(),
    }
}

fn reference(schema: &Value) -> Option<&str> {
    let (_, name) = schema.get("$ref")?.as_str()?.rsplit_once('/')?;
    Some(name)
}

fn coded(value: &Value) -> String {
    let text = value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned);
    format!("<code>{}</code>", escaped(&text))
}

/// What else holds of a value, each after a comma.
fn limits(schema: &Value) -> String {
    let of = |name: &str| schema.get(name);
    let mut limits = Vec::new();
    for (least, most, unit) in [
        ("minimum", "maximum", ""),
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " items"),
    ] {
        limits.extend(match (of(least), of(most)) {
            (Some(least), Some(most)) => Some(format!("{least} to {most}{unit}")),
            (None, Some(most)) => Some(format!("at most {most}{unit}")),
            (Some(least), None) if *least != 0 => Some(format!("at least {least}{unit}")),
            _ => None,
        });
    }
    let pattern = text(schema, "pattern");
    if !pattern.is_empty() && pattern.len() <= READABLE {
        limits.push(format!("<code>{}</code>", escaped(pattern)));
    }
    limits.extend(of("default").map(|value| format!("{} if left out", coded(value))));
    limits.extend(
        items(schema, "examples")
            .next()
            .map(|value| format!("e.g. {}", coded(value))),
    );
    limits.iter().map(|limit| format!(", {limit}")).collect()
}
