//! What is uploaded, gzipped, as the platform counts it.

use anyhow::Result;
use flate2::{Compression, write::GzEncoder};
use katalo_rig::workerd::checkout;
use serde::Serialize;
use std::{fs, io::Write as _, path::Path};

/// A file, in bytes.
#[derive(Serialize)]
pub(crate) struct Size {
    pub(crate) file: String,
    pub(crate) bytes: usize,
    pub(crate) gzipped: usize,
}

fn size(path: &Path) -> Result<Size> {
    let bytes = fs::read(path)?;
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(&bytes)?;
    let name = path.file_name().unwrap_or_default();
    Ok(Size {
        file: name.to_string_lossy().into_owned(),
        bytes: bytes.len(),
        gzipped: gzip.finish()?.len(),
    })
}

pub(crate) fn run() -> Result<Vec<Size>> {
    let root = checkout();
    [
        "build/katalo_keys_edge_bg.wasm",
        "build/katalo_keys_edge.js",
        "build/katalo_keys_control_bg.wasm",
        "build/katalo_keys_control.js",
        "build/index.js",
        "build/edge.js",
        "build/control.js",
        "build/failed.js",
        "build/instance.js",
        "build/gateway.js",
        "build/lines.js",
        "build/objects.js",
        "build/runtime.js",
        "build/zones.js",
        "bench/peers/check.js",
        "target/bench/peers/hono-bearer.js",
        "target/bench/peers/hono-jwt.js",
        "target/bench/peers/better-auth.js",
    ]
    .iter()
    .map(|path| size(&root.join(path)))
    .collect()
}
