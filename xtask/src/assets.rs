//! The static assets, in build/assets/: files that the platform serves without
//! asking the Worker.
//!
//! | file in build/assets/ | made by |
//! |---|---|
//! | `_headers`, `_redirects` | here |
//! | `dashboard/index.html` | `dashboard/index.html`, with the names of the bundles in it |
//! | `dashboard/*-<hash>.js`, `*.css` | esbuild, from `dashboard/` |
//! | `problems/*.html` | `problems`, from the crate's table |
//! | `openapi.json` | `openapi`, from the crate's tables |
//! | `docs/index.html` | `reference`, from that document |
//! | `docs/bundle/*` | esbuild, from `dashboard/reference.*` |
//! | `dashboard/licenses.txt` | the licenses of the libraries in the bundle |

mod openapi;
mod problems;
mod reference;

use crate::{node, project, tools};
use anyhow::{Context, Result};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// What a page of the dashboard may do: nothing but its own script, style and
/// images, and calls of its own origin. No page frames it.
const DASHBOARD_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; connect-src 'self'; form-action 'none'; base-uri 'none'; \
     frame-ancestors 'none'";

/// Oldest browsers that the bundles are written for: those with `light-dark()`.
const TARGET: &str = "es2022,chrome123,firefox120,safari17.5";

/// Lays out all assets in `build`/assets.
pub(crate) fn run(build: &Path) -> Result<()> {
    let assets = build.join("assets");
    fs::create_dir_all(&assets)?;
    dashboard(&assets.join("dashboard"))?;
    problems::run(&assets.join("problems"))?;
    let document = openapi::run(&assets.join("openapi.json"))?;
    documentation(&assets.join("docs"), &document)?;
    fs::write(assets.join("_headers"), headers())?;
    fs::write(assets.join("_redirects"), "/ /dashboard/ 302\n")?;
    Ok(())
}

/// Rules by path, in the platform's form. Bundles have their hash in their name
/// and never change; the page that names them is asked for again every time, and
/// not kept for the back button: a secret may have been on it.
fn headers() -> String {
    format!(
        "/dashboard/*\n  \
           Content-Security-Policy: {DASHBOARD_POLICY}\n  \
           X-Content-Type-Options: nosniff\n  \
           Referrer-Policy: no-referrer\n  \
           Cross-Origin-Opener-Policy: same-origin\n  \
           Cross-Origin-Resource-Policy: same-origin\n  \
           Permissions-Policy: camera=(), geolocation=(), microphone=()\n\
         /problems/*\n  \
           Content-Security-Policy: {policy}\n  \
           X-Content-Type-Options: nosniff\n  \
           Referrer-Policy: no-referrer\n\
         /docs/*\n  \
           Content-Security-Policy: {reference}\n  \
           X-Content-Type-Options: nosniff\n  \
           Referrer-Policy: no-referrer\n  \
           Cross-Origin-Opener-Policy: same-origin\n  \
           Cross-Origin-Resource-Policy: same-origin\n\
         /openapi.json\n  \
           X-Content-Type-Options: nosniff\n\
         /dashboard/\n  \
           ! Cache-Control\n  \
           Cache-Control: no-store\n\
         /dashboard/bundle/*\n  \
           ! Cache-Control\n  \
           Cache-Control: public, max-age=31536000, immutable\n\
         /docs/bundle/*\n  \
           ! Cache-Control\n  \
           Cache-Control: public, max-age=31536000, immutable\n",
        policy = problems::POLICY,
        reference = reference::POLICY,
    )
}

fn dashboard(folder: &Path) -> Result<()> {
    let source = project::root().join("dashboard");
    let page = fs::read_to_string(source.join("index.html"))?;
    let page = bundled(folder, page, &["dashboard/main.tsx", "dashboard/style.css"])?;
    fs::write(folder.join("index.html"), page)?;
    fs::copy(source.join("icon.svg"), folder.join("icon.svg"))?;
    fs::copy(
        project::root().join("node_modules/preact/LICENSE"),
        folder.join("licenses.txt"),
    )
    .context("cannot copy the license of preact")?;
    Ok(())
}

/// The API reference. Its style is the dashboard's, and some more.
fn documentation(folder: &Path, document: &Value) -> Result<()> {
    let page = reference::page(document)?;
    let sources = ["dashboard/reference.ts", "dashboard/reference.css"];
    let page = bundled(folder, page, &sources)?;
    fs::write(folder.join("index.html"), page)?;
    Ok(())
}

/// Bundles these files into `folder`/bundle; the page with the bundles' names in it.
fn bundled(folder: &Path, mut page: String, sources: &[&str]) -> Result<String> {
    let bundles = folder.join("bundle");
    fs::create_dir_all(&bundles)?;
    let report = project::build().join("assets.json");
    tools::run(
        node::command("esbuild")?
            .args(sources)
            .args(["--bundle", "--minify", "--format=esm", "--charset=utf8"])
            .args(["--jsx=automatic", "--jsx-import-source=preact"])
            .args(["--entry-names=[name]-[hash]", "--log-level=warning"])
            .arg(format!("--target={TARGET}"))
            .arg(format!("--outdir={}", bundles.display()))
            .arg(format!("--metafile={}", report.display())),
    )?;
    let made = bundles_of(&fs::read_to_string(&report)?)?;
    fs::remove_file(&report)?;
    remove_others(&bundles, &made)?;
    let place = folder.file_name().unwrap_or_default().to_string_lossy();
    for bundle in &made {
        let (name, _) = bundle.rsplit_once('-').unwrap_or((bundle, ""));
        let kind = bundle.rsplit('.').next().unwrap_or_default();
        page = page.replace(
            &format!("{name}.{kind}\""),
            &format!("/{place}/bundle/{bundle}\""),
        );
    }
    Ok(page)
}

/// The file names that esbuild says it wrote.
fn bundles_of(report: &str) -> Result<Vec<String>> {
    let report: Value = serde_json::from_str(report)?;
    let outputs = report.get("outputs").and_then(Value::as_object);
    Ok(outputs
        .context("esbuild wrote no report")?
        .keys()
        .filter_map(|path| path.rsplit('/').next())
        .map(str::to_owned)
        .collect())
}

/// Deletes what earlier builds left. The folder itself stays: `wrangler dev`
/// watches it.
fn remove_others(folder: &Path, made: &[String]) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path: PathBuf = entry?.path();
        let name = path.file_name().unwrap_or_default();
        if !made.iter().any(|made| name == made.as_str()) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}
