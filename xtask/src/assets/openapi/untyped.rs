//! What is read and shown by hand, so that no type could tell its schema: forms,
//! reports, and answers that are put together where they are given. The tests hold
//! these against what the code makes.

use super::schema::{count, or_null, reference, words};
use katalo_keys::json::MOST_MISTAKES;
use katalo_keys::schema::SHA256;
use serde_json::{Value, json};

/// An object; every member is there but those of `optional`.
pub(super) fn object(description: &str, optional: &[&str], properties: Value) -> Value {
    let required: Vec<&String> = match &properties {
        Value::Object(members) => members
            .keys()
            .filter(|name| !optional.contains(&name.as_str()))
            .collect(),
        _ => Vec::new(),
    };
    json!({ "type": "object", "description": description, "required": required, "properties": properties })
}

/// A list with a cursor.
fn page(of: &str) -> Value {
    object(
        "A page.",
        &[],
        json!({
            "items": { "type": "array", "items": reference(of) },
            "next_cursor": reference("Cursor"),
        }),
    )
}

fn instant() -> Value {
    reference("Instant")
}

pub(super) fn text() -> Value {
    json!({ "type": "string" })
}

/// These members, and how far the change has come.
fn changed(description: &str, members: Value) -> Value {
    let mut properties = members;
    if let Value::Object(members) = &mut properties {
        members.insert("enforced".to_owned(), reference("Enforced"));
        members.insert("effective_at".to_owned(), or_null(instant()));
    }
    object(description, &[], properties)
}

pub(super) fn requests() -> Vec<(&'static str, Value)> {
    vec![
        (
            "SignIn",
            json!({
                "type": "object", "description": "Who signs in.", "required": ["key"], "additionalProperties": false,
                "properties": {
                    "key": { "type": "string", "format": "password", "description": "A whole admin key." },
                },
            }),
        ),
        (
            "KeyLookup",
            json!({
                "type": "object", "description": "What is looked up.", "required": ["key"], "additionalProperties": false,
                "properties": {
                    "key": { "type": "string", "description": "A key id, or a whole key. Spaces around it are cut off." },
                },
            }),
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
    ]
}

pub(super) fn answers() -> Vec<(&'static str, Value)> {
    let hash = || json!({ "type": "string", "pattern": SHA256 });
    let facts = || json!({ "type": ["object", "null"] });
    let secret = json!({
        "type": "string",
        "description": "The whole key to present. Shown this once; it is not stored.",
    });
    vec![
        (
            "AuditEntry",
            object(
                "An entry of the hash chain, in canonical JSON (RFC 8785).",
                &[],
                json!({
                    "seq": { "type": "integer", "minimum": 1, "description": "1, 2, 3 … without gaps." },
                    "at": instant(),
                    "actor": reference("Who"),
                    "action": { "type": "string", "examples": ["key.revoke"] },
                    "subject": object("On which.", &["name"], json!({ "kind": text(), "id": text(), "name": text() })),
                    "before": facts(),
                    "after": facts(),
                    "request_id": text(),
                    "previous": hash(),
                    "hash": hash(),
                }),
            ),
        ),
        ("AuditPage", page("AuditEntry")),
        ("RootKeysPage", page("RootKeysOf")),
        (
            "RootKeysOf",
            object(
                "How many of an organization's keys could still open something, by the ring entry that made them.",
                &[],
                json!({ "organization": reference("OrganizationId"), "keys_per_ring_entry": { "type": "object", "additionalProperties": count() } }),
            ),
        ),
        (
            "LeakFeedback",
            object(
                "What became of a match.",
                &[],
                json!({
                    "token_hash": { "type": "string", "pattern": SHA256, "description": "SHA-256 of the match." },
                    "token_type": text(),
                    "label": words(["true_positive", "false_positive"]),
                }),
            ),
        ),
        (
            "OrganizationChanged",
            changed(
                "The organization, and how far the change has come.",
                json!({
                    "organization": reference("Organization"),
                }),
            ),
        ),
        (
            "KeyChanged",
            changed(
                "The key, and how far the change has come.",
                json!({ "key": reference("Key") }),
            ),
        ),
        (
            "KeysChanged",
            changed(
                "What came of each key, and how far the change of all of them has come.",
                json!({ "results": { "type": "array", "items": reference("KeyResult") } }),
            ),
        ),
        (
            "KeyResult",
            json!({
                "description": "The key as it stands now, or why nothing was done to it.",
                "oneOf": [
                    object("Done, now or before.", &[], json!({ "id": reference("KeyId"), "key": reference("Key") })),
                    object("Refused.", &[], json!({
                        "id": reference("KeyId"),
                        "problem": object("What the same order to this key alone is refused with.", &[], json!({
                            "code": reference("ProblemCode"), "title": text(), "detail": text(),
                            "status": { "type": "integer", "minimum": 400, "maximum": 599 },
                        })),
                    })),
                ],
            }),
        ),
        (
            "KeyLookedUp",
            object(
                "A key that was found.",
                &[],
                json!({
                    "key": reference("Key"),
                    "secret_matches": { "type": ["boolean", "null"],
                        "description": "Whether the secret is the key's own; `null` where none was sent." },
                }),
            ),
        ),
        (
            "KeyIssued",
            changed(
                "A new key with its secret.",
                json!({ "key": reference("Key"), "secret": secret }),
            ),
        ),
        (
            "KeyRotated",
            changed(
                "The successor with its secret, and the key whose place it takes.",
                json!({
                    "key": reference("Key"), "secret": secret, "replaced": reference("Key"),
                }),
            ),
        ),
        (
            "KeysImported",
            changed(
                "What was taken in.",
                json!({
                    "imported": count(), "skipped": count(), "organization": reference("Organization"),
                }),
            ),
        ),
        (
            "Session",
            object(
                "Who is signed in. The session's token is in the cookie alone.",
                &[],
                json!({
                    "key_id": reference("KeyId"),
                    "name": reference("Name"),
                    "scopes": { "type": "array", "items": reference("Scope") },
                    "bound_organization": or_null(reference("ClientOrganizationId")),
                    "client_scopes": {
                        "type": "array",
                        "description": "The scopes that clients' keys can be given: those of `SCOPES`, of routes, and of `CLIENT_SCOPES`.",
                        "items": object("A scope, as the operator describes it.", &[], json!({
                            "name": reference("Scope"),
                            "description": {
                                "type": "object", "additionalProperties": { "type": "string" },
                                "description": "What it allows, by language (RFC 5646).",
                            },
                            "dangerous": { "type": "boolean", "description": "To be granted with thought." },
                        })),
                    },
                    "csrf_token": { "type": "string", "description": "What changes by cookie carry in `X-CSRF-Token`." },
                    "expires_at": instant(),
                }),
            ),
        ),
        ("LimitStandings", page("LimitStanding")),
        (
            "LimitStanding",
            object(
                "How a limit stands. The numbers are missing where its meter cannot be reached, `resets_at` for a quota for ever too.",
                &["window_seconds", "remaining", "resets_at"],
                json!({
                    "name": { "type": "string", "description": "As in the fields `RateLimit` and `RateLimit-Policy`: an organization's limits begin with `organization.`." },
                    "limit": count(),
                    "window_seconds": { "type": "integer", "minimum": 1, "description": "Of a rate." },
                    "remaining": count(),
                    "resets_at": instant(),
                }),
            ),
        ),
        (
            "OwnUsagePage",
            object(
                "A page, and how the limits of the caller's key stand.",
                &[],
                json!({
                    "items": { "type": "array", "items": reference("UsageRow") },
                    "next_cursor": reference("Cursor"),
                    "limits": { "type": "array", "items": reference("LimitStanding") },
                }),
            ),
        ),
        (
            "OwnKey",
            object(
                "The caller's key.",
                &[],
                json!({
                    "id": reference("KeyId"),
                    "organization": reference("OrganizationId"),
                    "name": reference("Name"),
                    "environment": reference("Environment"),
                    "scopes": { "type": "array", "items": reference("Scope") },
                    "state": reference("KeyState"),
                    "expires_at": or_null(instant()),
                    "retires_at": or_null(instant()),
                    "restriction": { "enum": ["leak", null],
                        "description": "`leak`: it leaked, and `scopes` is what it is held to." },
                    "limits": { "type": "array", "items": reference("LimitStanding") },
                }),
            ),
        ),
        (
            "Introspection",
            object(
                "RFC 7662 section 2.2. Of an inactive key nothing more is said.",
                &[
                    "scope",
                    "client_id",
                    "sub",
                    "token_type",
                    "iss",
                    "environment",
                    "exp",
                    "iat",
                    "restriction",
                    "limits",
                ],
                json!({
                    "active": { "type": "boolean" },
                    "scope": { "type": "string", "description": "With single spaces between." },
                    "client_id": reference("KeyId"),
                    "sub": reference("OrganizationId"),
                    "token_type": { "const": "Bearer" },
                    "iss": text(),
                    "environment": reference("Environment"),
                    "exp": count(),
                    "iat": count(),
                    "restriction": { "const": "leak", "description": "The key leaked: `scope` is what it is held to." },
                    "limits": { "type": "array", "minItems": 1, "items": reference("LimitStanding") },
                }),
            ),
        ),
        (
            "Health",
            object("It lives.", &[], json!({ "status": { "const": "ok" } })),
        ),
        (
            "Problem",
            object(
                "RFC 9457. Its page is `type`.",
                &[
                    "field",
                    "errors",
                    "scope",
                    "restriction",
                    "current_revision",
                    "deleted_organization",
                    "key",
                    "error",
                    "violated-policies",
                ],
                json!({
                    "type": { "type": "string", "format": "uri-reference" },
                    "title": text(),
                    "status": { "type": "integer", "minimum": 400, "maximum": 599 },
                    "detail": text(),
                    "code": reference("ProblemCode"),
                    "request_id": text(),
                    "field": { "type": "string", "description": "`invalid_request`: which field; the first of `errors`." },
                    "errors": {
                        "type": "array", "minItems": 1, "maxItems": MOST_MISTAKES,
                        "description": "`invalid_request`: every mistake of the body (RFC 9457 section 3).",
                        "items": object("A mistake.", &[], json!({
                            "detail": { "type": "string", "description": "What is expected there." },
                            "pointer": { "type": "string", "pattern": "^#", "examples": ["#/scopes/0"],
                                "description": "Where: a JSON Pointer as a URI fragment (RFC 6901 section 6)." },
                        })),
                    },
                    "scope": { "type": "string", "description": "`insufficient_scope`: which one is missing." },
                    "restriction": { "const": "leak", "description": "`insufficient_scope`: the key had the scope before it leaked." },
                    "current_revision": { "type": "integer", "minimum": 0,
                        "description": "`revision_mismatch`: the revision that it has; 0 where there is nothing." },
                    "deleted_organization": object(
                        "`organization_id_taken`: the organization of this id was deleted, and can be undeleted until `purge_at`.",
                        &[],
                        json!({ "deleted_at": instant(), "purge_at": instant() }),
                    ),
                    "key": { "allOf": [reference("Key")], "description": "`secret_already_shown`: the key made then." },
                    "violated-policies": { "type": "array", "items": text(),
                        "description": "`rate_limit_exceeded`, `quota_exceeded`: which limits, by name." },
                    "error": { "type": "string", "description": "What OAuth clients look for (RFC 6749 section 5.2)." },
                }),
            ),
        ),
    ]
}
