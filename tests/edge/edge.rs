//! Tests of the built Worker in the real runtime.
#![allow(missing_docs, reason = "tests")]

mod lifecycle;
mod recovery;
mod refusals;
mod restart;
mod rig;
mod support;
