//! `GET /admin/v1/status`: how the installation stands.

use futures_util::future::{join_all, join3};
use serde_json::{Value, json};

use super::isolate::Edge;
use super::object::change_log;
use super::objects::{self, Address};
use super::{memory, registry};
use crate::freshness::failover::{Region, RelayName};
use crate::freshness::message::{LogReply, LogRequest, RelayReply, RelayRequest};
use crate::http::{Answer, Problem};
use crate::registry::message::{Command, Outcome};
use crate::settings::names;
use crate::time::Timestamp;

/// From how many days without use a key counts as unused.
const UNUSED_FOR_DAYS: u32 = 90;

/// The status as this edge sees it. A part that does not answer is `null`, so
/// that the page still tells what is wrong.
pub(super) async fn answer(edge: &Edge, region: Region, now: Timestamp) -> Result<Answer, Problem> {
    let log = objects::ask::<LogReply>(
        &edge.env,
        names::CHANGE_LOG,
        change_log::NAME,
        &LogRequest::Status {},
    );
    let relays = join_all(
        (0..edge.settings.relay_replicas).map(|replica| relay(edge, RelayName { region, replica })),
    );
    let platform = registry::tell_platform(
        &edge.env,
        Command::Status {
            unused_for_days: UNUSED_FOR_DAYS,
        },
    );
    let (log, relays, platform) = join3(log, relays, platform).await;
    let log = match log {
        Ok(LogReply::Status(status)) => Some(status),
        _ => None,
    };
    let platform = match platform {
        Ok(Ok(Outcome::Status(status))) => Some(status),
        _ => None,
    };
    let (records, bytes) = memory::with(edge.settings.at_most, |memory| memory.view.size());
    let keyring = &edge.settings.keyring;
    Ok(Answer::json(
        200,
        &json!({
            "at": now.to_rfc3339(),
            "version": env!("CARGO_PKG_VERSION"),
            "freshness_bound_ms": log.as_ref().map(|log| log.bound_ms),
            "change_log": log,
            "relays": relays,
            "edge": { "region": region.hint(), "records": records, "bytes": bytes },
            "platform": platform,
            "root_keys": {
                "current": keyring.current_name().to_string(),
                "entries": keyring.names().map(String::from).collect::<Vec<_>>(),
            },
            "weakened": edge.settings.weakened(),
        }),
    )
    .with("cache-control", "no-store"))
}

async fn relay(edge: &Edge, name: RelayName) -> Value {
    let to = Address {
        class: names::RELAY,
        name: &name.to_string(),
        location_hint: Some(name.region.hint()),
        yields: false,
    };
    let reply = objects::ask_at(&edge.env, to, &RelayRequest::Status {}).await;
    match reply {
        Ok(RelayReply::Status { proof_age_ms }) => {
            json!({ "name": name.to_string(), "answers": true, "proof_age_ms": proof_age_ms })
        }
        _ => json!({ "name": name.to_string(), "answers": false, "proof_age_ms": null }),
    }
}
