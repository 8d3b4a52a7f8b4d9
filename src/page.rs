//! Listings, a page at a time.

use serde::{Deserialize, Serialize};

use crate::bounded::bounded;

/// A page of a listing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
pub struct Page<T> {
    /// Its items.
    pub items: Vec<T>,
    /// Where the next page begins; `None` at the end. With a filter there may be
    /// one though this page is short or empty.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Cursor"))]
    pub next_cursor: Option<String>,
}

bounded! {
    /// Most items of a page: 1 to 200; 50 unless said.
    Limit, (1..=200), "a limit must be between 1 and 200"
}

impl Limit {
    /// The largest page.
    pub const MAX: Self = Self(*Self::RANGE.end());
}

impl Default for Limit {
    fn default() -> Self {
        Self(50)
    }
}
