//! What a granted request has to pay, and the questions to its organization's meter.
//! What is decided [`limits`](crate::limits) decides.

use std::cell::RefCell;
use std::time::Duration;

use crate::http::{Code, Problem, exceeded, limit_field, limits_member};
use crate::key::OrganizationTag;
use crate::limits::allowance::Standing;
use crate::limits::allowances::{Allowances, IDLE, PATIENCE};
use crate::limits::message::{LeaseReply, LeaseRequest};
use crate::limits::spending::{Event, Limit, Refusal, Spending, Step};
use crate::random::Randomness as _;
use crate::runtime::host::{self, Crypto};
use crate::runtime::isolate::Edge;
use crate::runtime::objects::{self, Address};
use crate::settings::bindings;
use crate::verify::Granted;

thread_local! {
    static ALLOWANCES: RefCell<Option<Allowances>> = const { RefCell::new(None) };
}

fn with<T>(work: impl FnOnce(&mut Allowances) -> T) -> T {
    ALLOWANCES.with_borrow_mut(|held| {
        work(held.get_or_insert_with(|| {
            let mut holder = [0; 8];
            Crypto.fill(&mut holder);
            Allowances::new(u64::from_be_bytes(holder))
        }))
    })
}

/// What becomes of a request that has to pay.
pub(crate) enum Payment {
    /// It is paid, or refused.
    Done(Result<(), Problem>),
    /// That takes I/O: [`settle`].
    Pending(Spending, Step),
}

/// Pays by what the isolate holds.
pub(crate) fn pay(edge: &Edge, granted: &mut Granted, cost: u64) -> Payment {
    let limits = granted.limits();
    if limits.is_empty() || cost == 0 {
        return Payment::Done(Ok(()));
    }
    let now = host::now().0;
    let mut spending = Spending::new(cost, now);
    match with(|held| spending.next(held, &limits, Event::Look, now)) {
        step @ (Step::Ask(_) | Step::Wait(_)) => Payment::Pending(spending, step),
        Step::Admit(standings) => Payment::Done(admit(edge, granted, &standings, now)),
        Step::Refuse(refusal) => Payment::Done(refuse(edge, &limits, refusal)),
    }
}

/// Pays with whatever I/O that takes.
pub(crate) async fn settle(
    edge: &Edge,
    granted: &mut Granted,
    mut spending: Spending,
    mut step: Step,
) -> Result<(), Problem> {
    let tag = granted.organization().id.tag();
    loop {
        let event = match step {
            Step::Ask(request) => Event::Answered(ask(edge, tag, &request).await),
            Step::Wait(pause) => {
                host::sleep(pause).await;
                Event::Look
            }
            Step::Admit(standings) => {
                return admit(edge, granted, &standings, host::now().0);
            }
            Step::Refuse(refusal) => return refuse(edge, &granted.limits(), refusal),
        };
        let limits = granted.limits();
        step = with(|held| spending.next(held, &limits, event, host::now().0));
    }
}

/// Begins what is due for the requests to come, off the path of this one.
fn admit(
    edge: &Edge,
    granted: &mut Granted,
    standings: &[Standing],
    now: u64,
) -> Result<(), Problem> {
    let limits = granted.limits();
    let field = limit_field(&limits, standings);
    let (refill, tends) = with(|held| (held.refill(&limits, now), held.begin_tending(now)));
    if let Some(request) = refill {
        let (edge_, tag) = (edge.clone(), granted.organization().id.tag());
        edge.after(async move {
            let reply = ask(&edge_, tag, &request).await;
            with(|held| held.accept(&request, reply, now, host::now().0));
        });
    }
    if tends {
        edge.after(tend(edge.clone()));
    }
    granted.paid(field);
    Ok(())
}

fn refuse(edge: &Edge, limits: &[Limit<'_>], refusal: Refusal) -> Result<(), Problem> {
    match refusal {
        Refusal::Exceeded {
            limit,
            retry_ms,
            standing,
        } => {
            let mut chance = [0];
            Crypto.fill(&mut chance);
            let [chance] = chance;
            Err(limits.get(limit).map_or_else(
                || Code::LimitsUnavailable.into(),
                |limit| exceeded(limit, retry_ms, standing, chance),
            ))
        }
        Refusal::Unavailable if edge.settings.serve_unmetered => Ok(()),
        Refusal::Unavailable => Err(Code::LimitsUnavailable.into()),
    }
}

/// Returns what idles, for as long as the platform lets work go on after an answer.
async fn tend(edge: Edge) {
    for _ in 0..Allowances::TENDING {
        host::sleep(IDLE).await;
        for (tag, request) in with(|held| held.idle(host::now().0)) {
            // What does not arrive counts as spent.
            let _ = ask(&edge, tag, &request).await;
        }
    }
}

/// How the limits of a key stand, by its organization's meter, as a member of an answer.
pub(crate) async fn shown(edge: &Edge, granted: &Granted) -> String {
    let limits = granted.limits();
    let standings = match limits.as_slice() {
        [] => None,
        limits => look(edge, granted, limits).await,
    };
    limits_member(&limits, standings.as_deref(), host::now())
}

async fn look(edge: &Edge, granted: &Granted, limits: &[Limit<'_>]) -> Option<Vec<Standing>> {
    let request = LeaseRequest::look(limits);
    let reply = ask(edge, granted.organization().id.tag(), &request).await?;
    Some(reply.leases.iter().map(Standing::of).collect())
}

async fn ask(edge: &Edge, tag: OrganizationTag, request: &LeaseRequest) -> Option<LeaseReply> {
    let to = Address::of(bindings::METER, tag.as_str()).within(Duration::from_millis(PATIENCE));
    objects::ask(&edge.env, to, request).await.ok()
}
