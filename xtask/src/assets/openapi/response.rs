//! Bodies of answers.

use super::field::{count, or_null, reference, words};
use katalo_keys::http::admin::OF_ALL_ORGANIZATIONS;
use katalo_keys::key::KeyState;
use serde_json::{Map, Value, json};

/// An object; every member is there but those of `optional`.
fn object(description: &str, optional: &[&str], properties: Value) -> Value {
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

fn text() -> Value {
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

pub(super) fn schemas() -> Vec<(&'static str, Value)> {
    let mut schemas = objects();
    schemas.extend(answers());
    schemas
}

fn objects() -> Vec<(&'static str, Value)> {
    let counts: Map<String, Value> = KeyState::ALL
        .map(|state| (state.as_str().to_owned(), count()))
        .into_iter()
        .collect();
    let hash = || json!({ "type": "string", "pattern": "^[0-9a-f]{64}$" });
    let facts = || json!({ "type": ["object", "null"] });
    vec![
        (
            "Who",
            object(
                "Who did something.",
                &["id", "name"],
                json!({
                    "kind": words(["key", "session", "holder", "bootstrap", "system"]),
                    "id": { "type": "string", "description": "The key id of the acting key." },
                    "name": { "type": "string", "description": "What it was called then." },
                }),
            ),
        ),
        (
            "Key",
            object(
                "A key. Never its secret, never a digest.",
                &["bound_organization"],
                json!({
                    "id": reference("KeyId"),
                    "organization": reference("OrganizationId"),
                    "name": reference("Name"),
                    "environment": reference("Environment"),
                    "scopes": { "type": "array", "items": reference("Scope") },
                    "state": reference("KeyState"),
                    "created_at": instant(),
                    "created_by": reference("Who"),
                    "expires_at": or_null(instant()),
                    "retires_at": or_null(instant()),
                    "last_used_at": or_null(instant()),
                    "replaces": or_null(reference("KeyId")),
                    "replaced_by": or_null(reference("KeyId")),
                    "revoked_at": or_null(instant()),
                    "revocation_reason": or_null(reference("RevocationReason")),
                    "exposed_at": or_null(instant()),
                    "exposed_origin": { "type": ["string", "null"] },
                    "leaked_at": or_null(instant()),
                    "leak_url": { "type": ["string", "null"], "description": "Where a scanner found it." },
                    "restriction": or_null(reference("Restriction")),
                    "allowed_ips": reference("AllowedIps"),
                    "metadata": reference("Metadata"),
                    "bound_organization": reference("ClientOrganizationId"),
                    "enforced": reference("Enforced"),
                    "effective_at": or_null(instant()),
                    "revision": reference("Revision"),
                }),
            ),
        ),
        (
            "Restriction",
            object(
                "What a key is held to until an administrator lifts it.",
                &[],
                json!({
                    "reason": { "const": "leak" },
                    "since": instant(),
                    "scopes": { "type": "array", "items": reference("Scope"),
                        "description": "Of the key's scopes only these." },
                }),
            ),
        ),
        (
            "Organization",
            object(
                "An organization.",
                &[],
                json!({
                    "id": reference("OrganizationId"),
                    "name": reference("Name"),
                    "api_access": reference("ApiAccess"),
                    "max_key_lifetime_days": { "type": ["integer", "null"], "minimum": 1 },
                    "leak_policy": reference("LeakPolicy"),
                    "created_at": instant(),
                    "deleted_at": or_null(instant()),
                    "keys": object("Number of keys in each state.", &[], Value::Object(counts)),
                    "enforced": reference("Enforced"),
                    "effective_at": or_null(instant()),
                    "revision": reference("Revision"),
                }),
            ),
        ),
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
        (
            "AuditHead",
            object(
                "The end of the chain, signed.",
                &["checkpoint"],
                json!({
                    "organization": reference("OrganizationId"),
                    "count": count(),
                    "hash": hash(),
                    "signature": text(),
                    "checkpoint": reference("AuditCheckpoint"),
                }),
            ),
        ),
        (
            "AuditCheckpoint",
            object(
                "Where the chain begins that is kept, signed: its beginning, up to and with the entry `seq`, was dropped, of \
                    which an entry `audit.sealed` tells.",
                &[],
                json!({
                    "organization": reference("OrganizationId"),
                    "seq": count(),
                    "hash": hash(),
                    "at": instant(),
                    "signature": text(),
                }),
            ),
        ),
        (
            "UsageRow",
            object(
                "One count.",
                &[],
                json!({
                    "start": instant(),
                    "by": reference("Span"),
                    "key": reference("KeyId"),
                    "scope": or_null(reference("Scope")),
                    "outcome": { "type": "string", "description": "`allowed`, or the code of the denial." },
                    "count": count(),
                }),
            ),
        ),
        (
            "WindowUse",
            object(
                "Requests let through in a time.",
                &[],
                json!({
                    "requests": count(),
                    "by_scope": { "type": "object", "additionalProperties": count(),
                        "description": "Those of routes without a scope stand under the empty name." },
                }),
            ),
        ),
        (
            "Impact",
            object(
                "What a revocation would hit.",
                &[],
                json!({
                    "key": reference("KeyId"),
                    "last_used_at": or_null(instant()),
                    "last_hour": reference("WindowUse"),
                    "last_day": reference("WindowUse"),
                    "last_30_days": reference("WindowUse"),
                    "successor": or_null(object("Whether the successor has taken over.", &[], json!({
                        "id": reference("KeyId"),
                        "in_use": { "type": "boolean" },
                        "last_used_at": or_null(instant()),
                    }))),
                }),
            ),
        ),
        ("ExportedKey", exported_key()),
    ]
}

/// Both a line of an export and of an import, so no other member is taken.
fn exported_key() -> Value {
    let mut schema = object(
        "A line of an export. Its digest can be checked only where the same root keys are.",
        &[
            "expires_at",
            "retires_at",
            "disabled",
            "revoked_at",
            "revocation_reason",
            "last_used_at",
            "replaces",
            "replaced_by",
            "allowed_ips",
            "metadata",
            "restriction",
        ],
        json!({
            "v": { "const": 1 },
            "id": reference("KeyId"),
            "digest": { "type": "string", "pattern": "^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$",
                "description": "HMAC-SHA-256, in base64url." },
            "name": reference("Name"),
            "scopes": reference("GrantedScopes"),
            "created_at": instant(),
            "created_by": reference("Who"),
            "expires_at": or_null(instant()),
            "retires_at": or_null(instant()),
            "disabled": { "type": "boolean" },
            "revoked_at": or_null(instant()),
            "revocation_reason": or_null(reference("RevocationReason")),
            "last_used_at": or_null(instant()),
            "replaces": or_null(reference("KeyId")),
            "replaced_by": or_null(reference("KeyId")),
            "allowed_ips": reference("AllowedIps"),
            "metadata": reference("Metadata"),
            "restriction": or_null(reference("Restriction")),
        }),
    );
    if let Value::Object(members) = &mut schema {
        members.insert("additionalProperties".to_owned(), false.into());
    }
    schema
}

fn answers() -> Vec<(&'static str, Value)> {
    let secret = json!({
        "type": "string",
        "description": "The whole key to present. Shown this once; it is not stored.",
    });
    vec![
        ("OrganizationPage", page("Organization")),
        ("RootKeysPage", page("RootKeysOf")),
        (
            "RootKeysOf",
            object(
                "How many of an organization's keys could still open something, by the ring entry that made them.",
                &[],
                json!({ "organization": reference("OrganizationId"), "keys_per_ring_entry": by_ring_entry() }),
            ),
        ),
        (
            "LeakFeedback",
            object(
                "What became of a match.",
                &[],
                json!({
                    "token_hash": { "type": "string", "pattern": "^[0-9a-f]{64}$", "description": "SHA-256 of the match." },
                    "token_type": text(),
                    "label": words(["true_positive", "false_positive"]),
                }),
            ),
        ),
        ("KeyPage", page("Key")),
        ("AuditPage", page("AuditEntry")),
        ("UsagePage", page("UsageRow")),
        ("ExportPage", page("ExportedKey")),
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
                    "csrf_token": { "type": "string", "description": "What changes by cookie carry in `X-CSRF-Token`." },
                    "expires_at": instant(),
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
                }),
            ),
        ),
        (
            "Health",
            object("It lives.", &[], json!({ "status": { "const": "ok" } })),
        ),
        ("Status", status()),
        (
            "Problem",
            object(
                "RFC 9457. Its page is `type`.",
                &[
                    "field",
                    "scope",
                    "restriction",
                    "current_revision",
                    "key",
                    "error",
                ],
                json!({
                    "type": { "type": "string", "format": "uri-reference" },
                    "title": text(),
                    "status": { "type": "integer", "minimum": 400, "maximum": 599 },
                    "detail": text(),
                    "code": reference("ProblemCode"),
                    "request_id": text(),
                    "field": { "type": "string", "description": "`invalid_request`: which field." },
                    "scope": { "type": "string", "description": "`insufficient_scope`: which one is missing." },
                    "restriction": { "const": "leak", "description": "`insufficient_scope`: the key had the scope before it leaked." },
                    "current_revision": { "type": "integer", "minimum": 0,
                        "description": "`revision_mismatch`: the revision that it has; 0 where there is nothing." },
                    "key": { "allOf": [reference("Key")], "description": "`secret_already_shown`: the key made then." },
                    "error": { "type": "string", "description": "What OAuth clients look for (RFC 6749 section 5.2)." },
                }),
            ),
        ),
    ]
}

fn by_ring_entry() -> Value {
    json!({ "type": "object", "additionalProperties": count() })
}

fn status() -> Value {
    let milliseconds = || json!({ "type": "integer", "minimum": 0 });
    let log = object(
        "The change log.",
        &[],
        json!({
            "incarnation": count(), "head": count(), "bound_ms": milliseconds(), "wait_for_ms": milliseconds(),
        }),
    );
    let relay = object(
        "A relay.",
        &[],
        json!({
            "name": text(), "answers": { "type": "boolean" }, "proof_age_ms": { "type": ["integer", "null"], "minimum": 0 },
        }),
    );
    let outbox = object(
        "What has not left yet.",
        &[],
        json!({ "appends": count(), "publications": count() }),
    );
    let preflight = object(
        "A page that is being built with a key in it.",
        &[],
        json!({
            "origin": text(), "count": count(), "last_at": instant(),
        }),
    );
    let organizations = object(
        "Sums over a page of organizations: `limit` of them from `cursor` on.",
        &[],
        json!({
            "counted": count(),
            "unanswered": count(),
            "outbox": outbox,
            "keys_per_ring_entry": by_ring_entry(),
            "unused_keys": count(),
            "exposed_keys": count(),
            "next_cursor": reference("Cursor"),
        }),
    );
    let platform = object(
        "`_platform`'s registry.",
        &[],
        json!({
            "revision": reference("Revision"),
            "outbox": outbox,
            "keys_per_ring_entry": by_ring_entry(),
            "unused_keys": count(),
            "exposed_keys": count(),
            "preflights": { "type": "array", "items": preflight },
            "failures_suppressed": count(),
        }),
    );
    object(
        "How the installation stands, as this edge sees it. A part that does not answer is `null`. What tells of all organizations is not there for an administrator who is tied to one.",
        &OF_ALL_ORGANIZATIONS,
        json!({
            "at": instant(),
            "version": text(),
            "freshness_bound_ms": { "type": ["integer", "null"], "minimum": 0 },
            "change_log": or_null(log),
            "relays": { "type": "array", "items": relay },
            "edge": object("This edge.", &[], json!({ "region": text(), "records": count(), "bytes": count() })),
            "platform": or_null(platform),
            "organizations": or_null(organizations),
            "root_keys": object("The ring.", &[], json!({
                "current": text(), "entries": { "type": "array", "items": text() },
            })),
            "weakened": { "type": "array", "items": text(), "description": "What settings that weaken a guarantee allow." },
            "weakened_by": { "type": "array", "items": object("A setting that weakens a guarantee.", &[], json!({
                "setting": text(),
                "at_most_ms": { "type": ["integer", "null"], "minimum": 0, "description": "How old what is served may be." },
                "text": text(),
            })) },
        }),
    )
}
