//! What no file of this folder tests in its own place: whole answers, and tables
//! read to the last line.

mod admin_answers;
mod admin_requests;
mod any_path;
mod oauth;
mod problems;
mod proxies;
mod routes;

use super::{Answer, Body};
use crate::json;
use crate::key::{Environment, KeyId, KeyState, OrganizationId, OrganizationTag, Scope, Scopes};
use crate::registry::message::{ApiAccess, KeyCounts, KeyView, Limits, OrganizationView, Who};
use crate::time::Timestamp;

const ORIGIN: &str = "https://keys.example";

/// The members of an answer's JSON.
fn members(answer: &Answer) -> serde_json::Value {
    let Body::Text(_, text) = &answer.body else {
        panic!("no text: {answer:?}")
    };
    json::from_str(text).unwrap()
}

fn organization() -> OrganizationId {
    OrganizationId::parse("acme").unwrap()
}

fn key_id() -> KeyId {
    let tag: OrganizationTag = organization().tag();
    KeyId::parse(&format!("kat_live_10{tag}0000000000A00000B")).unwrap()
}

fn scopes() -> Scopes {
    Scopes::new(vec![Scope::parse("read").unwrap()]).unwrap()
}

fn key_view(revision: u64, effective_at: Option<u64>) -> KeyView {
    KeyView {
        id: key_id(),
        organization: organization(),
        name: "Shop".to_owned(),
        environment: Environment::Live,
        scopes: scopes(),
        state: KeyState::Active,
        created_at: Timestamp(0),
        created_by: Who {
            kind: "system".to_owned(),
            id: None,
            name: None,
        },
        expires_at: None,
        retires_at: None,
        last_used_at: None,
        replaces: None,
        replaced_by: None,
        revoked_at: None,
        revocation_reason: None,
        exposed_at: None,
        exposed_origin: None,
        leaked_at: None,
        leak_url: None,
        restriction: None,
        allowed_ips: Default::default(),
        metadata: Default::default(),
        bound_organization: None,
        limits: Limits::default(),
        updated_at: None,
        enforced: effective_at.is_some(),
        effective_at: effective_at.map(Timestamp),
        revision,
    }
}

fn organization_view(revision: u64, effective_at: Option<u64>) -> OrganizationView {
    OrganizationView {
        id: organization(),
        name: "Acme".to_owned(),
        api_access: ApiAccess::Enabled,
        max_key_lifetime_days: None,
        leak_policy: Default::default(),
        created_at: Timestamp(0),
        deleted_at: None,
        purge_at: None,
        keys: KeyCounts::default(),
        limits: Limits::default(),
        updated_at: None,
        enforced: effective_at.is_some(),
        effective_at: effective_at.map(Timestamp),
        revision,
    }
}
