//! Rows as values: what a registry holds of its organization and its keys.

mod columns;
mod key;
mod organization;
mod value;
mod view;

pub(super) use key::{Key, Revocation};
pub(super) use organization::Organization;
pub(super) use value::{
    GOING, REVISION, first, folded, instant, is_going, meta, optional, parsed, public_id, set_meta,
    word,
};
