//! Programs from Python's registry, each in an environment of its own under the
//! user's cache, with every version pinned.

use crate::tools;
use anyhow::{Context, Result, bail};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The program `name` of the environment that the file `requirements` describes,
/// which has a line `<name>==<version>`. Made on the first call.
pub(crate) fn command(name: &str, requirements: &Path) -> Result<Command> {
    let wanted = fs::read_to_string(requirements)
        .with_context(|| format!("cannot read {}", requirements.display()))?;
    let version = wanted
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix("=="))
        .with_context(|| format!("{} does not pin {name}", requirements.display()))?;
    let cache = cache()?;
    fs::create_dir_all(&cache)?;
    let place = cache.join(format!("{name}-{version}"));
    // Another checkout may be at the same.
    let lock = fs::File::create(cache.join(format!("{name}.lock")))?;
    lock.lock()?;
    let stamp = place.join("requirements.txt");
    if !fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        make(&place, requirements)?;
        fs::write(&stamp, &wanted)?;
    }
    Ok(Command::new(place.join("bin").join(name)))
}

fn make(place: &Path, requirements: &Path) -> Result<()> {
    tools::say(format_args!("installing {} (once)", place.display()));
    if place.exists() {
        fs::remove_dir_all(place)?;
    }
    tools::run(Command::new("python3").args(["-m", "venv"]).arg(place))?;
    tools::run(
        Command::new(place.join("bin/python"))
            .args(["-m", "pip", "install", "--quiet", "--no-deps"])
            .args(["--disable-pip-version-check", "--requirement"])
            .arg(requirements)
            // stdout is kept for what a task prints itself.
            .stdout(std::io::stderr()),
    )
}

/// `katalo-keys` in the user's cache folder.
pub(crate) fn cache() -> Result<PathBuf> {
    let folder = env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|folder| folder.is_absolute())
        .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")));
    match folder {
        Some(folder) => Ok(folder.join("katalo-keys")),
        None => bail!("neither XDG_CACHE_HOME nor HOME is set"),
    }
}
