//! The admin API, by place and method.

use super::operation::{KEY_PROBLEMS, Operation, content, json_of, tagged, with_header};
use super::schema::{count, reference, words};
use katalo_keys::http::admin::{
    DAYS, IDEMPOTENCY_KEY_MAX, METADATA_FILTER_MAX, query_of, scope_of,
};
use katalo_keys::http::{AdminPlace, Code, JSON, KeyAction, NDJSON};
use katalo_keys::key::{Environment, KeyState};
use katalo_keys::registry::message::Limit;
use serde_json::{Value, json};

const MERGE_PATCH: &str = "application/merge-patch+json";

/// What every route for administrators can be refused with.
const REFUSED: [Code; 4] = [
    Code::WrongEnvironment,
    Code::AddressNotAllowed,
    Code::BrowserCallRefused,
    Code::RegistryUnavailable,
];

/// What a body can be refused with.
const BODY: [Code; 3] = [
    Code::InvalidRequest,
    Code::BodyTooLarge,
    Code::UnsupportedMediaType,
];

/// The operation, complete but for the variables of its path.
pub(super) fn operation(place: &AdminPlace<'_>, method: &str) -> Option<Operation> {
    let described = described(place, method)?;
    if matches!(place, AdminPlace::Bootstrap | AdminPlace::Session) {
        return Some(described);
    }
    let scope = scope_of(place, method);
    let changes = method != "GET";
    let session = if changes {
        json!({ "session": [scope], "csrf": [] })
    } else {
        json!({ "session": [scope] })
    };
    let mut operation = described
        .secured(json!([{ "adminKey": [scope] }, session]))
        .refused(&KEY_PROBLEMS)
        .refused(&REFUSED)
        .refused(&[Code::InsufficientScope, Code::InvalidRequest]);
    if !changes {
        for name in query_of(place) {
            operation = operation.parameter(parameter(name, place));
        }
    }
    if !matches!(
        place,
        AdminPlace::Status | AdminPlace::RootKeys | AdminPlace::Organizations
    ) {
        operation = operation.refused(&[Code::NotFound]);
    }
    Some(if *place == AdminPlace::KeyLookup {
        operation.refused(&BODY)
    } else if changes {
        operation
            .parameter(if_match())
            .refused(&BODY)
            .refused(&[Code::RevisionMismatch])
    } else {
        operation
    })
}

fn described(place: &AdminPlace<'_>, method: &str) -> Option<Operation> {
    Some(match (place, method) {
        (AdminPlace::Bootstrap, "POST") => bootstrap(),
        (AdminPlace::Session, _) => session(method)?,
        (AdminPlace::Status, "GET") => {
            Operation::new("readStatus", "service", "How the installation stands")
                .answers("200", json_of("The status.", "Status"))
        }
        (AdminPlace::RootKeys, "GET") => {
            Operation::new("listRootKeys", "service", "Keys by the root key that made them, per organization")
                .described("A ring entry that no organization counts keys on can be removed without refusing any.")
                .answers("200", json_of("A page.", "RootKeysPage"))
        }
        (AdminPlace::KeyLookup, "POST") => {
            Operation::new("lookUpKey", "keys", "Whose a key is, by its id or by the whole key")
                .described("A key id names its organization's registry, so that none has to be searched. A whole key is \
                    neither stored nor logged: it is in the body, and `secret_matches` tells whether its secret is right. \
                    Admin keys take `admins:write`. An administrator who is tied to an organization finds its keys alone.")
                .body("KeyLookup", true, &[JSON])
                .answers("200", no_store(json_of("The key.", "KeyLookedUp")))
        }
        (AdminPlace::Organizations, "GET") => {
            Operation::new("listOrganizations", "organizations", "Organizations in the order of their ids")
                .described("An administrator who is tied to one organization sees that one alone.")
                .answers("200", json_of("A page.", "OrganizationPage"))
        }
        (AdminPlace::Organization(_), _) => organization(method)?,
        (AdminPlace::Keys(_), "GET") => Operation::new("listKeys", "keys", "Keys, newest first")
            .answers("200", json_of("A page.", "KeyPage")),
        (AdminPlace::Keys(_), "POST") => issue(),
        (AdminPlace::DisableKeys(_), "POST") => change_of_many(
            Operation::new("disableKeys", "keys", "Pause up to 100 keys").body("DisableKeys", true, &[JSON]),
        ),
        (AdminPlace::RevokeKeys(_), "POST") => change_of_many(
            Operation::new("revokeKeys", "keys", "Revoke up to 100 keys for ever").body("RevokeKeys", true, &[JSON]),
        ),
        (AdminPlace::Key(..), "GET") => Operation::new("readKey", "keys", "A key")
            .answers("200", tagged(json_of("The key.", "Key"))),
        (AdminPlace::Key(..), "PATCH") => change_of(
            Operation::new("changeKey", "keys", "Change a key")
                .body("PatchKey", true, &[MERGE_PATCH, JSON]),
            "KeyChanged",
        )
        .refused(&[Code::AlreadyRevoked, Code::LastAdmin]),
        (AdminPlace::KeyAction(_, _, action), "POST") => key_action(*action),
        (AdminPlace::Impact(..), "GET") => {
            Operation::new("readImpact", "keys", "What a revocation of the key would hit")
                .answers("200", json_of("By time and scope.", "Impact"))
        }
        (AdminPlace::RevokeAll(_), "POST") => change_of(
            Operation::new("revokeAllKeys", "organizations", "Revoke every key of the organization, as one change")
                .body("RevokeKey", true, &[JSON]),
            "OrganizationChanged",
        )
        .refused(&[Code::LastAdmin]),
        (AdminPlace::Undelete(_), "POST") => change_of(
            Operation::new("undeleteOrganization", "organizations", "Take the deletion of an organization back")
                .described("Until `purge_at`. Its settings, its audit and the records of its keys are there again. What the deletion \
                    revoked stays revoked, the admin keys that were tied to it too, and API access is off until it is switched on.")
                .body("WaitOnly", false, &[JSON]),
            "OrganizationChanged",
        ),
        (AdminPlace::Audit(_), "GET") => lines(
            Operation::new("listAudit", "audit", "Entries of the audit, oldest first")
                .described("With `key`, those about one key: what was done to it, and the rotation that made it. As lines the answer is everything after `cursor`, whatever `limit` says, streamed as it is read. One that \
                    is cut off has no end of its own (no last chunk, or a reset stream): ask again with the last line's `seq` as `cursor`."),
            "AuditPage",
            "AuditEntry",
        ),
        (AdminPlace::AuditHead(_), "GET") => {
            Operation::new("readAuditHead", "audit", "The signed end of the audit's chain")
                .described("Kept elsewhere, it tells later whether an entry was changed, left out or cut off. `checkpoint` is there \
                    where the operator's retention has dropped the chain's beginning.")
                .answers("200", json_of("The head.", "AuditHead"))
        }
        (AdminPlace::Usage(_), "GET") => Operation::new("listUsage", "usage", "Counts per key, scope and outcome")
            .described("The last 30 days by the hour, unless said.")
            .answers("200", json_of("A page.", "UsagePage")),
        (AdminPlace::Limits(_), "GET") => {
            Operation::new("listLimits", "usage", "How the limits of an organization stand")
                .described("Those that all its keys share, by what their meter has debited.")
                .answers("200", json_of("All of them.", "LimitStandings"))
                .refused(&[Code::RegistryUnavailable])
        }
        (AdminPlace::KeyLimits(..), "GET") => {
            Operation::new("listKeyLimits", "usage", "How the limits of a key stand")
                .described("Its own, then those of its organization.")
                .answers("200", json_of("All of them.", "LimitStandings"))
                .refused(&[Code::RegistryUnavailable])
        }
        (AdminPlace::Export(_), "GET") => lines(
            Operation::new("exportKeys", "organizations", "All keys with their digests, oldest first")
                .described("404 unless the operator has switched it on (`KEY_TRANSFER`). As lines everything after `cursor`, streamed as it \
                    is read; one that is cut off goes on where the `id` of the last line is the `cursor`."),
            "ExportPage",
            "ExportedKey",
        ),
        (AdminPlace::Import(_), "POST") => change_of(
            Operation::new("importKeys", "organizations", "Take keys in that were exported")
                .described("All of them or none. 404 unless the operator has switched it on (`KEY_TRANSFER`).")
                .body("ImportKeys", true, &[JSON]),
            "KeysImported",
        ),
        _ => return None,
    })
}

fn bootstrap() -> Operation {
    Operation::new("bootstrap", "sign-in", "The first admin key")
        .described("Once per token: a new one, set by the operator, opens it again.")
        .secured(json!([{ "bootstrapToken": [] }]))
        .answers(
            "201",
            located(no_store(tagged(json_of(
                "The key, with every scope.",
                "KeyIssued",
            )))),
        )
        .answers(
            "202",
            no_store(tagged(json_of("The same, not yet enforced.", "KeyIssued"))),
        )
        .refused(&[
            Code::MissingCredentials,
            Code::InvalidKey,
            Code::BrowserCallRefused,
            Code::AlreadyBootstrapped,
            Code::RateLimited,
            Code::RegistryUnavailable,
        ])
}

fn session(method: &str) -> Option<Operation> {
    let cookie = |response: Value| {
        let header = json!({ "description": "The session's token; HttpOnly.", "required": true,
            "schema": { "type": "string", "pattern": "^__Host-katalo-session=" } });
        with_header(response, "Set-Cookie", header)
    };
    Some(match method {
        "POST" => Operation::new("signIn", "sign-in", "Open a session of the dashboard")
            .body("SignIn", true, &[JSON])
            .answers("201", no_store(cookie(json_of("Signed in.", "Session"))))
            .refused(&KEY_PROBLEMS[1..])
            .refused(&REFUSED)
            .refused(&BODY)
            .refused(&[Code::RateLimited]),
        "GET" => Operation::new("readSession", "sign-in", "Who is signed in")
            .secured(json!([{ "session": [] }]))
            .answers("200", no_store(json_of("The session.", "Session")))
            .refused(&[
                Code::MissingCredentials,
                Code::BrowserCallRefused,
                Code::RegistryUnavailable,
            ]),
        "DELETE" => Operation::new("signOut", "sign-in", "End the session")
            .secured(json!([{ "session": [], "csrf": [] }]))
            .answers("204", cookie(json!({ "description": "Signed out." })))
            .refused(&[
                Code::MissingCredentials,
                Code::BrowserCallRefused,
                Code::RegistryUnavailable,
            ]),
        _ => return None,
    })
}

fn organization(method: &str) -> Option<Operation> {
    Some(match method {
        "GET" => Operation::new("readOrganization", "organizations", "An organization")
            .answers("200", tagged(json_of("The organization.", "Organization"))),
        "PUT" => change_of(
            Operation::new("putOrganization", "organizations", "Create or change an organization")
                .described("A new one has no API access unless said. `If-None-Match: *` only creates, `If-Match` only changes.")
                .parameter(json!({
                    "name": "If-None-Match", "in": "header", "description": "`*`: only where there is none yet.",
                    "schema": { "type": "string", "enum": ["*", ""] },
                }))
                .body("PutOrganization", true, &[JSON]),
            "OrganizationChanged",
        )
        .answers("201", located(linked(no_store(tagged(json_of("Created.", "OrganizationChanged"))), "organization")))
        .refused(&[Code::OrganizationIdTaken]),
        "PATCH" => change_of(
            Operation::new("changeOrganization", "organizations", "Change an organization")
                .described("A merge patch (RFC 7396): what is not said stays. It creates none.")
                .body("PatchOrganization", true, &[MERGE_PATCH, JSON]),
            "OrganizationChanged",
        ),
        "DELETE" => change_of(
            Operation::new("deleteOrganization", "organizations", "Delete an organization")
                .described("Every key is revoked at once. The organization can be read, with `deleted_at`, as long as \
                    its records are kept for the audit; no other change is taken. The admin keys that are tied to it end too.")
                .body("WaitOnly", false, &[JSON]),
            "OrganizationChanged",
        ),
        _ => return None,
    })
}

fn issue() -> Operation {
    Operation::new("issueKey", "keys", "Issue a key")
        .described("It works at once. Keys of `_platform` are admin keys: environment `admin`, scopes of \
            administrators that the caller has too, and `bound_organization` where they are tied to one.")
        .parameter(idempotency_key())
        .body("IssueKey", true, &[JSON])
        .answers("201", located(linked(no_store(tagged(json_of("The key and, this once, its secret.", "KeyIssued"))), "key")))
        .answers("202", no_store(tagged(json_of("The same, while the organization's last change is not enforced.", "KeyIssued"))))
        .refused(&[Code::IssuingDisabled, Code::SecretAlreadyShown, Code::IdempotencyKeyReused])
}

fn key_action(action: KeyAction) -> Operation {
    let last_admin = [Code::LastAdmin];
    match action {
        KeyAction::Rotate => Operation::new("rotateKey", "keys", "Put a successor in a key's place")
            .described("The successor has everything but the secret. The old key works until the overlap ends; its \
                answers carry `Deprecation` (RFC 9745) and `Sunset` (RFC 8594).")
            .parameter(idempotency_key())
            .body("RotateKey", false, &[JSON])
            .answers("201", located(no_store(tagged(json_of("The successor and, this once, its secret.", "KeyRotated")))))
            .answers("202", no_store(tagged(json_of("The same, not yet enforced.", "KeyRotated"))))
            .refused(&[
                Code::NotRotatable,
                Code::IssuingDisabled,
                Code::LastAdmin,
                Code::SecretAlreadyShown,
                Code::IdempotencyKeyReused,
            ]),
        KeyAction::Revoke => change_of(
            Operation::new("revokeKey", "keys", "Revoke a key for ever")
                .described("A repeat is the same answer; the first reason stays.")
                .body("RevokeKey", true, &[JSON]),
            "KeyChanged",
        )
        .refused(&last_admin),
        KeyAction::Disable => change_of(
            Operation::new("disableKey", "keys", "Pause a key").body("WaitOnly", false, &[JSON]),
            "KeyChanged",
        )
        .refused(&[Code::AlreadyRevoked, Code::LastAdmin]),
        KeyAction::Enable => change_of(
            Operation::new("enableKey", "keys", "End a pause").body("WaitOnly", false, &[JSON]),
            "KeyChanged",
        )
        .refused(&[Code::AlreadyRevoked]),
    }
}

/// The answers to a change.
fn change_of(operation: Operation, schema: &str) -> Operation {
    operation
        .answers(
            "200",
            no_store(tagged(json_of(
                "Enforced: every edge decides by it.",
                schema,
            ))),
        )
        .answers(
            "202",
            no_store(tagged(json_of("Done, and not yet enforced.", schema))),
        )
}

/// The answers to an order to many keys.
fn change_of_many(operation: Operation) -> Operation {
    let answer = |description| no_store(json_of(description, "KeysChanged"));
    operation
        .described("Each as by itself, all in one transaction and enforced together: `results` has what came of each, \
            in the order of `ids`, in which a repeat counts once. `If-Match` is of the organization.")
        .answers("200", answer("Enforced: every edge decides by all of it."))
        .answers("202", answer("Done, and not yet enforced."))
}

/// A list that is also there as lines.
fn lines(operation: Operation, page: &str, line: &str) -> Operation {
    let mut response = json_of(
        "A page or, where `Accept` asks for lines, everything from there on.",
        page,
    );
    if let Some(Value::Object(content_of)) = response.get_mut("content") {
        let described = content(
            "",
            NDJSON,
            &json!({
                "type": "string",
                "description": format!("Newline-delimited JSON; each line is one `{line}`."),
            }),
        );
        if let Some(Value::Object(more)) = described.get("content") {
            content_of.extend(more.clone());
        }
    }
    operation.answers("200", response)
}

/// What carries a secret, or tells of one, is not kept.
fn no_store(response: Value) -> Value {
    let header = json!({ "description": "Nobody keeps it.", "required": true, "schema": { "const": "no-store" } });
    with_header(response, "Cache-Control", header)
}

/// Where what was made can be read.
fn located(response: Value) -> Value {
    let header = json!({ "description": "The path of what was made.", "required": true,
        "schema": { "type": "string", "pattern": "^/admin/v1/organizations/" } });
    with_header(response, "Location", header)
}

/// What can be done next with what was made.
fn linked(mut response: Value, made: &str) -> Value {
    let organization = json!({ "organization": "$request.path.organization" });
    let key =
        json!({ "organization": "$request.path.organization", "key_id": "$response.body#/key/id" });
    let (operations, parameters): (&[&str], Value) = match made {
        "organization" => (
            &[
                "readOrganization",
                "issueKey",
                "listKeys",
                "listAudit",
                "readAuditHead",
                "revokeAllKeys",
            ],
            organization,
        ),
        _ => (
            &[
                "readKey",
                "changeKey",
                "rotateKey",
                "revokeKey",
                "disableKey",
                "enableKey",
                "readImpact",
                "listKeyLimits",
            ],
            key,
        ),
    };
    let links: serde_json::Map<String, Value> = operations
        .iter()
        .map(|operation| {
            let link = json!({ "operationId": operation, "parameters": parameters });
            ((*operation).to_owned(), link)
        })
        .collect();
    if let Value::Object(members) = &mut response {
        members.insert("links".to_owned(), Value::Object(links));
    }
    response
}

fn if_match() -> Value {
    json!({
        "name": "If-Match", "in": "header",
        "description": "The revision the object must still have, in quotes; `*`: any. Empty, it counts as none.",
        "schema": { "type": "string", "pattern": "^(\\*|\"[0-9]{1,15}\")?$", "examples": ["\"7\""] },
    })
}

fn idempotency_key() -> Value {
    json!({
        "name": "Idempotency-Key", "in": "header",
        "description": "A repeat within 24 hours makes no second key: 409 `secret_already_shown` with the key made \
            then. With another body: 422.",
        "schema": { "type": "string", "maxLength": IDEMPOTENCY_KEY_MAX, "pattern": "^[!-~]*$" },
    })
}

/// A query parameter. Its schema may hang on where it stands.
fn parameter(name: &str, place: &AdminPlace<'_>) -> Value {
    if matches!(name, "after" | "name") {
        return former(name);
    }
    let (description, schema) = match name {
        "cursor" => ("`next_cursor` of the page before.", cursor(place)),
        "state" => (
            "Only keys that stand so.",
            words(KeyState::ALL.map(KeyState::as_str)),
        ),
        "search" if matches!(place, AdminPlace::Keys(_)) => (
            "Only those whose name has this in it, in any case.",
            search(),
        ),
        "search" => (
            "Only those whose id or name has this in it, in any case.",
            search(),
        ),
        "unused_for_days" => (
            "Only keys that were not used, and not issued, for so many days.",
            days(),
        ),
        "expires_within_days" => (
            "Only keys that are usable and come to an end within so many days: their own, or that of their overlap.",
            days(),
        ),
        "exposed" => (
            "`true`: only keys that a browser sent or that were reported as leaked; `false`: only the others.",
            json!({ "type": "boolean" }),
        ),
        "environment" => (
            "Only keys for it.",
            words(Environment::ALL.map(Environment::as_str)),
        ),
        "metadata" => (
            "Only keys with such a member at the top of their `metadata`: `team`, or `team=web`. The value is a string, \
                or a number, `true`, `false` or `null` as JSON writes it.",
            json!({ "type": "string", "maxLength": METADATA_FILTER_MAX, "pattern": "^[^=]", "examples": ["team=web"] }),
        ),
        "deleted" => (
            "`true`: only organizations that were deleted and whose records are kept; `false`: only the others.",
            json!({ "type": "boolean" }),
        ),
        other => return usage_parameter(other),
    };
    query(name, description, &schema)
}

fn days() -> Value {
    json!({ "type": "integer", "minimum": DAYS.start(), "maximum": DAYS.end() })
}

fn search() -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": 100 })
}

/// A parameter under the name that it had before.
fn former(name: &str) -> Value {
    let mut parameter = match name {
        "after" => query(
            name,
            "The former name of `cursor`: ignored where that is sent.",
            &count_of(9_007_199_254_740_991),
        ),
        _ => query(
            name,
            "The former name of `search`: ignored where that is sent.",
            &search(),
        ),
    };
    if let Value::Object(members) = &mut parameter {
        members.insert("deprecated".to_owned(), true.into());
    }
    parameter
}

/// A parameter of a usage listing, the client's own too.
pub(super) fn usage_parameter(name: &str) -> Value {
    let (description, schema) = match name {
        "from" => (
            "From the bucket that holds this instant.",
            reference("Instant"),
        ),
        "to" => ("To before this instant.", reference("Instant")),
        "by" => (
            "Width of the buckets.",
            json!({ "allOf": [reference("Span")], "default": "hour" }),
        ),
        "key" => ("Only this key's.", reference("KeyId")),
        "cursor" => (
            "`next_cursor` of the page before.",
            json!({ "type": "string" }),
        ),
        "limit" => (
            "Most items.",
            json!({ "type": "integer", "minimum": Limit::RANGE.start(), "maximum": Limit::RANGE.end(),
                "default": Limit::default().get() }),
        ),
        _ => ("", json!({})),
    };
    query(name, description, &schema)
}

fn query(name: &str, description: &str, schema: &Value) -> Value {
    json!({ "name": name, "in": "query", "description": description, "schema": schema })
}

fn count_of(greatest: u64) -> Value {
    let mut schema = count();
    if let Value::Object(members) = &mut schema {
        members.insert("maximum".to_owned(), greatest.into());
    }
    schema
}

/// Cursors are told by the list; their forms are the list's own.
fn cursor(place: &AdminPlace<'_>) -> Value {
    match place {
        AdminPlace::Keys(_) | AdminPlace::Export(_) => {
            json!({ "type": "string", "pattern": "^[0-9]{1,15}$" })
        }
        AdminPlace::Audit(_) => json!({ "type": "string", "pattern": "^[0-9]{1,15}$" }),
        AdminPlace::Organizations | AdminPlace::Status | AdminPlace::RootKeys => {
            reference("OrganizationId")
        }
        _ => json!({ "type": "string" }),
    }
}
