//! Questions to a registry's object.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use wasm_bindgen::JsValue;

use crate::freshness::failover::Failover;
use crate::key::{KeyId, OrganizationId, OrganizationTag};
use crate::registry::message::{
    Actor, Command, MESSAGE_VERSION, Outcome, Records, Reply, Request, Required,
};
use crate::runtime::objects::{self, Address, Unanswered};
use crate::settings::names;

/// What the object says: the registry's reply, and what only the object knows.
#[derive(Serialize, Deserialize)]
pub(crate) struct Said {
    /// `None` where the registry may not serve: it was just started and could
    /// not yet make sure that it lost nothing.
    pub(crate) reply: Option<Reply>,
    /// Whether records may be kept, as the change log knows of their revisions.
    #[serde(default)]
    pub(crate) may_keep: bool,
}

/// Whose call it is to a registry, which works on a bounded number of each.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// An edge's own: strangers can cause it, and it is shed first.
    Edges,
    /// An administrator's, whose secret is proven: no stranger can shed it.
    Administrators,
}

/// Asks the registry of this tag.
pub(crate) async fn ask(
    env: &JsValue,
    tag: OrganizationTag,
    request: &Request,
) -> Result<Reply, Unanswered> {
    let lane = if request.yields() {
        Lane::Edges
    } else {
        Lane::Administrators
    };
    said(env, tag, request, lane, None)
        .await?
        .reply
        .ok_or(Unanswered::Unreachable)
}

async fn said(
    env: &JsValue,
    tag: OrganizationTag,
    request: &Request,
    lane: Lane,
    deadline: Option<Duration>,
) -> Result<Said, Unanswered> {
    let to = Address::of(names::REGISTRY, tag.as_str()).yielding(lane == Lane::Edges);
    let to = match deadline {
        Some(deadline) => to.within(deadline),
        None => to,
    };
    objects::ask(env, to, request).await
}

/// A request on the edge's own behalf.
pub(crate) fn by_system(command: Command, request_id: String) -> Request {
    Request {
        v: MESSAGE_VERSION,
        organization: None,
        actor: Actor::System,
        request_id,
        if_match: None,
        must_exist: false,
        idempotency: None,
        command,
    }
}

/// Tells the registry something on the edge's own behalf.
pub(crate) async fn tell(
    env: &JsValue,
    tag: OrganizationTag,
    command: Command,
) -> Result<Reply, Unanswered> {
    ask(env, tag, &by_system(command, String::new())).await
}

/// The same to the registry of an organization.
pub(crate) async fn tell_organization(
    env: &JsValue,
    organization: &OrganizationId,
    command: Command,
) -> Result<Reply, Unanswered> {
    let request = Request {
        organization: Some(organization.clone()),
        ..by_system(command, String::new())
    };
    ask(env, organization.tag(), &request).await
}

/// The same to `_platform`'s registry.
pub(crate) async fn tell_platform(env: &JsValue, command: Command) -> Result<Reply, Unanswered> {
    tell_organization(env, &OrganizationId::platform(), command).await
}

/// How long a strong read may take.
const READ: Duration = Duration::from_millis(Failover::TOTAL.0);
/// The same of one that proves an administrator: as long as the registry keeps a place
/// for it. The order that follows has all the time it needs, too.
const PROOF: Duration = Duration::from_secs(30);

/// A strong read.
pub(crate) struct Read {
    pub(crate) records: Records,
    pub(crate) may_keep: bool,
}

/// Reads a key's and its organization's records at the source; `None` where the
/// registry does not answer in time. It hears what is required of them, and so whether it
/// has lost a change.
pub(crate) async fn read(
    env: &JsValue,
    id: &KeyId,
    required: Required,
    lane: Lane,
) -> Option<Read> {
    let key = id.public;
    let request = by_system(Command::Records { key, required }, String::new());
    let tag = id.public.organization_tag();
    let deadline = match lane {
        Lane::Edges => READ,
        Lane::Administrators => PROOF,
    };
    let said = said(env, tag, &request, lane, Some(deadline)).await.ok()?;
    match said.reply? {
        Ok(Outcome::Records(records)) => Some(Read {
            records: *records,
            may_keep: said.may_keep,
        }),
        // No such organization: no such key.
        Err(crate::registry::message::Refusal::NotFound) => Some(Read {
            records: Records {
                key: None,
                organization: None,
            },
            may_keep: false,
        }),
        _ => None,
    }
}
