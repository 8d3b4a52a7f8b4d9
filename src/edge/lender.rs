//! Questions to whoever gives leases: a relay, or the change log itself.

use std::time::Duration;

use crate::freshness::Millis;
use crate::freshness::failover::Hop;
use crate::freshness::message::{LenderReply, LenderRequest};
use crate::runtime::isolate::Edge;
use crate::runtime::objects::{self, Address, Unanswered};

/// Asks one. A watch may be refused first where there is too much to do.
pub(crate) async fn ask(
    edge: &Edge,
    lender: Hop,
    message: &LenderRequest,
    deadline: Millis,
) -> Result<LenderReply, Unanswered> {
    let name;
    let to = match lender {
        Hop::Relay(relay) => {
            name = relay.to_string();
            Address::of_relay(relay, &name)
        }
        Hop::ChangeLog => Address::of_change_log(),
    };
    let is_watch = matches!(message, LenderRequest::Watch(_));
    let to = to.sheddable(is_watch);
    let to = to.within(Duration::from_millis(deadline.0));
    objects::ask(&edge.env, to, message).await
}
