//! Tests of the built Worker in the real runtime.
#![allow(missing_docs, reason = "tests")]

mod restart;
mod rig;
