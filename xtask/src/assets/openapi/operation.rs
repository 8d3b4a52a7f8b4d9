//! One operation, from its parts to its JSON.

use super::schema::reference;
use katalo_keys::http::{Code, PROBLEM};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What the keys of a place are refused with.
pub(super) const KEY_PROBLEMS: [Code; 6] = [
    Code::MissingCredentials,
    Code::MalformedKey,
    Code::InvalidKey,
    Code::RevokedKey,
    Code::ExpiredKey,
    Code::DisabledKey,
];

pub(super) struct Operation {
    pub(super) id: String,
    pub(super) tag: &'static str,
    pub(super) summary: String,
    pub(super) description: &'static str,
    pub(super) security: Value,
    pub(super) parameters: Vec<Value>,
    pub(super) body: Option<Value>,
    /// Everything but problems, by status.
    pub(super) responses: Vec<(&'static str, Value)>,
    /// With the status where it is not the code's own.
    pub(super) problems: Vec<(u16, Code)>,
}

impl Operation {
    pub(super) fn new(id: &str, tag: &'static str, summary: &str) -> Self {
        Self {
            id: id.to_owned(),
            tag,
            summary: summary.to_owned(),
            description: "",
            security: json!([]),
            parameters: Vec::new(),
            body: None,
            responses: Vec::new(),
            problems: vec![(500, Code::InternalError)],
        }
    }

    pub(super) fn described(mut self, description: &'static str) -> Self {
        self.description = description;
        self
    }

    pub(super) fn secured(mut self, security: Value) -> Self {
        self.security = security;
        self
    }

    pub(super) fn parameter(mut self, parameter: Value) -> Self {
        self.parameters.push(parameter);
        self
    }

    pub(super) fn body(mut self, schema: &str, required: bool, media_types: &[&str]) -> Self {
        let content: Map<String, Value> = media_types
            .iter()
            .map(|media_type| {
                let schema = json!({ "schema": reference(schema) });
                ((*media_type).to_owned(), schema)
            })
            .collect();
        self.body = Some(json!({ "required": required, "content": content }));
        self
    }

    pub(super) fn answers(mut self, status: &'static str, response: Value) -> Self {
        self.responses.push((status, response));
        self
    }

    pub(super) fn refused(self, codes: &[Code]) -> Self {
        let own: Vec<_> = codes.iter().map(|code| (code.status(), *code)).collect();
        self.refused_as(&own)
    }

    pub(super) fn refused_as(mut self, problems: &[(u16, Code)]) -> Self {
        self.problems.extend(problems);
        self
    }

    /// The JSON of it; the variables of the path's template come first among the
    /// parameters.
    pub(super) fn document(self, method: &str, path: &str) -> Value {
        let mut parameters: Vec<Value> = path
            .split('/')
            .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
            .map(|name| path_parameter(name, method, path))
            .collect();
        parameters.extend(self.parameters);
        let mut responses: Map<String, Value> = self
            .responses
            .into_iter()
            .map(|(status, response)| (status.to_owned(), response))
            .collect();
        let mut problems: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
        for (status, code) in self.problems {
            let codes = problems.entry(status).or_default();
            if !codes.contains(&code) {
                codes.push(code);
            }
        }
        for (status, codes) in problems {
            responses.insert(status.to_string(), refusal(status, &codes, method));
        }
        let mut operation = json!({
            "operationId": self.id,
            "tags": [self.tag],
            "summary": self.summary,
            "security": self.security,
            "responses": responses,
        });
        if let Value::Object(members) = &mut operation {
            if !self.description.is_empty() {
                members.insert("description".to_owned(), self.description.into());
            }
            if !parameters.is_empty() {
                members.insert("parameters".to_owned(), parameters.into());
            }
            if let Some(body) = self.body {
                members.insert("requestBody".to_owned(), body);
            }
        }
        operation
    }
}

fn path_parameter(name: &str, method: &str, path: &str) -> Value {
    let only_clients = path.ends_with("/{organization}") && method != "GET"
        || path.ends_with("/export")
        || path.ends_with("/import");
    let (schema, description) = match name {
        "organization" if only_clients => (
            reference("ClientOrganizationId"),
            "The organization's id, given by the platform.",
        ),
        "organization" => (
            reference("OrganizationId"),
            "The organization's id; `_platform` holds the admin keys.",
        ),
        "key_id" => (reference("KeyId"), "The part of a key before its dot."),
        "code" => (reference("ProblemCode"), "The problem's `code`."),
        // A segment that can mean only one thing to all who read it.
        _ => (
            json!({ "type": "string", "pattern": "^[A-Za-z0-9_~-][A-Za-z0-9._~-]*$" }),
            "Passed on as it is.",
        ),
    };
    json!({ "name": name, "in": "path", "required": true, "description": description, "schema": schema })
}

/// The response with these problems.
fn refusal(status: u16, codes: &[Code], method: &str) -> Value {
    let titles: Vec<String> = codes
        .iter()
        .map(|code| format!("`{}`: {}", code.as_str(), code.title()))
        .collect();
    let mut headers = Map::new();
    let mut header = |name: &str, description: &str, schema: Value| {
        let header = json!({ "description": description, "required": true, "schema": schema });
        headers.insert(name.to_owned(), header);
    };
    let text = || json!({ "type": "string", "minLength": 1 });
    if status == 401 {
        header("WWW-Authenticate", "RFC 6750 section 3.", text());
    }
    if matches!(status, 429 | 503) {
        let seconds = json!({ "type": "integer", "minimum": 1 });
        header("Retry-After", "Seconds to wait.", seconds);
    }
    if status == 405 {
        header("Allow", "RFC 9110 section 10.2.1.", text());
    }
    let names: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
    let schema = json!({ "allOf": [
        reference("Problem"),
        { "properties": { "code": { "enum": names }, "status": { "const": status } } },
    ] });
    let mut response = json!({ "description": titles.join(". ") + "." });
    if let Value::Object(members) = &mut response {
        if method != "HEAD" {
            members.insert(
                "content".to_owned(),
                json!({ PROBLEM: { "schema": schema } }),
            );
        }
        if !headers.is_empty() {
            members.insert("headers".to_owned(), Value::Object(headers));
        }
    }
    response
}

/// A response with a body of this type.
pub(super) fn json_of(description: &str, schema: &str) -> Value {
    content(description, katalo_keys::http::JSON, &reference(schema))
}

pub(super) fn content(description: &str, media_type: &str, schema: &Value) -> Value {
    json!({ "description": description, "content": { media_type: { "schema": schema } } })
}

/// The same with a header that is always there.
pub(super) fn with_header(mut response: Value, name: &str, header: Value) -> Value {
    if let Value::Object(members) = &mut response {
        let headers = members
            .entry("headers")
            .or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(headers) = headers {
            headers.insert(name.to_owned(), header);
        }
    }
    response
}

/// `ETag`: the object's revision in quotes.
pub(super) fn tagged(response: Value) -> Value {
    let header = json!({
        "description": "The object's revision, for `If-Match`.", "required": true,
        "schema": { "type": "string", "pattern": "^\"[0-9]+\"$" },
    });
    with_header(response, "ETag", header)
}
