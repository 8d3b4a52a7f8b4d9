//! The schemas: those of the crate's types, and those of what has no type.

use super::untyped::{self, object, text};
use katalo_keys::freshness::recent::RecentChange;
use katalo_keys::http::Code;
use katalo_keys::http::admin::{OF_ALL_ORGANIZATIONS, Totals};
use katalo_keys::registry::message::{
    self, AuditHead, DisableKeys, ExportedKey, Impact, Import, IssueKey, KeyView, OrganizationView,
    Page, PatchKey, PatchOrganization, PutOrganization, RevokeKey, RevokeKeys, RotateKey, UsageRow,
    WaitOnly,
};
use katalo_keys::schema::ClientOrganizationId;
use schemars::{
    JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings, transform::RecursiveTransform,
};
use serde_json::{Map, Value, json};

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

pub(super) fn all() -> Map<String, Value> {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
    });
    let settings = settings.with_transform(RecursiveTransform(tidy));
    let mut all = shown(settings.clone().for_serialize().into_generator());
    // What an import may leave out of a line, an export may too.
    all.extend(read(settings.for_deserialize().into_generator()));
    all
}

/// Takes out what Rust says and the API does not.
fn tidy(schema: &mut Schema) {
    // The width of Rust's integers is no format.
    if schema
        .get("format")
        .and_then(Value::as_str)
        .is_some_and(|format| format.starts_with("uint"))
    {
        schema.remove("format");
    }
    // That a member may be left out says enough, unless something else than nothing
    // is meant then; and what is referred to says its default itself.
    let nothing = [json!(null), json!(false), json!([]), json!({})];
    if schema.get("$ref").is_some()
        || schema
            .get("default")
            .is_some_and(|default| nothing.contains(default))
    {
        schema.remove("default");
    }
    // Lines of a comment.
    if let Some(Value::String(text)) = schema.get_mut("description") {
        *text = text.replace('\n', " ");
    }
}

fn define<T: JsonSchema>(generator: &mut SchemaGenerator) {
    generator.subschema_for::<T>();
}

fn named(schemas: Vec<(&str, Value)>) -> Map<String, Value> {
    schemas
        .into_iter()
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect()
}

/// The bodies of requests.
fn read(mut generator: SchemaGenerator) -> Map<String, Value> {
    define::<PutOrganization>(&mut generator);
    define::<PatchOrganization>(&mut generator);
    define::<IssueKey>(&mut generator);
    define::<PatchKey>(&mut generator);
    define::<RotateKey>(&mut generator);
    define::<RevokeKey>(&mut generator);
    define::<DisableKeys>(&mut generator);
    define::<RevokeKeys>(&mut generator);
    define::<WaitOnly>(&mut generator);
    define::<Import>(&mut generator);
    let mut schemas = generator.take_definitions(true);
    schemas.extend(named(untyped::requests()));
    schemas
}

/// The bodies of answers.
fn shown(mut generator: SchemaGenerator) -> Map<String, Value> {
    define::<Code>(&mut generator);
    define::<ClientOrganizationId>(&mut generator);
    define::<AuditHead>(&mut generator);
    define::<Impact>(&mut generator);
    for (name, page) in [
        (
            "OrganizationPage",
            generator.subschema_for::<Page<OrganizationView>>(),
        ),
        ("KeyPage", generator.subschema_for::<Page<KeyView>>()),
        ("UsagePage", generator.subschema_for::<Page<UsageRow>>()),
        ("ExportPage", generator.subschema_for::<Page<ExportedKey>>()),
    ] {
        generator
            .definitions_mut()
            .insert(name.to_owned(), page.to_value());
    }
    let status = status(&mut generator);
    generator
        .definitions_mut()
        .insert("Status".to_owned(), status);
    let mut schemas = generator.take_definitions(true);
    schemas.extend(named(untyped::answers()));
    schemas
}

/// Put together at the edge that is asked, from what each part says of itself.
fn status(generator: &mut SchemaGenerator) -> Value {
    let milliseconds = || json!({ "type": "integer", "minimum": 0 });
    let log = object(
        "The change log.",
        &[],
        json!({
            "incarnation": count(), "head": count(), "bound_ms": milliseconds(), "wait_for_ms": milliseconds(),
            "holders": count(), "expired_unconfirmed": count(),
            "recent": { "type": "array", "items": generator.subschema_for::<RecentChange>().to_value() },
        }),
    );
    let relay = object(
        "A relay.",
        &[],
        json!({
            "name": text(), "answers": { "type": "boolean" }, "proof_age_ms": { "type": ["integer", "null"], "minimum": 0 },
            "holders": or_null(count()), "expired_unconfirmed": or_null(count()),
        }),
    );
    let platform = generator.subschema_for::<message::Status>().to_value();
    let organizations = generator.subschema_for::<Totals>().to_value();
    object(
        "How the installation stands, as this edge sees it. A part that does not answer is `null`. What tells of all organizations is not there for an administrator who is tied to one.",
        &OF_ALL_ORGANIZATIONS,
        json!({
            "at": reference("Instant"),
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
