//! Fields that check themselves: a value exists only where it is right.

mod allowed_ips;
mod key_ids;
mod leak;
mod limits;
mod metadata;
mod patch;
mod policies;
mod session_token;
mod text;
mod word;

pub use allowed_ips::AllowedIps;
pub use key_ids::KeyIds;
pub use leak::{LeakPolicy, LeakSource};
pub use limits::{GrantedScopes, Instant, KeyLifetimeDays, OverlapSeconds};
pub use metadata::Metadata;
pub use patch::{Nothing, Patch};
pub use policies::{LimitPolicy, LimitUnits, Limits, Period, ResetDay, WindowSeconds};
pub use session_token::SessionToken;
pub use text::{Name, Note};
pub use word::{ApiAccess, RevocationReason, Wait};

pub(super) use patch::present;
