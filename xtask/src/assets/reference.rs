//! `/docs/`: the OpenAPI document as a page for people. It is made here, and not by a
//! renderer in the browser: those need inline styles, or are refused by a check of
//! accessibility (docs/design.md says which). The page works without script; a small
//! one adds the search (`dashboard/reference.ts`).

mod example;
mod html;
mod operation;
mod schema;

use anyhow::{Context, Result};
use html::Problems;
pub(super) use html::escaped;
use serde_json::Value;
use std::fmt::Write as _;

/// What the page may do: less than the dashboard, which also calls its origin.
pub(super) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

/// An OpenAPI document.
struct Document<'a> {
    whole: &'a Value,
    problems: Problems,
}

impl<'a> Document<'a> {
    /// What a reference leads to; anything else is itself.
    fn resolve(&self, value: &'a Value) -> &'a Value {
        let path = value.get("$ref").and_then(Value::as_str);
        path.and_then(|path| self.whole.pointer(path.strip_prefix('#')?))
            .unwrap_or(value)
    }

    /// Markdown as HTML.
    fn prose(&self, text: &str) -> String {
        html::prose(text, &self.problems)
    }
}

/// A member that is text; empty where there is none.
fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The members of a member that is an object.
fn members<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    value
        .get(name)
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
}

/// The items of a member that is a list.
fn items<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value
        .get(name)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// The page. The names of its style and its script are those of `dashboard/`.
pub(super) fn page(document: &Value) -> Result<String> {
    let of = Document {
        whole: document,
        problems: Problems::default(),
    };
    let info = document.get("info").context("no info")?;
    let mut index = String::new();
    let mut sections = String::new();
    for tag in items(document, "tags") {
        let name = text(tag, "name");
        let found = operation::of_tag(&of, name);
        if found.is_empty() {
            continue;
        }
        let links: String = found.iter().map(operation::Group::link).collect();
        let articles: String = found.iter().map(|group| group.article(&of)).collect();
        let title = titled(name);
        let _ = writeln!(
            index,
            "<details><summary>{title}</summary><ul>{links}</ul></details>"
        );
        let _ = writeln!(
            sections,
            "<section aria-labelledby=\"tag-{name}\"><h2 id=\"tag-{name}\">{title}</h2>{about}\n\
             {articles}</section>",
            about = of.prose(text(tag, "description")),
        );
    }
    let schemas: String = document
        .pointer("/components/schemas")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(name, schema)| schema::article(&of, name, schema))
        .collect();
    let schemes: String = document
        .pointer("/components/securitySchemes")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(name, scheme)| authentication(&of, name, scheme))
        .collect();
    Ok(format!(
        include_str!("reference/page.html"),
        title = escaped(text(info, "title")),
        version = escaped(text(info, "version")),
        summary = escaped(text(info, "summary")),
        description = of.prose(text(info, "description")),
        index = index,
        schemes = schemes,
        sections = sections,
        schemas = schemas,
    ))
}

/// A tag as a heading.
fn titled(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    escaped(&first.into_iter().chain(letters).collect::<String>())
}

/// A way to prove who is calling.
fn authentication(of: &Document<'_>, name: &str, scheme: &Value) -> String {
    let how = match text(scheme, "type") {
        "http" => {
            let kind = titled(text(scheme, "scheme"));
            let form = text(scheme, "bearerFormat");
            let form = if form.is_empty() { "…" } else { form };
            format!("Authorization: {kind} {}", escaped(form))
        }
        _ if text(scheme, "in") == "cookie" => {
            format!("Cookie: {}=…", escaped(text(scheme, "name")))
        }
        _ => format!("{}: …", escaped(text(scheme, "name"))),
    };
    format!(
        "<dt id=\"auth-{name}\"><code>{name}</code> <code class=\"faint\">{how}</code></dt><dd>{}</dd>\n",
        of.prose(text(scheme, "description"))
    )
}

#[cfg(test)]
mod tests;
