//! An operation as an article.

use super::{Document, example, html::escaped, items, members, schema, text};
use serde_json::Value;
use std::fmt::Write as _;

/// In the order in which people look for them.
const METHODS: [&str; 7] = ["get", "head", "post", "put", "patch", "delete", "options"];

/// What tells two operations of a path apart, but for their answers: a proxy may ask
/// by any method, and the answer to HEAD is that to GET without its content.
const SAME: [&str; 5] = [
    "summary",
    "description",
    "parameters",
    "security",
    "requestBody",
];

/// Operations of one path that differ by their methods alone.
pub(super) struct Group<'a> {
    path: &'a str,
    /// Methods in small letters, and their operations.
    operations: Vec<(&'static str, &'a Value)>,
}

/// The operations that carry a tag, by path and then by method.
pub(super) fn of_tag<'a>(of: &Document<'a>, tag: &str) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for (path, item) in members(of.whole, "paths") {
        for method in METHODS {
            let Some(operation) = item.get(method) else {
                continue;
            };
            if !items(operation, "tags").any(|one| one == tag) {
                continue;
            }
            let alike = groups.iter_mut().find(|group| {
                group.path == path
                    && SAME
                        .iter()
                        .all(|name| group.first().get(name) == operation.get(name))
            });
            match alike {
                Some(group) => group.operations.push((method, operation)),
                None => groups.push(Group {
                    path,
                    operations: vec![(method, operation)],
                }),
            }
        }
    }
    groups
}

impl<'a> Group<'a> {
    fn first(&self) -> &'a Value {
        self.operations
            .first()
            .map_or(&Value::Null, |(_, operation)| operation)
    }

    /// Its entry in the index.
    pub(super) fn link(&self) -> String {
        format!(
            "<li><a href=\"#{id}\">{summary}</a></li>",
            id = escaped(text(self.first(), "operationId")),
            summary = escaped(text(self.first(), "summary")),
        )
    }

    pub(super) fn article(&self, of: &Document<'a>) -> String {
        let operation = self.first();
        let id = escaped(text(operation, "operationId"));
        let methods: String = self
            .operations
            .iter()
            .map(|(method, operation)| {
                format!(
                    "<code class=\"badge method {method}\" id=\"{}\">{}</code> ",
                    escaped(text(operation, "operationId")),
                    method.to_ascii_uppercase(),
                )
            })
            .collect();
        let mut parts = String::new();
        for (place, title) in [
            ("path", "Path parameters"),
            ("query", "Query parameters"),
            ("header", "Request headers"),
        ] {
            let listed: String = items(operation, "parameters")
                .filter(|parameter| text(parameter, "in") == place)
                .map(|parameter| self::parameter(of, text(parameter, "name"), parameter))
                .collect();
            push(&mut parts, title, &listed);
        }
        parts.push_str(&content(of, "Request body", operation.get("requestBody")));
        parts.push_str(&responses(of, operation));
        format!(
            "<article class=\"card\" aria-labelledby=\"title-{id}\"><header>\
             <h3 id=\"title-{id}\"><a href=\"#{id}\">{summary}</a></h3>\
             <p class=\"route\">{methods}<code>{path}</code></p></header>\
             {described}{security}{parts}<h4>Example</h4><pre class=\"code\">{example}</pre>\
             </article>\n",
            summary = escaped(text(operation, "summary")),
            path = escaped(self.path),
            described = of.prose(text(operation, "description")),
            security = security(operation),
            example = escaped(&example::curl(of, self.operations.first(), self.path)),
        )
    }
}

/// A list under a heading, where there is something to list.
fn push(parts: &mut String, title: &str, listed: &str) {
    if !listed.is_empty() {
        let _ = write!(parts, "<h4>{title}</h4><dl class=\"members\">{listed}</dl>");
    }
}

/// A parameter or a header: its words are beside its schema.
fn parameter(of: &Document<'_>, name: &str, parameter: &Value) -> String {
    let mut schema = parameter.get("schema").cloned().unwrap_or_default();
    if let (Value::Object(schema), Some(words)) = (&mut schema, parameter.get("description")) {
        schema.insert("description".to_owned(), words.clone());
    }
    let is_required = parameter.get("required") == Some(&Value::Bool(true));
    schema::member(of, name, &schema, is_required)
}

/// What is sent or answered, in each of its media types.
fn content(of: &Document<'_>, title: &str, message: Option<&Value>) -> String {
    let mut parts = String::new();
    for (media_type, content) in message.into_iter().flat_map(|one| members(one, "content")) {
        let Some(sent) = content.get("schema") else {
            continue;
        };
        let _ = write!(
            parts,
            "<h4>{title}: <code>{}</code></h4><p class=\"small\">{}</p>{}",
            escaped(media_type),
            schema::kind(sent),
            schema::parts(of, of.resolve(sent)),
        );
    }
    parts
}

/// Errors, which many operations share, are folded.
fn responses(of: &Document<'_>, operation: &Value) -> String {
    let mut good = String::new();
    let mut errors = String::new();
    let mut statuses = Vec::new();
    for (status, response) in members(operation, "responses") {
        let response = of.resolve(response);
        let described = of.prose(text(response, "description"));
        if status.starts_with(['4', '5']) {
            statuses.push(status.as_str());
            let _ = write!(errors, "<dt><code>{status}</code></dt><dd>{described}</dd>");
            continue;
        }
        let kinds: Vec<String> = members(response, "content")
            .filter_map(|(media_type, content)| {
                let kind = schema::kind(content.get("schema")?);
                Some(format!("{kind} as <code>{}</code>", escaped(media_type)))
            })
            .collect();
        let headers: String = members(response, "headers")
            .map(|(name, header)| parameter(of, name, header))
            .collect();
        let headers = if headers.is_empty() {
            headers
        } else {
            format!(
                "<details><summary>Response headers</summary><dl class=\"members\">{headers}</dl></details>"
            )
        };
        let _ = write!(
            good,
            "<dt><code>{status}</code> <span class=\"kind\">{}</span></dt><dd>{described}{headers}</dd>",
            kinds.join(" or "),
        );
    }
    let mut parts = String::new();
    push(&mut parts, "Responses", &good);
    if !errors.is_empty() {
        let _ = write!(
            parts,
            "<details><summary>Errors: {}</summary><dl class=\"members\">{errors}</dl></details>",
            statuses.join(", ")
        );
    }
    parts
}

/// Who may ask: the ways to prove it, and the scopes that each needs.
fn security(operation: &Value) -> String {
    let ways: Vec<String> = items(operation, "security")
        .filter_map(Value::as_object)
        .map(|way| {
            let schemes: Vec<String> = way
                .keys()
                .map(|name| format!("<a href=\"#auth-{name}\"><code>{name}</code></a>"))
                .collect();
            let scopes: Vec<String> = way
                .values()
                .filter_map(Value::as_array)
                .flatten()
                .filter_map(Value::as_str)
                .map(|scope| format!("<code>{}</code>", escaped(scope)))
                .collect();
            let needed = if scopes.is_empty() {
                String::new()
            } else {
                format!(" with {}", scopes.join(", "))
            };
            format!("{}{needed}", schemes.join(" and "))
        })
        .collect();
    let ways = if ways.is_empty() {
        "none".to_owned()
    } else {
        ways.join(", or ")
    };
    format!("<p class=\"small\">Authentication: {ways}</p>")
}
