//! Python programs, in an environment of their own under the user's cache that
//! holds what `clients/requirements.txt` pins.

use anyhow::{Context, Result, ensure};
use std::{
    env, fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
    process::Command,
};

/// Runs a program of `clients/` with these variables, and returns what it printed.
pub(crate) fn run(program: &str, variables: &[(&str, &str)]) -> Result<String> {
    let mut python = Command::new(environment()?.join("bin/python"));
    python.arg(folder().join(program));
    output(python.envs(variables.iter().copied()))
}

/// Runs a command to its end, and returns what it printed.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .with_context(|| format!("cannot run {}", command.get_program().display()))?;
    ensure!(
        output.status.success(),
        "{:?}: {}{}",
        command.get_program(),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}

/// The programs of other makers that these tests run.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients")
}

/// Made on the first call of all; other tests may be at the same.
fn environment() -> Result<PathBuf> {
    let requirements = folder().join("requirements.txt");
    let wanted = fs::read_to_string(&requirements)?;
    let mut hasher = DefaultHasher::new();
    wanted.hash(&mut hasher);
    let home = env::var_os("HOME").context("HOME is not set")?;
    let cache = env::var_os("XDG_CACHE_HOME")
        .map_or_else(|| Path::new(&home).join(".cache"), PathBuf::from)
        .join("katalo-keys");
    fs::create_dir_all(&cache)?;
    let place = cache.join(format!("clients-{:016x}", hasher.finish()));
    let lock = fs::File::create(cache.join("clients.lock"))?;
    lock.lock()?;
    let stamp = place.join("requirements.txt");
    if !fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        if place.exists() {
            fs::remove_dir_all(&place)?;
        }
        output(Command::new("python3").args(["-m", "venv"]).arg(&place))?;
        output(
            Command::new(place.join("bin/python"))
                .args(["-m", "pip", "install", "--quiet", "--no-deps"])
                .args(["--disable-pip-version-check", "--requirement"])
                .arg(&requirements),
        )?;
        fs::write(&stamp, wanted)?;
    }
    Ok(place)
}
