//! From a presented key to a decision: from memory at once where that is
//! proven, else by Workers KV, relays, the change log and the registry.
//!
//! Shared is data alone: a request never awaits what another one drives. A
//! request that waits looks at the view again, on a timer of its own.

use std::rc::Rc;
use std::time::Duration;

use futures_util::future::join3;
use serde::de::DeserializeOwned;
use worker::Delay;

use crate::control::objects::change_log;
use crate::edge::memory;
use crate::freshness::failover::{Failover, Hop, Region, RelayName};
use crate::freshness::follower::PendingSync;
use crate::freshness::message::{LogReply, LogRequest, RelayReply, RelayRequest};
use crate::freshness::view::{Inserted, Load, Lookup, Refresh};
use crate::freshness::{EdgeClock, Millis, Reading, Subject, SyncReply};
use crate::http::{Code, Freshness, Problem};
use crate::key::{
    KeyDigest, KeyId, KeyRecord, KeyState, OrganizationRecord, PresentedKey, PublicKeyId,
};
use crate::registry::Subject as RegistrySubject;
use crate::registry::message::{Command, Required};
use crate::runtime::host;
use crate::runtime::isolate::Edge;
use crate::runtime::kv;
use crate::runtime::objects::{self, Address};
use crate::runtime::registry;
use crate::runtime::registry::Lane;
use crate::settings::names;
use crate::time::Timestamp;
use crate::verify::{Audience, ClientAddress, Demand, Denial, Held, decide, secret_is_wrong};

/// How often a waiting request looks at the view, in milliseconds.
const LOOK_EVERY: u64 = 5;

/// A question: may this key do this, now, from there?
pub(crate) struct Asked<'a> {
    pub(crate) id: KeyId,
    pub(crate) digest: KeyDigest,
    pub(crate) demand: Demand<'a>,
    pub(crate) client: &'a dyn Fn() -> ClientAddress,
    pub(crate) arrived: Timestamp,
    key: Subject,
    organization: Subject,
}

impl<'a> Asked<'a> {
    /// `None` where the key's root key was taken out of the ring meanwhile.
    pub(crate) fn of(
        edge: &Edge,
        presented: &PresentedKey,
        demand: Demand<'a>,
        client: &'a dyn Fn() -> ClientAddress,
        arrived: Timestamp,
    ) -> Option<Self> {
        let id = *presented.id();
        Some(Self {
            id,
            digest: edge.settings.keyring.digest(presented)?,
            demand,
            client,
            arrived,
            key: Subject::parse(id.public.as_str()).ok()?,
            organization: Subject::parse(id.public.organization_tag().as_str()).ok()?,
        })
    }

    fn reading(&self) -> Reading<EdgeClock> {
        Reading::at(self.arrived.0)
    }
}

/// Where the records came from that a request was decided on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Source {
    Memory,
    Kv,
    Registry,
    /// Memory, though nothing proves any more that it holds: `ON_UNPROVEN`.
    Unproven,
}

/// A granted request.
pub(crate) struct Granted {
    pub(crate) id: KeyId,
    pub(crate) key: Rc<KeyRecord>,
    pub(crate) organization: Rc<OrganizationRecord>,
    pub(crate) state: KeyState,
    pub(crate) source: Source,
    pub(crate) age: Millis,
}

fn judge(
    asked: &Asked<'_>,
    key: Option<&Rc<KeyRecord>>,
    organization: Option<&Rc<OrganizationRecord>>,
    source: Source,
    age: Millis,
) -> Result<Granted, Denial> {
    let grant = decide(
        &asked.digest,
        key.map(AsRef::as_ref),
        organization.map(AsRef::as_ref),
        &asked.demand,
        asked.client,
        asked.arrived,
    )?;
    let state = grant.state();
    match (key, organization) {
        (Some(key), Some(organization)) => Ok(Granted {
            id: asked.id,
            key: Rc::clone(key),
            organization: Rc::clone(organization),
            state,
            source,
            age,
        }),
        // `decide` grants nothing without both.
        _ => Err(Denial::InvalidKey),
    }
}

/// Whether the view holds the key's record, however old: the id is genuine then.
pub(crate) fn is_held(edge: &Edge, id: &PublicKeyId) -> bool {
    Subject::parse(id.as_str()).is_ok_and(|subject| {
        memory::with(edge.settings.at_most, |memory| {
            memory.view.peek(&subject).is_some()
        })
    })
}

/// Decides from memory, without any I/O; `None` where that takes more.
pub(crate) fn at_once(
    edge: &Edge,
    asked: &Asked<'_>,
    freshness: Freshness,
) -> Option<Result<Granted, Denial>> {
    memory::with(edge.settings.at_most, |memory| {
        let view = &mut memory.view;
        // A digest never changes: any record, however old, proves a wrong secret.
        let wrong = view
            .peek(&asked.key)
            .and_then(Held::key)
            .is_some_and(|key| secret_is_wrong(&asked.digest, key));
        let secrets = memory.secrets(asked.id.environment);
        let proves = || secrets.proves(&asked.id.public, &asked.digest, asked.arrived.0);
        if wrong || proves() == Some(false) {
            return Some(Err(Denial::InvalidKey));
        }
        if freshness == Freshness::Strict {
            return None;
        }
        let now = asked.reading();
        match memory
            .view
            .lookup(&asked.key, &asked.organization, now, now)
        {
            Lookup::Ready {
                key,
                organization,
                age,
            } => Some(judge(
                asked,
                key.key(),
                organization.organization(),
                Source::Memory,
                age,
            )),
            Lookup::Unproven | Lookup::Missing => None,
        }
    })
}

/// Whether the proof should be renewed off the request's path.
pub(crate) fn should_refresh(edge: &Edge, asked: &Asked<'_>) -> bool {
    memory::with(edge.settings.at_most, |memory| {
        memory.view.should_refresh(asked.reading())
    })
}

/// Renews the proof, for the requests to come.
pub(crate) async fn refresh(edge: Edge, region: Region) {
    let ask = memory::with(edge.settings.at_most, |memory| {
        memory.view.begin_refresh(host::reading())
    });
    if let Refresh::Send(mut ask) = ask {
        ask_somebody(&edge, region, &mut ask).await;
    }
}

/// Decides with whatever I/O that takes.
pub(crate) async fn authorize(
    edge: &Edge,
    region: Region,
    asked: &Asked<'_>,
    freshness: Freshness,
) -> Result<Granted, Problem> {
    if let Some(decided) = at_once(edge, asked, freshness) {
        return decided.map_err(|denial| Problem::from(&denial));
    }
    if freshness == Freshness::Strict {
        return strict(edge, asked).await;
    }
    let decided = bounded(edge, region, asked).await;
    match &decided {
        Err(problem) if problem.code == Code::FreshnessUnavailable => {
            unproven(edge, asked).map_or(decided, Ok)
        }
        _ => decided,
    }
}

/// Grants a client on the state last known, where the operator chose to serve
/// (`ON_UNPROVEN`) and that is not too old. It refuses nobody: a right may have
/// been given since.
fn unproven(edge: &Edge, asked: &Asked<'_>) -> Option<Granted> {
    let at_most = edge.settings.serve_unproven?;
    if asked.demand.audience == Audience::Admins {
        return None;
    }
    memory::with(edge.settings.at_most, |memory| {
        let (key, organization, age) =
            (memory.view).last_proven(&asked.key, &asked.organization, asked.reading(), at_most)?;
        let (key, organization) = (key.key(), organization.organization());
        judge(asked, key, organization, Source::Unproven, age).ok()
    })
}

async fn bounded(edge: &Edge, region: Region, asked: &Asked<'_>) -> Result<Granted, Problem> {
    let mut source = Source::Memory;
    loop {
        let now = host::reading();
        if now.since(&asked.reading()) > Failover::TOTAL {
            return strong(edge, asked, None).await;
        }
        let found = memory::with(edge.settings.at_most, |memory| {
            match memory
                .view
                .lookup(&asked.key, &asked.organization, asked.reading(), now)
            {
                Lookup::Ready {
                    key,
                    organization,
                    age,
                } => Next::Decided(judge(
                    asked,
                    key.key(),
                    organization.organization(),
                    source,
                    age,
                )),
                Lookup::Unproven => match memory.view.begin_refresh(now) {
                    Refresh::Send(ask) => Next::Ask(ask),
                    Refresh::Wait(most) => Next::Wait(most),
                    Refresh::Failing => Next::Strong,
                },
                Lookup::Missing => match memory
                    .view
                    .begin_load(&[asked.key, asked.organization], now)
                {
                    Some(load) => Next::Load(load),
                    None => Next::Wait(Millis(LOOK_EVERY)),
                },
            }
        });
        match found {
            Next::Decided(decided) => return decided.map_err(|denial| Problem::from(&denial)),
            Next::Wait(most) => {
                Delay::from(Duration::from_millis(most.0.clamp(1, LOOK_EVERY))).await
            }
            Next::Strong => return strong(edge, asked, None).await,
            Next::Ask(mut ask) => {
                if !ask_somebody(edge, region, &mut ask).await {
                    return strong(edge, asked, None).await;
                }
            }
            Next::Load(load) => {
                if let Some(decided) = fill(edge, region, asked, load).await {
                    return decided;
                }
                source = Source::Kv;
            }
        }
    }
}

/// What the view lets a request do next.
enum Next {
    Decided(Result<Granted, Denial>),
    Wait(Millis),
    Strong,
    Ask(PendingSync<EdgeClock>),
    Load(Load),
}

/// Reads what a load registered from Workers KV while asking what is required
/// of it. `None` where the view holds the records now; else the decision.
async fn fill(
    edge: &Edge,
    region: Region,
    asked: &Asked<'_>,
    mut load: Load,
) -> Option<Result<Granted, Problem>> {
    let wants = |subject: Subject| load.subjects().any(|wanted| wanted == subject);
    let (wants_key, wants_organization) = (wants(asked.key), wants(asked.organization));
    let mut ask = load.sync.take();
    let question = async {
        match &mut ask {
            Some(ask) => ask_somebody(edge, region, ask).await,
            None => true,
        }
    };
    let key_read = read_key(edge, asked, wants_key);
    let organization_read = read_organization(edge, asked, wants_organization);
    let (answered, key, organization) = join3(question, key_read, organization_read).await;
    let wrong = key
        .as_ref()
        .is_some_and(|key| proves_wrong(edge, asked, Some(key)));
    let mut brought = Vec::new();
    brought.extend(key.map(|key| (asked.key, Held::Key(key))));
    brought.extend(organization.map(|record| (asked.organization, Held::Organization(record))));
    let all = brought.len() == load.subjects().count();
    let left = enter(edge, &load, brought);
    if wrong {
        // Whoever has a right secret may still want the record.
        memory::with(edge.settings.at_most, |memory| memory.view.abandon(&load));
        return Some(Err(Problem::from(&Denial::InvalidKey)));
    }
    let held = match left {
        Some(left) if answered && all => {
            left.is_empty() || enter_when_answered(edge, region, &load, left).await
        }
        _ => false,
    };
    if held {
        None
    } else {
        Some(strong(edge, asked, Some(load)).await)
    }
}

/// Asks once more, since other answers overtook the one to this load, and puts
/// its records into the view; whether all are there.
async fn enter_when_answered(
    edge: &Edge,
    region: Region,
    load: &Load,
    records: Vec<(Subject, Held)>,
) -> bool {
    let mut ask = memory::with(edge.settings.at_most, |memory| {
        memory.view.resync(load, host::reading())
    });
    ask_somebody(edge, region, &mut ask).await
        && enter(edge, load, records).is_some_and(|left| left.is_empty())
}

/// Whether the secret is wrong, by the key that was read; then so is every other of
/// this id but one, and the next wrong one costs no I/O.
fn proves_wrong(edge: &Edge, asked: &Asked<'_>, key: Option<&KeyRecord>) -> bool {
    let wrong = key.is_none_or(|key| secret_is_wrong(&asked.digest, key));
    if wrong {
        memory::with(edge.settings.at_most, |memory| {
            let secrets = memory.secrets(asked.id.environment);
            secrets.learn(asked.id.public, key.map(|key| key.digest), host::now().0);
        });
    }
    wrong
}

/// Puts what a load has read into the view. What is left is what the view knows
/// no requirement of; `None` where a record may not be there.
fn enter(edge: &Edge, load: &Load, records: Vec<(Subject, Held)>) -> Option<Vec<(Subject, Held)>> {
    let mut left = Some(Vec::new());
    for (subject, record) in records {
        let entered = memory::with(edge.settings.at_most, |memory| {
            (memory.view).insert(load, &subject, record, host::reading())
        });
        match entered {
            Inserted::Stored => {}
            Inserted::RequirementUnknown(record) => {
                if let Some(left) = &mut left {
                    left.push((subject, record));
                }
            }
            Inserted::Evicted => left = None,
            Inserted::Stale => {
                left = None;
                if let Some(subject) = RegistrySubject::parse(subject.as_str()) {
                    report_behind(edge, subject);
                }
            }
        }
    }
    left
}

/// Has the registry write a record again that Workers KV holds in an older form,
/// under an older root key or in no readable form.
fn report_behind(edge: &Edge, subject: RegistrySubject) {
    let env = edge.env.clone();
    edge.after(async move {
        let _ = registry::tell(
            &env,
            subject.organization_tag(),
            Command::ReportBehind { subject },
        )
        .await;
    });
}

/// What Workers KV holds, where that is a record.
pub(crate) async fn read_kv<R: DeserializeOwned>(
    edge: &Edge,
    subject: RegistrySubject,
) -> Option<Rc<R>> {
    let name = subject.kv_name();
    let read = kv::read(&edge.env, &edge.settings.keyring, &name);
    match read.await {
        kv::Value::Missing => None,
        kv::Value::Unreadable => {
            report_behind(edge, subject);
            None
        }
        kv::Value::Record { record, by_current } => {
            if !by_current {
                report_behind(edge, subject);
            }
            Some(Rc::new(record))
        }
    }
}

async fn read_key(edge: &Edge, asked: &Asked<'_>, wanted: bool) -> Option<Rc<KeyRecord>> {
    if !wanted {
        return None;
    }
    read_kv(edge, RegistrySubject::Key(asked.id.public)).await
}

async fn read_organization(
    edge: &Edge,
    asked: &Asked<'_>,
    wanted: bool,
) -> Option<Rc<OrganizationRecord>> {
    if !wanted {
        return None;
    }
    let tag = asked.id.public.organization_tag();
    read_kv(edge, RegistrySubject::Organization(tag)).await
}

/// Asks relays, then the change log, until one answers; whether one did.
async fn ask_somebody(edge: &Edge, region: Region, ask: &mut PendingSync<EdgeClock>) -> bool {
    let settings = &edge.settings;
    let replica = memory::with(settings.at_most, |memory| memory.replica);
    let mut hops = Failover::new(region, replica, settings.relay_replicas, Failover::TOTAL);
    let began = host::reading::<EdgeClock>();
    while let Some((hop, deadline)) = hops.next(host::reading().since(&began)) {
        ask.sent_to(hop, host::reading());
        let deadline = Duration::from_millis(deadline.0);
        let answer = match hop {
            Hop::Relay(name) => ask_relay(edge, name, ask, deadline).await,
            Hop::ChangeLog => ask_change_log(edge, ask, deadline).await,
            // Proves single records, not the view: the caller's last resort.
            Hop::Registry => break,
        };
        if let Some(answer) = answer {
            memory::with(settings.at_most, |memory| {
                memory.view.accept(ask, &answer, host::reading())
            });
            return true;
        }
    }
    memory::with(settings.at_most, |memory| {
        memory.view.failed(ask, host::reading())
    });
    false
}

async fn ask_relay(
    edge: &Edge,
    name: RelayName,
    ask: &PendingSync<EdgeClock>,
    deadline: Duration,
) -> Option<SyncReply> {
    let message = RelayRequest::Sync(ask.request.clone());
    match objects::ask_relay(&edge.env, name, &message, deadline).await {
        Ok(RelayReply::Sync(answer)) => Some(answer),
        _ => None,
    }
}

async fn ask_change_log(
    edge: &Edge,
    ask: &PendingSync<EdgeClock>,
    deadline: Duration,
) -> Option<SyncReply> {
    let message = LogRequest::Sync(ask.request.clone());
    let to = Address::of(names::CHANGE_LOG, change_log::NAME).within(deadline);
    match objects::ask(&edge.env, to, &message).await {
        Ok(LogReply::Sync(answer)) => Some(answer),
        _ => None,
    }
}

/// For `strict` routes. Without a record at hand, Workers KV is looked at first:
/// a wrong secret under a genuine id must not load the registry.
async fn strict(edge: &Edge, asked: &Asked<'_>) -> Result<Granted, Problem> {
    let at_hand = memory::with(edge.settings.at_most, |memory| {
        memory.view.peek(&asked.key).is_some()
    });
    if !at_hand {
        let key = read_key(edge, asked, true).await;
        if key.is_some_and(|key| proves_wrong(edge, asked, Some(&key))) {
            return Err(Problem::from(&Denial::InvalidKey));
        }
    }
    strong(edge, asked, None).await
}

/// Reads at the registry; `None` where it does not answer in time, or where too
/// many such reads are under way.
async fn strong_read(edge: &Edge, id: &KeyId) -> Option<registry::Read> {
    let at_most = edge.settings.at_most;
    let (place, required) = memory::with(at_most, |memory| {
        let place = memory.strong_reads.enter(host::now().0)?;
        let of = |subject| Subject::parse(subject).map(|subject| memory.view.required(&subject).0);
        let required = Required {
            key: of(id.public.as_str()).unwrap_or_default(),
            organization: of(id.public.organization_tag().as_str()).unwrap_or_default(),
        };
        Some((place, required))
    })?;
    let read = registry::read(&edge.env, id, required, Lane::Edges).await;
    memory::with(at_most, |memory| memory.strong_reads.leave(place));
    read
}

/// Asks the registry, whose answer proves these two records for this request.
/// With a load that was answered they enter the view as well.
async fn strong(edge: &Edge, asked: &Asked<'_>, load: Option<Load>) -> Result<Granted, Problem> {
    let at_most = edge.settings.at_most;
    let Some(read) = strong_read(edge, &asked.id).await else {
        if let Some(load) = &load {
            memory::with(at_most, |memory| memory.view.abandon(load));
        }
        return Err(Code::FreshnessUnavailable.into());
    };
    let key = read.records.key.map(Rc::new);
    let organization = read.records.organization.map(Rc::new);
    proves_wrong(edge, asked, key.as_deref());
    memory::with(at_most, |memory| {
        let Some(load) = &load else { return };
        // Not yet in the change log: good for this request, not for keeping.
        if read.may_keep {
            for (subject, record) in [
                (asked.key, key.clone().map(Held::Key)),
                (
                    asked.organization,
                    organization.clone().map(Held::Organization),
                ),
            ] {
                if let Some(record) = record {
                    (memory.view).insert(load, &subject, record, host::reading());
                }
            }
        }
        memory.view.abandon(load);
    });
    judge(
        asked,
        key.as_ref(),
        organization.as_ref(),
        Source::Registry,
        Millis::ZERO,
    )
    .map_err(|denial| Problem::from(&denial))
}
