//! The relay's object: one per region and replica, in memory only.
//!
//! **Atomicity.** The state is borrowed between awaits, never across one. What
//! requests share is data: a request that waits for another's answer is woken and looks
//! at the state again, it never awaits the other's future.
//!
//! Besides answering, the object keeps a watch of its own at the change log while its
//! edges hold leases, and tells the log when they are past an urgent change. It does so
//! in tasks of its own, which end once nobody holds anything: pending I/O keeps an
//! object in memory, and billed.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use worker::worker_sys::types::DurableObjectState;

use super::answer::ObjectAnswer;
use super::confirm;
use super::notify::Notify;
use crate::expiring_semaphore::{ExpiringSemaphore, Permit};
use crate::freshness::account::Account;
use crate::freshness::carrier::CARRIER;
use crate::freshness::follower::PendingSync;
use crate::freshness::message::{LogReply, LogRequest, RelayReply, RelayRequest};
use crate::freshness::relay::{Relay as Lender, Serve, Upkeep};
use crate::freshness::sync::{Confirm, Watch};
use crate::freshness::{Millis, RelayClock, SyncReply, SyncRequest};
use crate::json;
use crate::runtime::host;
use crate::runtime::objects::{self, Address};

/// Requests worked on at once. An isolate has one under way, so more are more
/// isolates than one relay can serve: they ask elsewhere.
const REQUESTS: usize = 1_024;
/// How long a permit is good for at most, in milliseconds: whoever asked is gone then.
const PERMIT_TTL: u64 = 4_000;
/// Watches held at once: about three times the isolates that one relay is planned for.
/// Whoever finds no room is waited for.
const WATCHES: usize = 2_048;
/// The same for them.
const WATCH_TTL: u64 = CARRIER.0 + PERMIT_TTL;
/// How long the log may take to answer, beside what it holds a watch for.
const PATIENCE: Millis = Millis(2_000);
/// How soon a confirmation that did not arrive is sent again.
const TELL_AGAIN: Millis = Millis(250);

/// The object.
#[wasm_bindgen]
pub struct Relay {
    shared: Rc<Shared>,
    requests: RefCell<ExpiringSemaphore>,
    watches: RefCell<ExpiringSemaphore>,
}

#[wasm_bindgen]
impl Relay {
    /// The object at its start.
    #[wasm_bindgen(constructor)]
    pub fn new(_: DurableObjectState, env: JsValue) -> Self {
        let confirms = confirm(&env);
        let mut lender = Lender::new();
        if confirms {
            lender = lender.with_confirmations(host::holder(), Account::<RelayClock>::LIMIT);
        }
        Self {
            shared: Rc::new(Shared {
                env,
                confirms,
                lender: RefCell::new(lender),
                synced: Notify::default(),
                urged: Notify::default(),
                is_watching: Cell::new(false),
                awaits_expiry: Cell::new(false),
            }),
            requests: RefCell::new(ExpiringSemaphore::new(REQUESTS, PERMIT_TTL)),
            watches: RefCell::new(ExpiringSemaphore::new(WATCHES, WATCH_TTL)),
        }
    }

    /// Takes a permit for a message that has yet to be read, a watch where it
    /// `yields`; none where there is too much to do.
    pub fn enter(&self, yields: bool) -> Option<f64> {
        let permit = self.permits(yields).borrow_mut().acquire(host::now().0);
        permit.map(Permit::into_number)
    }

    /// What it says to the message that took this permit.
    pub async fn answer(&self, message: String, yields: bool, permit: f64) -> JsValue {
        let answer = self.shared.say(&message).await;
        let mut permits = self.permits(yields).borrow_mut();
        permits.release(Permit::from_number(permit));
        answer.into()
    }
}

impl Relay {
    const fn permits(&self, yields: bool) -> &RefCell<ExpiringSemaphore> {
        if yields {
            &self.watches
        } else {
            &self.requests
        }
    }
}

/// What requests and tasks share.
struct Shared {
    env: JsValue,
    /// Whether it keeps account of the leases that it gives.
    confirms: bool,
    lender: RefCell<Lender>,
    /// The log has answered, or cannot be reached.
    synced: Notify,
    /// The log said that something urgent changed.
    urged: Notify,
    /// Whether a task keeps a watch at the log.
    is_watching: Cell<bool>,
    /// Whether a task waits for a lease to be over.
    awaits_expiry: Cell<bool>,
}

impl Shared {
    async fn say(self: &Rc<Self>, message: &str) -> ObjectAnswer {
        let Ok(request) = json::from_str(message) else {
            return ObjectAnswer::Unread;
        };
        let reply = match request {
            // As one of an older version does: whoever asks then looks away for a while.
            RelayRequest::Watch(_) | RelayRequest::Confirm(_) if !self.confirms => {
                return ObjectAnswer::Unread;
            }
            RelayRequest::Sync(request) => self.serve(&request, None).await,
            RelayRequest::Watch(watch) => {
                let hold = watch.hold_ms.min(CARRIER);
                self.serve(&watch.request, Some(hold)).await
            }
            RelayRequest::Confirm(confirm) => {
                let mut lender = self.lender.borrow_mut();
                lender.confirm(&confirm.holding, host::reading());
                drop(lender);
                self.follow_up();
                RelayReply::Confirmed {}
            }
            RelayRequest::Status {} => {
                let mut lender = self.lender.borrow_mut();
                let now = host::reading();
                let lending = lender.lending(now);
                RelayReply::Status {
                    proof_age_ms: lender.age(now),
                    holders: lending.holders,
                    expired_unconfirmed: lending.expired_unconfirmed,
                }
            }
        };
        ObjectAnswer::reply(&reply)
    }

    /// Answers a request; one that may be held once it is time, or its hold is over.
    async fn serve(self: &Rc<Self>, request: &SyncRequest, hold: Option<Millis>) -> RelayReply {
        let arrived = host::reading();
        loop {
            let now = host::reading();
            // On a clock that was set back nobody knows what is left.
            let left = hold.map(|hold| match arrived <= now {
                true => hold.less(now.since(&arrived)),
                false => Millis::ZERO,
            });
            let next = {
                let mut lender = self.lender.borrow_mut();
                match left {
                    None => lender.serve(request, arrived, now),
                    Some(left) => lender.watch(request, arrived, left == Millis::ZERO, now),
                }
            };
            // What the request says may be what the log waits for.
            self.follow_up();
            match next {
                Serve::Reply(reply) => return RelayReply::Sync(reply),
                Serve::Unavailable => return RelayReply::Unavailable {},
                Serve::Wait(most) => {
                    self.synced.within(most).await;
                }
                Serve::Hold => {
                    self.urged.within(left.unwrap_or_default()).await;
                }
                Serve::SyncWithLog(sync) => {
                    let message = LogRequest::Sync(sync.request.clone());
                    match self.ask_log(&message, Millis::ZERO).await {
                        Some(LogReply::Sync(reply)) => self.accept(&sync, &reply),
                        _ => (self.lender.borrow_mut()).failed(&sync, host::reading()),
                    }
                    self.synced.notify_waiters();
                }
            }
        }
    }

    /// Begins what the relay does by itself: to be called after every event.
    fn follow_up(self: &Rc<Self>) {
        let now = host::reading();
        let mut lender = self.lender.borrow_mut();
        if let Some(confirm) = lender.confirmation(now) {
            spawn_local(Rc::clone(self).tell_log(confirm));
        }
        if !self.is_watching.get() {
            let upkeep = lender.upkeep(now);
            if upkeep != Upkeep::Idle {
                self.is_watching.set(true);
                spawn_local(Rc::clone(self).watch_log(upkeep));
            }
        }
        if !self.awaits_expiry.get()
            && let Some(left) = lender.next_expiry(now)
        {
            self.awaits_expiry.set(true);
            spawn_local(Rc::clone(self).await_expiry(left));
        }
    }

    /// Hears of urgent changes for as long as anybody holds a lease.
    async fn watch_log(self: Rc<Self>, mut upkeep: Upkeep) {
        loop {
            match upkeep {
                Upkeep::Idle => break,
                Upkeep::Pause(pause) => host::sleep(pause.0).await,
                Upkeep::Watch(sync) => {
                    let message = LogRequest::Watch(Watch {
                        request: sync.request.clone(),
                        hold_ms: Lender::HOLD,
                    });
                    if let Some(LogReply::Sync(reply)) = self.ask_log(&message, Lender::HOLD).await
                    {
                        self.accept(&sync, &reply);
                        self.follow_up();
                    }
                }
            }
            upkeep = self.lender.borrow_mut().upkeep(host::reading());
        }
        self.is_watching.set(false);
    }

    /// Tells the log what nobody decides below any more.
    async fn tell_log(self: Rc<Self>, confirm: Confirm) {
        let message = LogRequest::Confirm(confirm);
        if self.ask_log(&message, Millis::ZERO).await != Some(LogReply::Confirmed {}) {
            self.lender.borrow_mut().confirmation_failed();
            host::sleep(TELL_AGAIN.0).await;
            self.follow_up();
        }
    }

    /// The end of a lease may raise the floor, like a confirmation.
    async fn await_expiry(self: Rc<Self>, left: Millis) {
        host::sleep(left.0).await;
        self.awaits_expiry.set(false);
        self.follow_up();
    }

    fn accept(self: &Rc<Self>, sync: &PendingSync<RelayClock>, reply: &SyncReply) {
        let is_urgent = (self.lender.borrow_mut()).accept(sync, reply, host::reading());
        if is_urgent {
            let shared = Rc::clone(self);
            spawn_local(async move { shared.urged.notify_by_turns().await });
        }
    }

    async fn ask_log(&self, message: &LogRequest, hold: Millis) -> Option<LogReply> {
        let to = Address::of_change_log().within(Duration::from_millis(hold.0 + PATIENCE.0));
        objects::ask(&self.env, to, message).await.ok()
    }
}
