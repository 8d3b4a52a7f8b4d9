//! Running other programs, and saying clearly which one is missing.

use anyhow::{Context, Result, anyhow, bail};
use std::{
    io::ErrorKind,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
};

static STOPPED: AtomicBool = AtomicBool::new(false);

/// From now on Ctrl-C and SIGTERM do not end the program: [`stopped`] tells of them.
pub(crate) fn stop_on_signals() -> Result<()> {
    // Several steps of one run ask for it; there can be one handler.
    static ASKED: AtomicBool = AtomicBool::new(false);
    if ASKED.swap(true, Ordering::Relaxed) {
        return Ok(());
    }
    ctrlc::set_handler(|| STOPPED.store(true, Ordering::Relaxed))
        .context("cannot listen for Ctrl-C")
}

/// Whether the user has asked for the end.
pub(crate) fn stopped() -> bool {
    STOPPED.load(Ordering::Relaxed)
}

/// Says on stderr what is going on.
pub(crate) fn say(message: impl std::fmt::Display) {
    eprintln!("katalo: {message}");
}

/// Runs a command to its end; an exit code other than 0 is an error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let name = name(command);
    let status = command.status().map_err(|error| missing(&name, error))?;
    if !status.success() {
        bail!("{name} failed ({status})");
    }
    Ok(())
}

/// Runs a command and returns what it wrote to stdout.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let name = name(command);
    let output = command
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|error| missing(&name, error))?;
    if !output.status.success() {
        bail!("{name} failed ({})", output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("{name} wrote something not UTF-8"))
}

/// The cargo that runs this task.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(crate::project::root());
    command
}

/// Sees to it that the standard library for WebAssembly is there. With rustup
/// the first cargo call brings it, as rust-toolchain.toml names it, unless
/// `RUSTUP_AUTO_INSTALL` says not to.
pub(crate) fn need_wasm_target() -> Result<()> {
    let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]))?;
    let target = std::path::Path::new(sysroot.trim()).join("lib/rustlib/wasm32-unknown-unknown");
    if target.exists() {
        return Ok(());
    }
    run(Command::new("rustup").args(["target", "add", "wasm32-unknown-unknown"]))
        .context("the Rust target for WebAssembly is missing")
}

fn name(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    program
        .file_name()
        .unwrap_or(command.get_program())
        .to_string_lossy()
        .into_owned()
}

fn missing(name: &str, error: std::io::Error) -> anyhow::Error {
    if error.kind() != ErrorKind::NotFound {
        return anyhow!(error).context(format!("cannot start {name}"));
    }
    let hint = match name {
        "npm" => "install Node.js with npm, from https://nodejs.org or your distribution",
        "python3" => "install Python 3 with its venv module (python3-venv on Debian)",
        "cargo" | "rustc" => "install Rust from https://rustup.rs",
        _ => "install it and run this again",
    };
    anyhow!("{name} is missing: {hint}")
}
