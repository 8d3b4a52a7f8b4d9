//! `GET /admin/v1/status`: how the installation stands.

use std::time::Duration;

use futures_util::future::{join_all, join4};
use serde_json::{Value, json};

use crate::control::registry;
use crate::freshness::Millis;
use crate::freshness::failover::{Region, RelayName};
use crate::freshness::message::{LogReply, LogRequest, RelayReply, RelayRequest};
use crate::http::admin::{OF_ALL_ORGANIZATIONS, Totals};
use crate::http::{Answer, EdgeReport};
use crate::key::OrganizationId;
use crate::registry::message::{Command, Outcome, Page, Refusal, Reply};
use crate::runtime::isolate::Edge;
use crate::runtime::objects::{self, Address, Unanswered};
use crate::time::Timestamp;

/// From how many days without use a key counts as unused.
const UNUSED_FOR_DAYS: u32 = 90;
/// How long the change log and relays may take before they count as silent.
const PATIENCE: Duration = Duration::from_secs(2);

/// The status as this edge sees it. A part that does not answer is `null`, so
/// that the page still tells what is wrong. `page` has the organizations that the
/// sums are of; `None` where the directory did not answer. A tied administrator gets
/// what is about their organization: neither the platform's own state nor what tells
/// how much others do.
pub(crate) async fn answer(
    edge: &Edge,
    region: Region,
    page: Option<Page<OrganizationId>>,
    is_tied: bool,
    report: Option<EdgeReport>,
    now: Timestamp,
) -> Answer {
    let log = objects::ask::<LogReply>(
        &edge.env,
        Address::of_change_log().within(PATIENCE),
        &LogRequest::Status {},
    );
    let relays = join_all(
        (0..edge.settings.relay_replicas).map(|replica| relay(edge, RelayName { region, replica })),
    );
    let platform = async {
        if is_tied {
            return None;
        }
        match registry_of(edge, OrganizationId::platform()).await {
            Ok(Ok(Outcome::Status(status))) => Some(status),
            _ => None,
        }
    };
    let organizations = totals(edge, page);
    let (log, relays, platform, organizations) = join4(log, relays, platform, organizations).await;
    let log = match log {
        Ok(LogReply::Status(status)) => Some(status),
        _ => None,
    };
    let keyring = &edge.settings.keyring;
    let unproven = match report {
        Some(report) => report.unproven.map(Millis),
        None => edge.settings.serve_unproven,
    };
    let weakened = edge.settings.weakened(unproven);
    let mut status = json!({
        "at": now.to_rfc3339(),
        "version": env!("CARGO_PKG_VERSION"),
        "freshness_bound_ms": log.as_ref().map(|log| log.bound_ms),
        "change_log": log,
        "relays": relays,
        "edge": { "region": region.hint(), "records": report.map(|report| report.records), "bytes": report.map(|report| report.bytes) },
        "platform": platform,
        "organizations": organizations,
        "root_keys": {
            "current": keyring.current_name().to_string(),
            "entries": keyring.names().map(String::from).collect::<Vec<_>>(),
        },
        "weakened": weakened.iter().map(|weakened| &weakened.text).collect::<Vec<_>>(),
        "weakened_by": weakened,
    });
    if let Some(members) = status.as_object_mut().filter(|_| is_tied) {
        members.retain(|name, _| !OF_ALL_ORGANIZATIONS.contains(&name.as_str()));
    }
    Answer::json(200, &status).with("cache-control", "no-store")
}

async fn registry_of(edge: &Edge, organization: OrganizationId) -> Result<Reply, Unanswered> {
    let command = Command::Status {
        unused_for_days: UNUSED_FOR_DAYS,
    };
    registry::tell_organization(&edge.env, &organization, command).await
}

async fn totals(edge: &Edge, page: Option<Page<OrganizationId>>) -> Option<Totals> {
    let page = page?;
    let mut totals = Totals {
        next_cursor: page.next_cursor,
        ..Totals::default()
    };
    for reply in join_all(page.items.into_iter().map(|id| registry_of(edge, id))).await {
        match reply {
            Ok(Ok(Outcome::Status(status))) => totals.add(Some(&status)),
            // Listed, but its creation was refused or is under way.
            Ok(Err(Refusal::NotFound)) => {}
            _ => totals.add(None),
        }
    }
    Some(totals)
}

async fn relay(edge: &Edge, relay: RelayName) -> Value {
    let name = relay.to_string();
    let to = Address::of_relay(relay, &name).within(PATIENCE);
    match objects::ask(&edge.env, to, &RelayRequest::Status {}).await {
        Ok(RelayReply::Status {
            proof_age_ms,
            holders,
            expired_unconfirmed,
        }) => json!({
            "name": name,
            "answers": true,
            "proof_age_ms": proof_age_ms,
            "holders": holders,
            "expired_unconfirmed": expired_unconfirmed,
        }),
        _ => json!({
            "name": name,
            "answers": false,
            "proof_age_ms": null,
            "holders": null,
            "expired_unconfirmed": null,
        }),
    }
}
