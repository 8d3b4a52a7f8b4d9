//! What each order makes of a key. Pure: the state and the order in, a change or
//! a refusal out; `None` where there is nothing to change.

use serde_json::json;

use super::audit::About;
use super::authority::{ADMIN_SCOPES, permit_grant};
use super::change::{Change, difference};
use super::message::{
    Actor, AllowedIps, IssueKey, KeyLifetimeDays, Patch, PatchKey, Refusal, RevokeKey, RotateKey,
    Who,
};
use super::settings::RegistrySettings;
use super::store::{Key, Organization, Revocation};
use crate::key::{
    Brand, Environment, KeyDigest, KeyState, OrganizationId, PublicKeyId, Revision, Scope, Scopes,
};
use crate::time::Timestamp;

const DAY: u64 = 86_400_000;

/// What a transition may know.
pub(super) struct Scene<'a> {
    pub(super) organization: &'a Organization,
    pub(super) actor: &'a Actor,
    /// In `_platform`, the administrator's own key as it stands here.
    pub(super) acting: Option<Key>,
    pub(super) who: &'a Who,
    pub(super) brand: Brand,
    pub(super) settings: &'a RegistrySettings,
    /// The revision that a change will have.
    pub(super) revision: Revision,
    pub(super) now: Timestamp,
}

/// A key that was minted for a transition that makes one.
#[derive(Clone, Copy)]
pub(super) struct Minted {
    pub(super) id: PublicKeyId,
    pub(super) digest: KeyDigest,
}

pub(super) type Step = Result<Option<Change>, Refusal>;

impl Scene<'_> {
    /// A key that begins now.
    fn begin(&self, minted: Minted, like: Likeness<'_>) -> Key {
        Key {
            id: minted.id,
            issued: self.revision,
            revision: self.revision,
            digest: minted.digest,
            environment: like.environment,
            name: like.name.clone(),
            scopes: like.scopes.clone(),
            allowed_ips: like.allowed_ips.clone(),
            metadata: like.metadata.clone(),
            bound_organization: like.bound_organization.cloned(),
            created_at: self.now,
            created_by: self.who.clone(),
            expires_at: like.expires_at,
            retires_at: None,
            disabled: false,
            revocation: None,
            replaces: None,
            replaced_by: None,
            replaced_at: None,
            exposed: None,
            restriction: None,
            leaked: None,
            last_used_at: None,
            // No edge holds an older record of it.
            effective_at: Some(self.now),
            sweep: None,
            pending: false,
        }
    }

    fn latest_expiry(&self, created_at: Timestamp) -> Option<Timestamp> {
        let days = self.organization.max_key_lifetime_days?;
        Some(created_at.plus(days.get() * DAY))
    }

    /// That an end lies ahead and within the organization's greatest lifetime.
    fn check_expiry(
        &self,
        expires_at: Option<Timestamp>,
        created_at: Timestamp,
    ) -> Result<(), Refusal> {
        if expires_at.is_some_and(|at| at <= self.now) {
            return Err(Refusal::field("expires_at", "must lie in the future"));
        }
        self.check_lifetime(expires_at, created_at)
    }

    /// That a key's life is within the organization's greatest.
    pub(super) fn check_lifetime(
        &self,
        expires_at: Option<Timestamp>,
        created_at: Timestamp,
    ) -> Result<(), Refusal> {
        let Some(latest) = self.latest_expiry(created_at) else {
            return Ok(());
        };
        if expires_at.is_some_and(|at| at <= latest) {
            return Ok(());
        }
        let days = self.organization.max_key_lifetime_days;
        Err(Refusal::field(
            "expires_at",
            format!(
                "keys of this organization live for at most {} days: at the latest {}",
                days.map_or(0, KeyLifetimeDays::get),
                latest.to_rfc3339()
            ),
        ))
    }

    /// That there are such scopes: for clients' keys those that a route or the
    /// operator names, for admin keys their own.
    pub(super) fn check_scopes(&self, scopes: &Scopes) -> Result<(), Refusal> {
        let known: Vec<&str> = if self.organization.id.is_platform() {
            ADMIN_SCOPES.to_vec()
        } else {
            let known = self.settings.client_scopes.iter();
            known.map(Scope::as_str).collect()
        };
        let unknown = scopes.iter().find(|scope| !known.contains(&scope.as_str()));
        match unknown {
            Some(unknown) => Err(Refusal::field("scopes", unknown_scope(unknown, &known))),
            None => Ok(()),
        }
    }

    fn of_key(&self, action: &'static str, before: &Key, after: Key, decides: bool) -> Change {
        Change::of_key(action, self.brand, before, after, self.revision, decides)
    }
}

/// Most scopes that a refusal names.
const NAMED: usize = 50;

fn unknown_scope(scope: &Scope, known: &[&str]) -> String {
    let named = known.get(..NAMED).unwrap_or(known).join(", ");
    let more = match known.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("there is no scope {scope}; there are {named}{more}")
}

/// What a new key takes from an order or from its predecessor.
struct Likeness<'a> {
    environment: Environment,
    name: &'a super::message::Name,
    scopes: &'a Scopes,
    allowed_ips: &'a AllowedIps,
    metadata: &'a super::message::Metadata,
    bound_organization: Option<&'a OrganizationId>,
    expires_at: Option<Timestamp>,
}

/// Makes a key.
pub(super) fn issue(
    scene: &Scene<'_>,
    order: &IssueKey,
    minted: Minted,
) -> Result<Change, Refusal> {
    if !scene.organization.api_access {
        return Err(Refusal::IssuingDisabled);
    }
    let platform = scene.organization.id.is_platform();
    if platform == order.environment.is_for_clients() {
        return Err(Refusal::field(
            "environment",
            "admin keys are in _platform, and no others; elsewhere it is live or test",
        ));
    }
    let bound = order.bound_organization.as_ref();
    if bound.is_some_and(|bound| !platform || bound.is_platform()) {
        return Err(Refusal::field(
            "bound_organization",
            "only an admin key is bound, and to an organization of clients",
        ));
    }
    let scopes = order.scopes.scopes();
    scene.check_scopes(scopes)?;
    let expires_at = order.expires_at.map(|at| at.0);
    scene.check_expiry(expires_at, scene.now)?;
    let key = scene.begin(
        minted,
        Likeness {
            environment: order.environment,
            name: &order.name,
            scopes,
            allowed_ips: &order.allowed_ips,
            metadata: &order.metadata,
            bound_organization: bound,
            expires_at,
        },
    );
    permit_grant(scene, &key, scopes)?;
    Ok(made("key.issue", scene, key))
}

/// The first admin key: every scope, everywhere, for ever.
pub(super) fn bootstrap(
    scene: &Scene<'_>,
    name: super::message::Name,
    scopes: &Scopes,
    minted: Minted,
) -> Change {
    let key = scene.begin(
        minted,
        Likeness {
            environment: Environment::Admin,
            name: &name,
            scopes,
            allowed_ips: &AllowedIps::default(),
            metadata: &super::message::Metadata::default(),
            bound_organization: None,
            expires_at: None,
        },
    );
    made("platform.bootstrap", scene, key)
}

fn made(action: &'static str, scene: &Scene<'_>, key: Key) -> Change {
    let about = About::key(&key, scene.brand);
    Change {
        after: Some(key.facts()),
        issued: Some(key),
        ..Change::blank(action, about, scene.revision, false)
    }
}

/// Changes what a merge patch names.
pub(super) fn patch(scene: &Scene<'_>, key: &Key, order: &PatchKey) -> Step {
    if key.revoked().is_some() {
        return Err(Refusal::AlreadyRevoked);
    }
    let mut after = key.clone();
    if let Some(name) = &order.name {
        after.name = name.clone();
    }
    if let Some(scopes) = &order.scopes {
        after.scopes = scopes.scopes().clone();
    }
    match order.expires_at {
        Patch::Keep => {}
        Patch::Clear => after.expires_at = None,
        Patch::Set(at) => after.expires_at = Some(at.0),
    }
    match &order.allowed_ips {
        Patch::Keep => {}
        Patch::Clear => after.allowed_ips = AllowedIps::default(),
        Patch::Set(networks) => after.allowed_ips = networks.clone(),
    }
    match &order.metadata {
        Patch::Keep => {}
        Patch::Clear => after.metadata = super::message::Metadata::default(),
        Patch::Set(metadata) => after.metadata = metadata.clone(),
    }
    if matches!(order.restriction, Patch::Clear) {
        after.restriction = None;
    }
    let (_, changed) = difference(&key.facts(), &after.facts());
    if changed.is_empty() {
        return Ok(None);
    }
    let new_scopes = after.scopes != key.scopes;
    let reaches_otherwise = after.expires_at != key.expires_at
        || after.allowed_ips != key.allowed_ips
        || after.restriction != key.restriction;
    // What it had stays, also where no route asks for it any more.
    let added = after.scopes.without(&key.scopes);
    scene.check_scopes(&added)?;
    if after.expires_at != key.expires_at {
        scene.check_expiry(after.expires_at, key.created_at)?;
    }
    let granted = if reaches_otherwise {
        Some(after.scopes.clone())
    } else if !added.is_empty() {
        Some(added)
    } else {
        None
    };
    if let Some(granted) = granted {
        permit_grant(scene, &after, &granted)?;
    }
    let decides = new_scopes || reaches_otherwise;
    Ok(Some(scene.of_key("key.change", key, after, decides)))
}

/// Makes a successor that has everything but the secret; the key itself works on
/// until the overlap ends.
pub(super) fn rotate(
    scene: &Scene<'_>,
    key: &Key,
    order: &RotateKey,
    minted: Minted,
) -> Result<Change, Refusal> {
    if key.state(scene.organization, scene.now) != KeyState::Active || key.replaced_by.is_some() {
        return Err(Refusal::NotRotatable);
    }
    if !scene.organization.api_access {
        return Err(Refusal::IssuingDisabled);
    }
    let latest = scene.latest_expiry(scene.now);
    let expires_at = match (key.expires_at, latest) {
        (Some(at), Some(latest)) => Some(at.min(latest)),
        (at, latest) => at.or(latest),
    };
    let mut successor = scene.begin(
        minted,
        Likeness {
            environment: key.environment,
            name: &key.name,
            scopes: &key.scopes,
            allowed_ips: &key.allowed_ips,
            metadata: &key.metadata,
            bound_organization: key.bound_organization.as_ref(),
            expires_at,
        },
    );
    // The successor's secret goes to the actor.
    permit_grant(scene, &successor, &successor.scopes)?;
    successor.replaces = Some(key.id);
    let mut after = key.clone();
    after.replaced_by = Some(successor.id);
    after.replaced_at = Some(scene.now);
    let overlap = order.overlap_seconds.get() * 1000;
    after.retires_at = Some(
        scene
            .now
            .plus(life_of_the_replaced(overlap, scene.settings.wait.0)),
    );
    let mut change = scene.of_key("key.rotate", key, after, true).also(
        "successor",
        json!({"id": successor.key_id(scene.brand), "expires_at": expires_at.map(Timestamp::to_rfc3339)}),
    );
    change.issued = Some(successor);
    Ok(change)
}

/// How long the old key still works, in milliseconds. The change that ends it is to
/// be everywhere before, so that nobody has to wait for that: a short overlap is
/// counted from the end of that wait on, as far as one more wait. None at all ends
/// the key now, and is waited for.
fn life_of_the_replaced(overlap: u64, wait: u64) -> u64 {
    match overlap {
        0 => 0,
        _ => overlap.max(wait + overlap.min(wait)),
    }
}

/// Revokes a key for ever; a repeat changes nothing, the first reason stays.
pub(super) fn revoke(scene: &Scene<'_>, key: &Key, order: &RevokeKey) -> Option<Change> {
    if key.revoked().is_some() {
        return None;
    }
    let mut after = key.clone();
    after.revocation = Some(Revocation {
        at: scene.now,
        reason: order.reason,
    });
    let change = scene.of_key("key.revoke", key, after, true);
    Some(match &order.note {
        Some(note) => change.also("note", note.as_str().into()),
        None => change,
    })
}

/// Pauses a key, or ends its pause.
pub(super) fn set_disabled(scene: &Scene<'_>, key: &Key, disabled: bool) -> Step {
    if key.revoked().is_some() {
        return Err(Refusal::AlreadyRevoked);
    }
    if key.disabled == disabled {
        return Ok(None);
    }
    if !disabled {
        permit_grant(scene, key, &key.scopes)?;
    }
    let mut after = key.clone();
    after.disabled = disabled;
    let action = if disabled {
        "key.disable"
    } else {
        "key.enable"
    };
    Ok(Some(scene.of_key(action, key, after, true)))
}
