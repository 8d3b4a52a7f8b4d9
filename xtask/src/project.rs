//! Where things lie in the checkout.

use std::path::PathBuf;

/// The root of the checkout.
pub(crate) fn root() -> PathBuf {
    let mut root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.pop();
    root
}

/// The folder of the built Worker, which wrangler and workerd load.
pub(crate) fn build() -> PathBuf {
    root().join("build")
}

/// The folder of local runs.
pub(crate) fn dev() -> PathBuf {
    root().join("target/dev")
}
