//! From the facts of a request, the records and the instant to a decision. Pure.

mod address;
mod attempts;
pub mod authorization;
mod browser;
mod cached_record;
mod credentials;
mod decide;
mod failures;
mod flush;
mod preflights;
mod request;
mod secrets;
mod tally;
mod test_keys;

pub use address::ClientAddress;
pub use attempts::Attempts;
pub use browser::{BrowserSign, browser_sign};
pub use cached_record::CachedRecord;
pub use credentials::{Credentials, bearer_token, shown_id};
pub use decide::{Audience, Demand, Denial, Grant, decide, secret_is_wrong};
pub use failures::{Drained, Failure, Failures, Proof};
pub use flush::FlushPromise;
pub use preflights::Preflights;
pub use request::{AuthorizationRequest, Freshness, Granted, Verification};
pub use secrets::{Secrets, look_ups};
pub use tally::{Count, Counted, Tally};
pub use test_keys::{LeadsTo, TestKeys};
