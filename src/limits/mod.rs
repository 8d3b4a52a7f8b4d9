//! Limits and quotas: what a key and its organization may still spend.
//!
//! **Guarantee.** In no window is more admitted than a policy's stated bound, whatever
//! is lost, repeated or killed; and a lowered limit binds everywhere once its change is
//! `enforced`. [`meter`] gives the argument; docs/limits.md says what each precision
//! costs.
//!
//! State machines without I/O, clock or randomness, which the model checker and the
//! simulation (`tests/limits`) drive as they are deployed.
//!
//! | module | what it holds |
//! |---|---|
//! | [`policy`] | a rate or a quota, as records carry it |
//! | [`bucket`] | the tokens of a rate |
//! | [`window`] | when a quota begins anew |
//! | [`meter`] | debits units before anybody spends them |
//! | [`spending`] | what a request does until it is paid for |
//! | [`allowances`], [`allowance`] | what an isolate may spend: all of it, under one policy |
//! | [`ledgers`] | the meter's storage |
//! | [`message`] | what the two say to each other |

pub mod allowance;
pub mod allowances;
pub mod bucket;
#[cfg(feature = "control")]
pub mod ledgers;
pub mod message;
#[cfg(feature = "control")]
pub mod meter;
pub mod policy;
pub mod spending;
#[cfg(feature = "control")]
pub mod window;

#[cfg(test)]
mod tests;
