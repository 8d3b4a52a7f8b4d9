//! From a presented key to a decision. Memory decides at once where it can; for the
//! rest the steps of an [`Authorization`](crate::verify::authorization::Authorization)
//! are carried out: Workers KV, relays, the change log and the registry.
//!
//! Requests share data only: none awaits a future that another one drives. A
//! request that waits looks at the view again, on its own timer.

use std::rc::Rc;

use crate::edge::watch;
use crate::edge::{lender, memory};
use crate::edge_call::RequiredRevisions;
use crate::freshness::Revision;
use crate::freshness::failover::{Failover, Region};
use crate::freshness::message::{LenderReply, LenderRequest};
use crate::http::{Code, Problem};
use crate::key::{KeyId, PublicKeyId, Subject};
use crate::runtime::host;
use crate::runtime::isolate::Edge;
use crate::runtime::kv;
use crate::runtime::registry::{self, Reader};
use crate::verify::authorization::sync::{FailoverSync, SyncStep};
use crate::verify::authorization::{Event, Refusal, RegistryRecords, Step};
use crate::verify::{
    AuthorizationRequest, CachedRecord, ClientAddress, Demand, Denial, Freshness, Granted,
    Verification,
};

/// Whether the view holds the key's record, however old: the id is genuine then.
pub(crate) fn is_held(edge: &Edge, id: &PublicKeyId) -> bool {
    let subject = Subject::from(*id);
    memory::with(&edge.settings, |memory| {
        memory.view.peek(&subject).is_some()
    })
}

/// Decides from memory, without any I/O; `None` where that takes more.
pub(crate) fn authorize_from_cache(
    edge: &Edge,
    request: &AuthorizationRequest,
    demand: &Demand<'_>,
    client: &dyn Fn() -> ClientAddress,
    freshness: Freshness,
) -> Option<Result<Granted, Denial>> {
    let settings = &edge.settings;
    memory::verify(
        settings,
        request,
        demand,
        client,
        |isolate, verification, _| verification.authorize_from_cache(isolate.view, freshness),
    )
}

/// Begins what is due for the requests to come, off the path of the one that memory
/// has just decided: a newer proof, a watch for urgent changes.
pub(crate) fn follow_up(
    edge: &Edge,
    request: &AuthorizationRequest,
    region: impl FnOnce() -> Region,
) {
    let now = request.reading();
    let (should_refresh, carrier) = memory::with(&edge.settings, |memory| {
        let view = &mut memory.view;
        (view.should_refresh(now), view.begin_carrier(now))
    });
    if should_refresh {
        edge.after(refresh(edge.clone(), region()));
    }
    if let Some(carrier) = carrier {
        edge.after(watch::carry(edge.clone(), carrier));
    }
}

/// Renews the proof, for the requests to come.
async fn refresh(edge: Edge, region: Region) {
    let sync = memory::with(&edge.settings, |memory| {
        let hops = hops(&edge, region, memory.replica);
        FailoverSync::in_background(&mut memory.view, hops, host::reading())
    });
    if let Some(sync) = sync {
        refresh_with_failover(&edge, sync).await;
    }
}

/// Decides with whatever I/O that takes.
pub(crate) async fn authorize(
    edge: &Edge,
    region: Region,
    request: &AuthorizationRequest,
    demand: &Demand<'_>,
    client: &dyn Fn() -> ClientAddress,
    freshness: Freshness,
) -> Result<Granted, Problem> {
    match authorize_from_cache(edge, request, demand, client, freshness) {
        Some(decided) => {
            follow_up(edge, request, || region);
            decided.map_err(|denial| Problem::from(&denial))
        }
        None => load_and_authorize(edge, region, request, demand, client, freshness).await,
    }
}

/// Decides what [`authorize_from_cache`] could not.
pub(crate) async fn load_and_authorize(
    edge: &Edge,
    region: Region,
    request: &AuthorizationRequest,
    demand: &Demand<'_>,
    client: &dyn Fn() -> ClientAddress,
    freshness: Freshness,
) -> Result<Granted, Problem> {
    let settings = &edge.settings;
    let begin = |verification: &Verification<'_>, replica| {
        let hops = hops(edge, region, replica);
        verification.load_and_authorize(freshness, hops, settings.serve_unproven)
    };
    let mut authorization = memory::verify(settings, request, demand, client, |_, of, replica| {
        begin(of, replica)
    });
    let mut event = Event::Look;
    loop {
        let step = memory::verify(settings, request, demand, client, |isolate, of, _| {
            authorization.next(isolate, of, event, host::reading())
        });
        for stale in authorization.take_stale() {
            kv::report_stale(edge, stale);
        }
        event = match step {
            Step::Wait(pause) => {
                host::sleep(pause.0).await;
                Event::Look
            }
            Step::Sync(sync) => Event::Synced(refresh_with_failover(edge, sync).await),
            Step::Load {
                key,
                organization,
                sync,
            } => load_from_kv(edge, request.id(), key, organization, sync).await,
            Step::ReadRegistry(required) => {
                Event::RegistryAnswered(read_from_registry(edge, request.id(), required).await)
            }
            Step::Decided(decided) => {
                watch::begin(edge);
                return decided.map_err(|refusal| match refusal {
                    Refusal::Denied(denial) => Problem::from(&denial),
                    Refusal::FreshnessUnavailable => Code::FreshnessUnavailable.into(),
                });
            }
        };
    }
}

/// Whom an isolate asks for a sync.
fn hops(edge: &Edge, region: Region, replica: u8) -> Failover {
    let replicas = edge.settings.relay_replicas;
    Failover::new(region, replica, replicas, Failover::TOTAL)
}

/// Reads from Workers KV while it asks what is required of that.
async fn load_from_kv(
    edge: &Edge,
    id: &KeyId,
    key: bool,
    organization: bool,
    sync: Option<FailoverSync>,
) -> Event<CachedRecord> {
    let key = key.then(|| kv::begin(edge, id.public.into()));
    let organization = organization.then(|| kv::begin(edge, id.public.organization_tag().into()));
    let synced = match sync {
        Some(sync) => refresh_with_failover(edge, sync).await,
        None => true,
    };
    let key = match key {
        Some(read) => read.record(edge).await.map(CachedRecord::Key),
        None => None,
    };
    let organization = match organization {
        Some(read) => read.record(edge).await.map(CachedRecord::Organization),
        None => None,
    };
    Event::Loaded {
        key,
        organization,
        synced,
    }
}

/// Carries out a sync; whether anybody answered.
async fn refresh_with_failover(edge: &Edge, mut sync: FailoverSync) -> bool {
    let mut reply = None;
    loop {
        let step = memory::with(&edge.settings, |memory| {
            sync.next(&mut memory.view, reply.as_ref(), host::reading())
        });
        reply = match step {
            SyncStep::Send(hop, deadline) => {
                let message = LenderRequest::Sync(sync.request().clone());
                let said = lender::ask(edge, hop, &message, deadline).await;
                said.ok().and_then(LenderReply::sync)
            }
            SyncStep::Done(accepted) => {
                watch::confirm(edge);
                return accepted.is_some();
            }
        };
    }
}

/// Reads both records from the registry; `None` where it does not answer in time.
async fn read_from_registry(
    edge: &Edge,
    id: &KeyId,
    [key, organization]: [Revision; 2],
) -> Option<RegistryRecords<CachedRecord>> {
    let required = RequiredRevisions {
        key: key.0,
        organization: organization.0,
    };
    let read = registry::read(&edge.env, id, required, Reader::Edge).await?;
    let (key, organization) = (read.records.key, read.records.organization);
    Some(RegistryRecords {
        key: key.map(|record| CachedRecord::Key(Rc::new(record))),
        organization: organization.map(|record| CachedRecord::Organization(Rc::new(record))),
        may_keep: read.may_keep,
    })
}
