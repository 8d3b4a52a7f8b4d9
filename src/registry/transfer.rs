//! Keys between installations that have the same root keys: export, import.
//!
//! Off unless the operator switches it on ([`RegistrySettings::transfer`]), and
//! never for `_platform`: the lines carry digests. A digest opens nothing by
//! itself, yet with it one could put a key back that was revoked. What was
//! exported stands in the audit, page by page; what was revoked stays revoked.
//!
//! [`RegistrySettings::transfer`]: super::RegistrySettings

use std::collections::BTreeSet;

use serde_json::json;

use super::audit::AuditSubject;
use super::change::Change;
use super::context::{CommandError, RequestContext};
use super::message::{
    Changed, ExportedKey, GrantedScopes, Import, Limit, Limits, Object, Outcome, Page, Refusal, Who,
};
use super::sql as statements;
use super::store::{Key, Organization, Revocation, parsed};
use super::transition_context::TransitionContext;
use super::{outbox, read};
use crate::key::{KeyId, Keyring, Revision};
use crate::sql::SqlError;

/// Version of a line.
const LINE_VERSION: u8 = 1;
/// Most bytes of each text in who issued a key.
const LONGEST: usize = 200;

impl RequestContext<'_> {
    fn check_transfer(&self, held: &Organization) -> Result<(), Refusal> {
        if self.settings.transfer && !held.id.is_platform() {
            Ok(())
        } else {
            Err(Refusal::NotFound)
        }
    }

    /// A page of keys with their digests, oldest first. On record.
    pub(super) fn export(
        &self,
        held: &Organization,
        cursor: Option<&str>,
        limit: Limit,
    ) -> Result<Outcome, CommandError> {
        self.check_transfer(held)?;
        let after = cursor.map_or(Ok(0), |cursor| self.place_of(cursor))?;
        let rows = self.sql.query(
            statements::EXPORT,
            &[after.into(), (limit.get() + 1).into()],
        )?;
        let keys = rows.iter().map(Key::read).collect::<Result<Vec<_>, _>>()?;
        let shown: Vec<&Key> = keys
            .iter()
            .zip(0..limit.get())
            .map(|(key, _)| key)
            .collect();
        let more = keys.len() > shown.len();
        let items = shown
            .iter()
            .map(|key| self.line(key))
            .collect::<Result<Vec<_>, _>>()?;
        let last = shown.last().map_or(after, |key| key.issued);
        self.sql.transaction(&mut || {
            let members = [
                ("keys", items.len().into()),
                ("after", after.into()),
                ("through", last.into()),
            ];
            let subject = AuditSubject::organization(&held.id);
            self.record(&held.id, "organization.export", &subject, &members)
        })?;
        Ok(Outcome::Export(Page {
            items,
            next_cursor: more.then(|| last.to_string()),
        }))
    }

    /// Where an export goes on: at a page's cursor, or after a key whose line was the
    /// last to come, since lines hold no cursor.
    fn place_of(&self, cursor: &str) -> Result<Revision, CommandError> {
        let Some(id) = KeyId::parse(cursor) else {
            return Ok(read::revision_cursor(cursor)?);
        };
        let key = Key::load(self.sql, &id.public)?;
        key.map(|key| key.issued)
            .ok_or_else(|| Refusal::field("cursor", "`cursor` must be the `next_cursor` of the page before, or the id of a key of this organization.").into())
    }

    fn line(&self, key: &Key) -> Result<ExportedKey, SqlError> {
        let brand = self.keyring.brand();
        let sibling = |public| KeyId {
            brand,
            environment: key.environment,
            public,
        };
        let revoked = key.revoked();
        let scopes: Vec<_> = key.scopes.iter().cloned().collect();
        Ok(ExportedKey {
            v: LINE_VERSION,
            id: key.key_id(brand),
            digest: key.digest,
            name: key.name.clone(),
            scopes: parsed(GrantedScopes::try_from(scopes), "keys.scopes")?,
            created_at: key.created_at,
            created_by: key.created_by.clone(),
            expires_at: key.expires_at,
            retires_at: key.retires_at,
            disabled: key.disabled,
            revoked_at: revoked.map(|revocation| revocation.at),
            revocation_reason: revoked.map(|revocation| revocation.reason),
            last_used_at: key.last_used_at,
            replaces: key.replaces.map(sibling),
            replaced_by: key.replaced_by.map(sibling),
            restriction: key.restriction.clone(),
            allowed_ips: key.allowed_ips.clone(),
            limits: Limits::shown(&key.limits),
            metadata: key.metadata.clone(),
        })
    }

    /// Imports atomically: all keys, or none.
    pub(super) fn import(
        &self,
        held: &Organization,
        order: &Import,
    ) -> Result<Outcome, CommandError> {
        self.check_transfer(held)?;
        self.check_if_match(held.revision)?;
        if order.keys.len() > Import::MOST {
            return Err(Refusal::field(
                "keys",
                "An import takes at most 100 keys: send the others in another.",
            )
            .into());
        }
        let context = self.transition_context(held)?;
        let mut fresh: Vec<&ExportedKey> = Vec::new();
        let mut seen = BTreeSet::new();
        for (place, line) in order.keys.iter().enumerate() {
            let field = |name: &str| format!("keys[{place}].{name}");
            check_line(self.keyring, held, line)
                .and_then(|()| {
                    if line.created_at > self.now {
                        return Err(("created_at", "lies in the future"));
                    }
                    if !seen.insert(line.id.public) {
                        return Err(("id", "is there twice"));
                    }
                    Ok(())
                })
                .map_err(|(name, detail)| Refusal::field(&field(name), detail))?;
            match Key::load(self.sql, &line.id.public)? {
                Some(known) if known.digest.matches(&line.digest) => {}
                Some(_) => {
                    let detail = "another key has this id here";
                    return Err(Refusal::field(&field("id"), detail).into());
                }
                None => {
                    check_as_issued(&context, line).map_err(|refusal| match refusal {
                        Refusal::InvalidRequest {
                            field: name,
                            detail,
                        } => Refusal::field(&field(&name), detail),
                        other => other,
                    })?;
                    fresh.push(line);
                }
            }
        }
        let skipped = (order.keys.len() - fresh.len()) as u64;
        let imported = fresh.len() as u64;
        let change = (imported > 0).then(|| take_in(&context, &fresh, skipped));
        let changed = self.commit(held, change.as_ref(), || {
            let held = self.reload()?;
            Ok(Changed {
                awaits: outbox::awaits(self.sql, &[held.subject()])?,
                object: Object::Imported {
                    imported,
                    skipped,
                    organization: Box::new(read::organization(self, &held)?),
                },
                created: false,
            })
        })?;
        Ok(Outcome::Changed(Box::new(changed)))
    }
}

/// The change that takes these keys in. Each has a revision of its own, since
/// that is its place in the order of issue.
fn take_in(context: &TransitionContext<'_>, lines: &[&ExportedKey], skipped: u64) -> Change {
    let keys: Vec<Key> = lines
        .iter()
        .zip(context.revision..)
        .map(|(line, issued)| key_of(context, line, issued))
        .collect();
    let last = keys.last().map_or(context.revision, |key| key.issued);
    let named: Vec<String> = lines.iter().map(|line| line.id.to_string()).collect();
    Change {
        imported: keys,
        ..Change::blank(
            "organization.import",
            AuditSubject::organization(&context.organization.id),
            last,
            false,
        )
    }
    .with_detail("imported", lines.len().into())
    .with_detail("skipped", skipped.into())
    .with_detail("keys", json!(named))
    .with_detail("revision", last.into())
}

fn key_of(context: &TransitionContext<'_>, line: &ExportedKey, issued: Revision) -> Key {
    Key {
        id: line.id.public,
        issued,
        revision: issued,
        digest: line.digest,
        environment: line.id.environment,
        name: line.name.clone(),
        scopes: line.scopes.scopes().clone(),
        allowed_ips: line.allowed_ips.clone(),
        limits: line.limits.replacing(&[], issued),
        updated_at: Some(context.now),
        metadata: line.metadata.clone(),
        bound_organization: None,
        created_at: line.created_at,
        created_by: line.created_by.clone(),
        expires_at: line.expires_at,
        retires_at: line.retires_at,
        disabled: line.disabled,
        revocation: line
            .revoked_at
            .zip(line.revocation_reason)
            .map(|(at, reason)| Revocation { at, reason }),
        replaces: line.replaces.map(|id| id.public),
        replaced_at: None,
        replaced_by: line.replaced_by.map(|id| id.public),
        exposed: None,
        restriction: line.restriction.clone(),
        leaked: None,
        last_used_at: line.last_used_at.map(|at| at.min(context.now)),
        // No edge holds an older record of it.
        effective_at: Some(context.now),
        bulk_revocation: None,
        pending: false,
    }
}

/// What is wrong with a line, if anything: the field, and what would be right.
fn check_line(
    keyring: &Keyring,
    held: &Organization,
    line: &ExportedKey,
) -> Result<(), (&'static str, &'static str)> {
    let is_right = |right: bool, field: &'static str, detail: &'static str| {
        if right { Ok(()) } else { Err((field, detail)) }
    };
    is_right(line.v == LINE_VERSION, "v", "is 1")?;
    is_right(
        line.id.environment.is_for_clients() && line.id.public.organization_tag() == held.id.tag(),
        "id",
        "is no client key of this organization",
    )?;
    is_right(
        keyring.made(&line.id),
        "id",
        "was made under no root key of this installation",
    )?;
    let related = [&line.replaces, &line.replaced_by];
    is_right(
        related
            .into_iter()
            .flatten()
            .all(|id| id.public.organization_tag() == held.id.tag() && keyring.made(id)),
        "replaces",
        "and replaced_by are keys of this organization",
    )?;
    is_right(
        line.revoked_at.is_some() == line.revocation_reason.is_some(),
        "revocation_reason",
        "belongs to revoked_at",
    )?;
    is_right(
        has_no_long_text(&line.created_by),
        "created_by",
        "has texts of at most 200 bytes",
    )
}

/// What would be refused as a new key is refused as an old one too, or an import
/// would be the way around. Not so a key that is revoked for ever: it opens
/// nothing, and stays known.
fn check_as_issued(context: &TransitionContext<'_>, line: &ExportedKey) -> Result<(), Refusal> {
    if line.revoked_at.is_some() {
        return Ok(());
    }
    context.check_scopes(line.scopes.scopes())?;
    context.check_limits(&line.limits)?;
    context.check_lifetime(line.expires_at, line.created_at)
}

fn has_no_long_text(who: &Who) -> bool {
    [Some(&who.kind), who.id.as_ref(), who.name.as_ref()]
        .into_iter()
        .flatten()
        .all(|text| text.len() <= LONGEST)
}
