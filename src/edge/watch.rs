//! Watches for urgent changes, off every request's path, and confirms them: carries out
//! what a [`Carrier`] says.

use crate::edge::{lender, memory};
use crate::freshness::Millis;
use crate::freshness::carrier::{Carrier, Step};
use crate::freshness::failover::{Failover, Hop};
use crate::freshness::message::{LenderReply, LenderRequest};
use crate::freshness::sync::{Confirm, Watch};
use crate::runtime::host;
use crate::runtime::isolate::Edge;

/// Begins to watch, where nobody does.
pub(crate) fn begin(edge: &Edge) {
    let carrier = memory::with(&edge.settings, |memory| {
        memory.view.begin_carrier(host::reading())
    });
    if let Some(carrier) = carrier {
        edge.after(carry(edge.clone(), carrier));
    }
}

/// Keeps a watch open for as long as the platform lets it.
pub(crate) async fn carry(edge: Edge, mut carrier: Carrier) {
    loop {
        let step = memory::with(&edge.settings, |memory| {
            memory.view.next_step(&mut carrier, host::reading())
        });
        match step {
            Step::Watch { to, sync, hold } => {
                let message = LenderRequest::Watch(Watch {
                    request: sync.request.clone(),
                    hold_ms: hold,
                });
                let deadline = Millis(hold.0 + Failover::TOTAL.0);
                let said = lender::ask(&edge, to, &message, deadline).await;
                match said.ok().and_then(LenderReply::sync) {
                    Some(reply) => {
                        memory::with(&edge.settings, |memory| {
                            memory.view.accept(&sync, &reply, host::reading())
                        });
                        carrier.answered();
                    }
                    None => carrier.failed(),
                }
            }
            Step::Confirm(to, confirm) => edge.after(tell(edge.clone(), to, confirm)),
            Step::Pause(pause) => host::sleep(pause.0).await,
            Step::Done => return,
        }
    }
}

/// Confirms what a reply has brought, where no watch will.
pub(crate) fn confirm(edge: &Edge) {
    let next = || {
        memory::with(&edge.settings, |memory| {
            memory.view.next_confirmation(host::reading())
        })
    };
    while let Some((to, confirm)) = next() {
        edge.after(tell(edge.clone(), to, confirm));
    }
}

async fn tell(edge: Edge, to: Hop, confirm: Confirm) {
    let message = LenderRequest::Confirm(confirm);
    let said = lender::ask(&edge, to, &message, Failover::TOTAL).await;
    if said != Ok(LenderReply::Confirmed {}) {
        memory::with(&edge.settings, |memory| memory.view.confirmation_failed(to));
    }
}
