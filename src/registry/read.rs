//! Answers that change nothing: the organization, lists of keys, how it stands.

use std::collections::BTreeMap;

use super::context::{CommandError, RequestContext};
use super::message::{
    ApiAccess, KeyCounts, KeyLifetimeDays, Limits, ListKeys, OrganizationView, Outcome, Page,
    Refusal, Status,
};
use super::sql as statements;
use super::store::{self, Key, Organization, first, folded, word};
use super::{deletion, outbox};
use crate::key::{Environment, KeyState, Revision};
use crate::sql::{SqlError, Value};

/// How many keys one page of a filtered list looks at. A page then costs the
/// same however many keys there are; where few fit, it is short or empty and its
/// cursor leads on.
const WINDOW: u64 = 2_000;

const DAY: u64 = 86_400_000;

/// The organization object. Its counts by state are the one answer whose cost
/// grows with the number of keys: one pass over an index.
pub(super) fn organization(
    registry: &RequestContext<'_>,
    held: &Organization,
) -> Result<OrganizationView, SqlError> {
    let mut keys = KeyCounts::default();
    let parameters = [registry.now.0.into(), held.keys_revoked_through.into()];
    for row in registry
        .sql
        .query(statements::COUNT_BY_STATE, &parameters)?
    {
        let count = row.unsigned(1)?;
        match word(row.text(0)?, "state")? {
            KeyState::Active => keys.active = count,
            KeyState::Retiring => keys.retiring = count,
            KeyState::Disabled => keys.disabled = count,
            KeyState::Expired => keys.expired = count,
            KeyState::Revoked => keys.revoked = count,
        }
    }
    Ok(OrganizationView {
        id: held.id.clone(),
        name: held.name.as_str().to_owned(),
        api_access: ApiAccess::from(held.api_access),
        max_key_lifetime_days: held.max_key_lifetime_days.map(KeyLifetimeDays::get),
        leak_policy: held.leak_policy.clone(),
        created_at: held.created_at,
        deleted_at: held.deleted_at,
        purge_at: deletion::purge_at(held, registry.settings),
        keys,
        limits: Limits::shown(&held.limits),
        updated_at: held.updated_at,
        enforced: held.is_enforced(),
        effective_at: held.effective_at(),
        revision: held.revision,
    })
}

/// A page of keys, newest first.
pub(super) fn keys(
    registry: &RequestContext<'_>,
    held: &Organization,
    asked: &ListKeys,
) -> Result<Outcome, CommandError> {
    let before = asked.cursor.as_deref().map_or(Ok(LAST), revision_cursor)?;
    let limit = asked.limit.get();
    let filtered = asked.state.is_some()
        || asked.name.is_some()
        || asked.unused_for_days.is_some()
        || asked.expires_within_days.is_some()
        || asked.exposed.is_some()
        || asked.environment.is_some()
        || asked.metadata.is_some();
    let window = if filtered { WINDOW } else { limit + 1 };
    let unused_since = asked
        .unused_for_days
        .map(|days| registry.now.0.saturating_sub(u64::from(days) * DAY));
    let ends_by = asked
        .expires_within_days
        .map(|days| registry.now.0 + u64::from(days) * DAY);
    let note = asked.metadata.as_ref();
    let rows = registry.sql.query(
        statements::LIST_KEYS,
        &[
            registry.now.0.into(),
            held.keys_revoked_through.into(),
            before.into(),
            window.into(),
            asked.state.map(KeyState::as_str).into(),
            asked.name.as_deref().map(folded).into(),
            unused_since.into(),
            (limit + 1).into(),
            ends_by.into(),
            asked.exposed.into(),
            asked.environment.map(Environment::as_str).into(),
            note.map(|note| note.name.as_str()).into(),
            note.and_then(|note| note.value.as_deref()).into(),
        ],
    )?;
    let mut items = Vec::with_capacity(rows.len());
    let mut last_shown = None;
    for (row, _) in rows.iter().zip(0..limit) {
        let key = Key::read(row)?;
        last_shown = Some(key.issued);
        items.push(registry.view(&key, held));
    }
    let next = if rows.len() > items.len() {
        last_shown
    } else if filtered {
        let parameters: [Value; 2] = [before.into(), (WINDOW - 1).into()];
        first(registry.sql, statements::LAST_SEEN, &parameters)?
            .map(|row| row.unsigned(0))
            .transpose()?
    } else {
        None
    };
    Ok(Outcome::Keys(Page {
        items,
        next_cursor: next.map(|issued| issued.to_string()),
    }))
}

/// How the registry stands. One pass over all keys, as the counts by state are.
pub(super) fn status(
    registry: &RequestContext<'_>,
    held: &Organization,
    unused_for_days: u32,
) -> Result<Outcome, CommandError> {
    let sql = registry.sql;
    let unused_since = registry
        .now
        .0
        .saturating_sub(u64::from(unused_for_days) * DAY);
    let parameters = [
        registry.now.0.into(),
        held.keys_revoked_through.into(),
        unused_since.into(),
    ];
    let mut status = Status {
        revision: store::meta(sql, store::REVISION)?,
        outbox: outbox::depth(sql)?,
        keys_per_ring_entry: BTreeMap::new(),
        unused_keys: 0,
        exposed_keys: 0,
        preflights: registry.preflights()?,
        failures_suppressed: registry.failures_suppressed()?,
    };
    for row in sql.query(statements::STANDING, &parameters)? {
        let ring = row.text(0)?.to_owned();
        status.keys_per_ring_entry.insert(ring, row.unsigned(1)?);
        status.unused_keys += row.unsigned(2)?;
        status.exposed_keys += row.unsigned(3)?;
    }
    Ok(Outcome::Status(status))
}

/// Above every revision.
const LAST: Revision = (1 << 53) - 1;

/// Reads a cursor that is a key's place in the order of issue.
pub(super) fn revision_cursor(text: &str) -> Result<Revision, Refusal> {
    text.parse()
        .ok()
        .filter(|&place| place <= LAST)
        .ok_or_else(|| {
            Refusal::field(
                "cursor",
                "`cursor` must be the `next_cursor` of the page before.",
            )
        })
}
