//! `cargo xtask size`: what the compiled module is made of, and its gate in CI.

use crate::{
    bundle::{self, Plane},
    project, tools,
};
use anyhow::{Context, Result, bail};
use flate2::{Compression, write::GzEncoder};
use std::{collections::BTreeMap, fs, io::Write as _};
use wasmparser::{KnownCustom, Name, Parser, Payload, TypeRef};

/// The module of a plane may have so many bytes, gzipped. It has no room to grow
/// unnoticed.
const fn budget(plane: Plane) -> usize {
    match plane {
        Plane::Edge => 176_000,
        Plane::Control => 440_000,
    }
}

/// Parts of the module by what a demangled name of a function has in it; the first
/// that fits counts.
const PARTS: [(&str, &[&str]); 12] = [
    ("read JSON", &["json::", "Visitor", "Deserialize", "::de::"]),
    ("write JSON", &["Serialize", "::ser::"]),
    (
        "glue to JavaScript",
        &[
            "js_sys",
            "wasm_bindgen",
            "wbindgen",
            "web_sys",
            "worker_sys",
        ],
    ),
    (
        "what names the runtime",
        &[
            "katalo_keys::edge",
            "katalo_keys::control",
            "katalo_keys::runtime",
        ],
    ),
    ("registry", &["katalo_keys::registry", "katalo_keys::sql"]),
    ("freshness", &["katalo_keys::freshness"]),
    ("http", &["katalo_keys::http"]),
    ("keys and decisions", &["katalo_keys::"]),
    ("hashes and encodings", &["sha2", "hmac", "base64ct", "crc"]),
    ("allocator", &["dlmalloc"]),
    (
        "standard library",
        &[
            "core::",
            "alloc::",
            "std::",
            "compiler_builtins",
            "<str>",
            "<[",
        ],
    ),
    ("other crates", &[""]),
];

/// Prints the tables. Their figures are before wasm-opt, which takes the names away.
pub(crate) fn run() -> Result<()> {
    tools::need_wasm_target()?;
    let target = project::root().join("target/size");
    for plane in Plane::ALL {
        tools::run(
            plane
                .of_crate(tools::cargo().args(["build", "--release"]))
                .arg("--target-dir")
                .arg(&target)
                // Names then tell the types that a function was made for.
                .env("RUSTFLAGS", "-Csymbol-mangling-version=v0"),
        )?;
        let module = fs::read(target.join("wasm32-unknown-unknown/release/katalo_keys.wasm"))?;
        let mut parts = parts(&module)?;
        parts.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        println!("| {} plane | kB |\n|---|---:|", plane.name());
        for (part, bytes) in parts {
            println!("| {part} | {} |", kilobytes(bytes));
        }
        println!();
    }
    bundle::run(&bundle::Options::of_example())?;
    for plane in Plane::ALL {
        let (plain, gzipped) = built(plane)?;
        println!(
            "The {} plane after wasm-opt: {} kB, {} kB gzipped.",
            plane.name(),
            kilobytes(plain),
            kilobytes(gzipped)
        );
    }
    Ok(())
}

/// Refuses a module that has grown beyond its budget.
pub(crate) fn gate() -> Result<()> {
    let mut too_large = Vec::new();
    for plane in Plane::ALL {
        let (_, gzipped) = built(plane)?;
        let (name, budget) = (plane.name(), budget(plane));
        tools::say(format_args!(
            "the {name} plane has {gzipped} bytes gzipped, of {budget}"
        ));
        if gzipped > budget {
            too_large.push(name);
        }
    }
    if !too_large.is_empty() {
        bail!(
            "too large: {}; see what a module is made of with `cargo xtask size`",
            too_large.join(", ")
        );
    }
    Ok(())
}

/// Bytes of a built module, plain and gzipped.
fn built(plane: Plane) -> Result<(usize, usize)> {
    let module = fs::read(plane.module()).context("the Worker is not built")?;
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(&module)?;
    Ok((module.len(), gzip.finish()?.len()))
}

fn kilobytes(bytes: usize) -> String {
    format!("{}.{}", bytes / 1_000, bytes % 1_000 / 100)
}

/// Bytes of code by part, and of data.
fn parts(module: &[u8]) -> Result<Vec<(&'static str, usize)>> {
    let mut imported = 0;
    let mut bodies = Vec::new();
    let mut names = BTreeMap::new();
    let mut data = 0;
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    imported += u32::from(matches!(import?.ty, TypeRef::Func(_)));
                }
            }
            Payload::CodeSectionEntry(body) => bodies.push(body.range().len()),
            Payload::DataSection(section) => data = section.range().len(),
            Payload::CustomSection(section) => {
                if let KnownCustom::Name(subsections) = section.as_known() {
                    for subsection in subsections {
                        if let Name::Function(named) = subsection? {
                            for naming in named {
                                let naming = naming?;
                                names.insert(naming.index, naming.name);
                            }
                        }
                    }
                }
            }
            _ => {}
        }
    }
    let mut sums = BTreeMap::from([("data", data)]);
    for (index, bytes) in (imported..).zip(bodies) {
        let name = names.get(&index).copied().unwrap_or_default();
        let name = format!("{:#}", rustc_demangle::demangle(name));
        // Told to the generator and gone from what it writes.
        if name.contains("wbindgen_describe") {
            continue;
        }
        let part = PARTS
            .iter()
            .find(|(_, marks)| marks.iter().any(|mark| name.contains(mark)));
        *sums.entry(part.map_or("", |(part, _)| part)).or_default() += bytes;
    }
    Ok(sums.into_iter().collect())
}
