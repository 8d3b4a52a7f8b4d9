//! JSON Schemas (draft 2020-12) of single fields, for `/openapi.json`.
//!
//! A type whose serde form says everything derives its schema where it stands. The
//! types here take less than their form does: each schema repeats in JSON Schema's
//! words what the type's parser checks, with the parser's own limits. The tests of
//! xtask give both the same values and compare what they say.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use crate::http::Code;
use crate::key::{
    Environment, KeyDigest, KeyId, KeyState, OrganizationId, PublicKeyId, Scope, Scopes,
};
use crate::limits::policy::Precision;
use crate::registry::message::{
    AllowedIps, ApiAccess, GrantedScopes, Instant, KeyIds, KeyLifetimeDays, LeakPolicy,
    LimitPolicy, LimitUnits, Limits, Metadata, Name, Note, OverlapSeconds, Patch, ResetDay,
    RestrictionReason, RevocationReason, Span, Wait, WindowSeconds,
};
use crate::time::{Rfc3339, Rfc3339OrNull};

/// Greatest whole number that every JSON reader keeps (RFC 8259 section 6).
const GREATEST_SAFE: i64 = (1 << 53) - 1;

/// The control characters of Unicode (category Cc), for a class of a pattern.
const CONTROL: &str = r"\u0000-\u001f\u007f-\u009f";

/// An organization's id, but for the reserved one.
const ORGANIZATION: &str = "[A-Za-z0-9-][A-Za-z0-9_-]{0,63}";

/// 32 bytes in hexadecimal digits, as a pattern.
pub const SHA256: &str = "^[0-9a-f]{64}$";

/// Fields that have a schema of their own, but no type of their own.
macro_rules! marker {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        pub enum $name {}
    )*};
}

marker! {
    /// An [`OrganizationId`] other than `_platform`.
    ClientOrganizationId
    /// A value within [`Metadata`].
    MetadataValue
    /// A [`Revision`](crate::key::Revision).
    Revision
    /// Whether a change is enforced.
    Enforced
    /// `next_cursor` of a page.
    Cursor
    /// 32 bytes in hexadecimal digits.
    Sha256
    /// `kind` of [`Who`](crate::registry::message::Who).
    ActorKind
    /// `v` of [`ExportedKey`](crate::registry::message::ExportedKey).
    ExportVersion
}

/// Gives a type its schema: under a name among the document's components, or
/// wherever the type is used.
macro_rules! schema {
    ($type:ty, $name:literal, $schema:expr) => {
        schema!(@ $type, $name, false, $schema);
    };
    (inline $type:ty, $schema:expr) => {
        schema!(@ $type, "", true, $schema);
    };
    (@ $type:ty, $name:literal, $inline:literal, $schema:expr) => {
        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                $inline
            }
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }
            fn schema_id() -> Cow<'static, str> {
                stringify!($type).into()
            }
            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                let schema: fn(&mut SchemaGenerator) -> Schema = $schema;
                schema(generator)
            }
        }
    };
}

fn words<'a>(words: impl IntoIterator<Item = &'a str>) -> Schema {
    json_schema!({ "type": "string", "enum": words.into_iter().collect::<Vec<_>>() })
}

fn numbers(range: &std::ops::RangeInclusive<u64>) -> Schema {
    json_schema!({ "type": "integer", "minimum": range.start(), "maximum": range.end() })
}

schema!(
    ClientOrganizationId,
    "ClientOrganizationId",
    |_| json_schema!({
        "type": "string", "pattern": format!("^{ORGANIZATION}$"), "examples": ["acme"],
        "description": "An organization's id, given by the platform.",
    })
);

schema!(OrganizationId, "OrganizationId", |_| json_schema!({
    "type": "string", "pattern": format!("^({}|{ORGANIZATION})$", Self::PLATFORM), "examples": ["acme"],
    "description": "An organization's id. `_platform` is reserved: it holds the admin keys.",
}));

schema!(KeyId, "KeyId", |_| json_schema!({
    "type": "string", "pattern": key_id(),
    "description": "The part of a key before its dot: no secret, safe to log.",
}));

schema!(Name, "Name", |_| json_schema!({
    "type": "string", "minLength": 1, "maxLength": Self::MAX,
    "pattern": format!(r"^[^{CONTROL}]*[^\s{CONTROL}][^{CONTROL}]*$"),
    "description": "What people call it. Spaces around it are cut off.", "examples": ["Web shop"],
}));

schema!(Note, "Note", |_| json_schema!({
    "type": "string", "maxLength": Self::MAX, "pattern": r"^[^\u0000-\u0009\u000b-\u001f\u007f-\u009f]*$",
    "description": "More about it, for the audit.",
}));

schema!(Scope, "Scope", |_| json_schema!({
    "type": "string", "minLength": 1, "maxLength": Self::MAX, "pattern": r"^[!#-\[\]-~]+$",
    "description": "`scope-token` of RFC 6749 section 3.3.", "examples": ["read"],
}));

schema!(inline Scopes, |generator| json_schema!({
    "type": "array", "items": generator.subschema_for::<Scope>(),
}));

schema!(GrantedScopes, "GrantedScopes", |generator| json_schema!({
    "type": "array", "minItems": 1, "maxItems": Scopes::MAX, "items": generator.subschema_for::<Scope>(),
    "description": "What a key may do: scopes that the protected routes or the operator (`CLIENT_SCOPES`) name; \
        admin keys have scopes of their own. A repeat counts once.",
    "examples": [["read"]],
}));

schema!(Instant, "Instant", |_| json_schema!({
    "type": "string", "format": "date-time",
    "pattern": r"^(19[7-9][0-9]|[2-9][0-9]{3})-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$",
    "description": "RFC 3339, with any offset; in a query `+` is written `%2B`. Answers are in UTC, with `Z` and milliseconds; anything finer is cut off.",
    "examples": ["2030-01-01T00:00:00.000Z"],
}));

schema!(inline Rfc3339, |generator| generator.subschema_for::<Instant>());
schema!(inline Rfc3339OrNull, |generator| generator.subschema_for::<Option<Instant>>());

schema!(inline KeyIds, |generator| json_schema!({
    "type": "array", "minItems": 1, "maxItems": Self::MAX, "items": generator.subschema_for::<KeyId>(),
    "description": "Key ids; a repeat counts once.",
}));

schema!(AllowedIps, "AllowedIps", |_| json_schema!({
    "type": "array", "maxItems": Self::MAX, "items": network(),
    "description": "Networks that a key may be used from; everywhere when empty.",
    "examples": [["192.0.2.0/24", "2001:db8::/32"]],
}));

schema!(Metadata, "Metadata", |generator| json_schema!({
    "type": "object", "additionalProperties": generator.subschema_for::<MetadataValue>(),
    "description": format!("The caller's own notes: at most {} bytes written without spaces, at most {} levels \
        deep.", Self::MAX_BYTES, Self::MAX_DEPTH),
    "examples": [{ "team": "web" }],
}));

schema!(MetadataValue, "MetadataValue", |generator| json_schema!({
    "description": "Numbers are whole, so that every reader keeps them.",
    "anyOf": [
        { "type": ["null", "boolean", "string"] },
        { "type": "integer", "minimum": -GREATEST_SAFE, "maximum": GREATEST_SAFE },
        { "type": "array", "items": generator.subschema_for::<Self>() },
        { "type": "object", "additionalProperties": generator.subschema_for::<Self>() },
    ],
}));

schema!(Environment, "Environment", |_| words(
    Self::ALL.map(Self::as_str)
));
schema!(KeyState, "KeyState", |_| words(Self::ALL.map(Self::as_str)));
schema!(ApiAccess, "ApiAccess", |_| words(["enabled", "disabled"]));
schema!(RevocationReason, "RevocationReason", |_| words(
    Self::ALL.map(Self::as_str)
));
schema!(Code, "ProblemCode", |_| words(
    Self::all().map(Self::as_str)
));
schema!(Span, "Span", |_| words(["hour", "day"]));
schema!(inline ActorKind, |_| words(["key", "session", "holder", "bootstrap", "system"]));
schema!(inline RestrictionReason, |_| json_schema!({ "const": "leak" }));
schema!(inline ExportVersion, |_| json_schema!({ "const": 1 }));

schema!(LeakPolicy, "LeakPolicy", |generator| {
    let only = |actions: &[&str]| {
        json_schema!({
            "type": "object", "required": ["action"], "additionalProperties": false,
            "properties": { "action": words(actions.iter().copied()) },
        })
    };
    let quarantine = json_schema!({
        "type": "object", "required": ["action", "scopes"], "additionalProperties": false,
        "properties": {
            "action": { "const": "quarantine" },
            "scopes": { "type": "array", "maxItems": Scopes::MAX, "items": generator.subschema_for::<Scope>(),
                "description": "Of its scopes the key keeps only these." },
        },
    });
    json_schema!({
        "description": "What a report of a leak does to a key: it is noted, held to a few scopes, or revoked.",
        "oneOf": [only(&["report", "revoke"]), quarantine],
    })
});

schema!(Revision, "Revision", |_| json_schema!({
    "type": "integer", "minimum": 0,
    "description": "Grows with every change inside an organization.",
}));

schema!(Wait, "Wait", |_| json_schema!({
    "type": "boolean", "default": Self::default(),
    "description": "Whether to answer only once the change is enforced. Without, the answer is 202 while it is not.",
}));

schema!(Enforced, "Enforced", |_| json_schema!({
    "type": "boolean",
    "description": "Whether every edge decides by this state.",
}));

schema!(Cursor, "Cursor", |_| json_schema!({
    "type": ["string", "null"],
    "description": "Where the next page begins; `null` at the end. With a filter a page may be short.",
}));

schema!(inline Sha256, |_| json_schema!({ "type": "string", "pattern": SHA256 }));

schema!(inline KeyDigest, |_| json_schema!({
    "type": "string", "pattern": "^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$",
    "description": "HMAC-SHA-256, in base64url.",
}));

schema!(inline KeyLifetimeDays, |_| numbers(&Self::RANGE));
schema!(inline OverlapSeconds, |_| numbers(&Self::RANGE));
schema!(inline LimitUnits, |_| numbers(&Self::RANGE));
schema!(inline WindowSeconds, |_| numbers(&Self::RANGE));
schema!(inline ResetDay, |_| numbers(&Self::RANGE));
schema!(inline Precision, |_| words(["local", "leased", "strict"]));

/// A rate, or a quota by one of three periods, each with what belongs to it.
fn limit(generator: &mut SchemaGenerator, period: Option<&str>) -> Value {
    let mut members = Map::new();
    let mut put = |name: &str, schema: Value| members.insert(name.to_owned(), schema);
    put(
        "name",
        json!({ "type": "string", "pattern": "^[a-z0-9_-]{1,32}$",
            "description": "As in the fields `RateLimit` and `RateLimit-Policy`." }),
    );
    let precision =
        |words: &[&str]| json!({ "enum": words, "description": "`leased` unless said." });
    let number = |most: u64| json!({ "type": "integer", "minimum": 1, "maximum": most });
    let (title, needed) = match period {
        None => {
            put("limit", number(10_000_000));
            let window = generator.subschema_for::<WindowSeconds>();
            put("window_seconds", window.into());
            let mut burst = json_schema!({
                "description": "How much more may be admitted in a window of that length; half the limit unless said.",
            });
            burst.insert("type".to_owned(), "integer".into());
            burst.insert("minimum".to_owned(), 1.into());
            burst.insert("maximum".to_owned(), 10_000_000.into());
            put("burst", burst.into());
            put("precision", precision(&["leased", "strict", "local"]));
            ("Rate".to_owned(), "window_seconds")
        }
        Some(period) => {
            put("limit", generator.subschema_for::<LimitUnits>().into());
            put("period", json!({ "const": period }));
            put("precision", precision(&["leased", "strict"]));
            if period != "forever" {
                put(
                    "reset_time",
                    json!({ "type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$",
                        "description": "`00:00` unless said." }),
                );
                put(
                    "time_zone",
                    json!({ "type": "string", "minLength": 1, "maxLength": 64, "examples": ["Europe/Copenhagen"],
                        "description": "A name of the IANA time zone database; `UTC` unless said." }),
                );
            }
            if period == "month" {
                put("reset_day", generator.subschema_for::<ResetDay>().into());
            }
            (format!("Quota: {period}"), "period")
        }
    };
    json!({ "type": "object", "title": title, "required": ["name", "limit", needed],
        "properties": members, "additionalProperties": false })
}

schema!(LimitPolicy, "Limit", |generator| {
    let kinds = [None, Some("day"), Some("month"), Some("forever")];
    let kinds = kinds.map(|period| limit(generator, period));
    json_schema!({ "oneOf": kinds, "description": "A rate (with `window_seconds`) or a quota (with `period`)." })
});

schema!(Limits, "Limits", |generator| json_schema!({
    "type": "array", "maxItems": Self::MAX, "items": generator.subschema_for::<LimitPolicy>(),
    "description": "Rates (with `window_seconds`) and quotas (with `period`), none twice by name; the strictest decides.",
    "examples": [[{"name": "burst", "limit": 100, "window_seconds": 1}, {"name": "monthly", "limit": 10000, "period": "month"}]],
}));

/// `null`, or a value.
impl<T: JsonSchema> JsonSchema for Patch<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        Option::<T>::schema_name()
    }
    fn schema_id() -> Cow<'static, str> {
        Option::<T>::schema_id()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Option::<T>::json_schema(generator)
    }
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
fn network() -> Schema {
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
    json_schema!({ "anyOf": [
        { "type": "string", "pattern": format!("^{byte}(\\.{byte}){{3}}(/(3[0-2]|[12]?[0-9]))?$") },
        { "type": "string", "pattern": format!("^({})(/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))?$", forms.join("|")) },
    ] })
}
