//! Bodies of requests. None takes a member that is not named here.

use super::field::{or_null, reference, words};
use katalo_keys::registry::message::{Import, KeyLifetimeDays, OverlapSeconds};
use serde_json::{Value, json};

/// A body with these members.
fn body(description: &str, required: &[&str], properties: Value) -> Value {
    let mut schema = json!({
        "type": "object", "description": description, "additionalProperties": false, "properties": properties,
    });
    if let (Value::Object(members), false) = (&mut schema, required.is_empty()) {
        members.insert("required".to_owned(), json!(required));
    }
    schema
}

fn numbers(range: &std::ops::RangeInclusive<u64>) -> Value {
    json!({ "type": "integer", "minimum": range.start(), "maximum": range.end() })
}

pub(super) fn schemas() -> Vec<(&'static str, Value)> {
    let wait = || reference("Wait");
    let revocation = json!({ "reason": reference("RevocationReason"), "note": or_null(reference("Note")), "wait": wait() });
    vec![
        (
            "PutOrganization",
            body(
                "What is not said stays as it is.",
                &["name"],
                json!({
                    "name": reference("Name"),
                    "api_access": reference("ApiAccess"),
                    "max_key_lifetime_days": or_null(numbers(&KeyLifetimeDays::RANGE)),
                    "leak_policy": reference("LeakPolicy"),
                    "wait": wait(),
                }),
            ),
        ),
        (
            "IssueKey",
            body(
                "A new key.",
                &["name", "environment", "scopes"],
                json!({
                    "name": reference("Name"),
                    "environment": reference("Environment"),
                    "scopes": reference("GrantedScopes"),
                    "expires_at": or_null(reference("Instant")),
                    "allowed_ips": reference("AllowedIps"),
                    "metadata": reference("Metadata"),
                    "bound_organization": or_null(reference("ClientOrganizationId")),
                }),
            ),
        ),
        (
            "PatchKey",
            body(
                "A merge patch (RFC 7396); `metadata` is replaced whole.",
                &[],
                json!({
                    "name": reference("Name"),
                    "scopes": reference("GrantedScopes"),
                    "expires_at": or_null(reference("Instant")),
                    "allowed_ips": or_null(reference("AllowedIps")),
                    "metadata": or_null(reference("Metadata")),
                    "restriction": { "type": "null", "description": "Lifts the restriction of a key that leaked." },
                    "wait": wait(),
                }),
            ),
        ),
        (
            "RotateKey",
            body(
                "How to rotate.",
                &[],
                json!({
                    "overlap_seconds": { "allOf": [numbers(&OverlapSeconds::RANGE)], "default": OverlapSeconds::default().get(),
                        "description": "For how long the old key still works, until `retires_at`. A time shorter than the freshness wait begins after it; with 0 the call waits until the old key is refused everywhere." },
                    "wait": wait(),
                }),
            ),
        ),
        ("RevokeKey", body("Why, for ever.", &["reason"], revocation)),
        (
            "WaitOnly",
            body("Whether to wait.", &[], json!({ "wait": wait() })),
        ),
        (
            "ImportKeys",
            body(
                "Lines of an export: at most 100 keys, and 64 KiB in all.",
                &["keys"],
                json!({
                    "keys": { "type": "array", "maxItems": Import::MOST, "items": reference("ExportedKey") },
                    "wait": wait(),
                }),
            ),
        ),
        (
            "SignIn",
            body(
                "Who signs in.",
                &["key"],
                json!({
                    "key": { "type": "string", "format": "password", "description": "A whole admin key." },
                }),
            ),
        ),
        (
            "TokenForm",
            json!({
                "type": "object", "description": "Other parameters are ignored (RFC 6749 section 3.2).",
                "required": ["token"], "additionalProperties": { "type": "string" },
                "properties": {
                    "token": { "type": "string", "minLength": 1, "description": "The whole key to look at." },
                    "token_type_hint": { "type": "string", "description": "Makes no difference." },
                    "client_address": { "type": "string",
                        "description": "The address of the client that showed it, for keys that are tied to networks." },
                },
            }),
        ),
        (
            "LeakReport",
            json!({
                "type": "array", "description": "The matches, as GitHub tells them.",
                "items": {
                    "type": "object", "required": ["token", "type"],
                    "properties": {
                        "token": { "type": "string", "description": "What was found." },
                        "type": { "type": "string", "description": "GitHub's name for the form of our keys." },
                        "url": { "type": "string", "description": "Where it was found." },
                    },
                    "additionalProperties": true,
                },
            }),
        ),
        ("Span", words(["hour", "day"])),
    ]
}
