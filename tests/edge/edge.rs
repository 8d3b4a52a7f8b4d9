//! Tests of the built Worker in the real runtime.
#![allow(missing_docs, reason = "tests")]

mod recovery;
mod restart;
mod rig;
mod support;
