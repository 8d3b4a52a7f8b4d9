//! Schemas of single fields, with the limits of the crate's own types.

use katalo_keys::http::Code;
use katalo_keys::key::{Environment, KeyState, PublicKeyId, Scope, Scopes};
use katalo_keys::registry::message::{AllowedIps, Metadata, Name, Note, RevocationReason};
use serde_json::{Value, json};

/// Greatest whole number that every JSON reader keeps (RFC 8259 section 6).
const GREATEST_SAFE: i64 = (1 << 53) - 1;

/// The control characters of Unicode (category Cc), for a class of a pattern.
const CONTROL: &str = r"\u0000-\u001f\u007f-\u009f";

pub(super) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// The same, or `null`.
pub(super) fn or_null(schema: Value) -> Value {
    json!({ "anyOf": [schema, { "type": "null" }] })
}

pub(super) fn words<'a>(words: impl IntoIterator<Item = &'a str>) -> Value {
    json!({ "type": "string", "enum": words.into_iter().collect::<Vec<_>>() })
}

pub(super) fn count() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

pub(super) fn schemas() -> Vec<(&'static str, Value)> {
    let organization = "[A-Za-z0-9-][A-Za-z0-9_-]{0,63}";
    vec![
        (
            "ClientOrganizationId",
            json!({
                "type": "string", "pattern": format!("^{organization}$"), "examples": ["acme"],
                "description": "An organization's id, given by the platform.",
            }),
        ),
        (
            "OrganizationId",
            json!({
                "type": "string", "pattern": format!("^(_platform|{organization})$"), "examples": ["acme"],
                "description": "An organization's id. `_platform` is reserved: it holds the admin keys.",
            }),
        ),
        (
            "KeyId",
            json!({
                "type": "string", "pattern": key_id(),
                "description": "The part of a key before its dot: no secret, safe to log.",
            }),
        ),
        (
            "Name",
            json!({
                "type": "string", "minLength": 1, "maxLength": Name::MAX,
                "pattern": format!(r"^[^{CONTROL}]*[^\s{CONTROL}][^{CONTROL}]*$"),
                "description": "What people call it. Spaces around it are cut off.", "examples": ["Web shop"],
            }),
        ),
        (
            "Note",
            json!({
                "type": "string", "maxLength": Note::MAX, "pattern": r"^[^\u0000-\u0009\u000b-\u001f\u007f-\u009f]*$",
                "description": "More about it, for the audit.",
            }),
        ),
        (
            "Scope",
            json!({
                "type": "string", "minLength": 1, "maxLength": Scope::MAX, "pattern": r"^[!#-\[\]-~]+$",
                "description": "`scope-token` of RFC 6749 section 3.3.", "examples": ["read"],
            }),
        ),
        (
            "GrantedScopes",
            json!({
                "type": "array", "minItems": 1, "maxItems": Scopes::MAX, "items": reference("Scope"),
                "description": "What a key may do: scopes that the protected routes or the operator (`CLIENT_SCOPES`) name; \
                    admin keys have scopes of their own. A repeat counts once.",
                "examples": [["read"]],
            }),
        ),
        (
            "Instant",
            json!({
                "type": "string", "format": "date-time",
                "pattern": r"^(19[7-9][0-9]|[2-9][0-9]{3})-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|\+00:00)$",
                "description": "RFC 3339, in UTC. Answers have `Z` and milliseconds; anything finer is cut off.",
                "examples": ["2030-01-01T00:00:00.000Z"],
            }),
        ),
        (
            "AllowedIps",
            json!({
                "type": "array", "maxItems": AllowedIps::MAX, "items": network(),
                "description": "Networks that a key may be used from; everywhere when empty.",
                "examples": [["192.0.2.0/24", "2001:db8::/32"]],
            }),
        ),
        (
            "Metadata",
            json!({
                "type": "object", "additionalProperties": reference("MetadataValue"),
                "description": format!("The caller's own notes: at most {} bytes written without spaces, at most {} levels \
                    deep.", Metadata::MAX_BYTES, Metadata::MAX_DEPTH),
                "examples": [{ "team": "web" }],
            }),
        ),
        (
            "MetadataValue",
            json!({
                "description": "Numbers are whole, so that every reader keeps them.",
                "anyOf": [
                    { "type": ["null", "boolean", "string"] },
                    { "type": "integer", "minimum": -GREATEST_SAFE, "maximum": GREATEST_SAFE },
                    { "type": "array", "items": reference("MetadataValue") },
                    { "type": "object", "additionalProperties": reference("MetadataValue") },
                ],
            }),
        ),
        (
            "Environment",
            words(Environment::ALL.map(Environment::as_str)),
        ),
        ("KeyState", words(KeyState::ALL.map(KeyState::as_str))),
        ("ApiAccess", words(["enabled", "disabled"])),
        ("LeakPolicy", leak_policy()),
        (
            "RevocationReason",
            words(RevocationReason::ALL.map(RevocationReason::as_str)),
        ),
        ("ProblemCode", words(Code::all().map(Code::as_str))),
        (
            "Revision",
            json!({
                "type": "integer", "minimum": 0,
                "description": "Grows with every change inside an organization.",
            }),
        ),
        (
            "Wait",
            json!({
                "type": "boolean", "default": true,
                "description": "Whether to answer only once the change is enforced. Without, the answer is 202 while it is not.",
            }),
        ),
        (
            "Enforced",
            json!({
                "type": "boolean",
                "description": "Whether every edge decides by this state.",
            }),
        ),
        (
            "Cursor",
            json!({
                "type": ["string", "null"],
                "description": "Where the next page begins; `null` at the end. With a filter a page may be short.",
            }),
        ),
    ]
}

fn leak_policy() -> Value {
    let only = |actions: &[&str]| {
        json!({
            "type": "object", "required": ["action"], "additionalProperties": false,
            "properties": { "action": words(actions.iter().copied()) },
        })
    };
    let quarantine = json!({
        "type": "object", "required": ["action", "scopes"], "additionalProperties": false,
        "properties": {
            "action": { "const": "quarantine" },
            "scopes": { "type": "array", "maxItems": Scopes::MAX, "items": reference("Scope"),
                "description": "Of its scopes the key keeps only these." },
        },
    });
    json!({
        "description": "What a report of a leak does to a key: it is noted, held to a few scopes, or revoked.",
        "oneOf": [only(&["report", "revoke"]), quarantine],
    })
}

/// `kat_live_` and 30 digits: ring, jurisdiction, organization tag, nonce, tag.
fn key_id() -> String {
    let environments = Environment::ALL.map(Environment::as_str).join("|");
    let word = at_most("LygHa16AHYF");
    let jurisdiction = char::from(PublicKeyId::JURISDICTION);
    format!(
        "^[a-z]{{2,8}}_({environments})_[0-9A-Za-z]{jurisdiction}({word})({word})[0-9A-Za-z]{{6}}$"
    )
}

/// A pattern for as many base62 digits, up to this number: 64 bits do not reach
/// to the end of eleven digits.
fn at_most(greatest: &str) -> String {
    const DIGITS: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut alternatives = vec![greatest.to_owned()];
    for (place, digit) in greatest.char_indices() {
        let (same, rest) = greatest.split_at(place);
        let below = DIGITS.split(digit).next().unwrap_or_default();
        if !below.is_empty() {
            alternatives.push(format!("{same}[{below}][0-9A-Za-z]{{{}}}", rest.len() - 1));
        }
    }
    alternatives.join("|")
}

/// An address or a CIDR.
fn network() -> Value {
    let byte = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
    let group = "[0-9a-fA-F]{1,4}";
    let mut forms = vec![format!("({group}:){{7}}{group}"), "::".to_owned()];
    for before in 0..7 {
        // `::` stands for at least one group.
        let after = 7 - before;
        let head = format!("({group}:){{{before}}}");
        let colons = if before == 0 { ":" } else { "" };
        forms.push(format!("{head}{colons}(:{group}){{1,{after}}}"));
        if before > 0 {
            forms.push(format!("{head}:"));
        }
    }
    forms.push(format!("({group}:){{7}}:"));
    json!({ "anyOf": [
        { "type": "string", "pattern": format!("^{byte}(\\.{byte}){{3}}(/(3[0-2]|[12]?[0-9]))?$") },
        { "type": "string", "pattern": format!("^({})(/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))?$", forms.join("|")) },
    ] })
}
