//! `cargo xtask dev`: from a fresh clone to a served edge with a demo key.

use crate::{
    bundle, node, project,
    ready::Ready,
    server::{Server, need_port},
    settings::{self, Loaded},
    tools, variables,
};
use anyhow::{Context, Result, bail};
use std::{
    fs,
    path::{Path, PathBuf},
    thread::sleep,
    time::Duration,
};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The port to serve on, at 127.0.0.1
    #[arg(long, default_value_t = 8787)]
    port: u16,
    /// Begin on an empty state
    #[arg(long)]
    fresh: bool,
    /// Where KV and the Durable Objects keep their state
    #[arg(long, default_value = "target/dev/state")]
    state: PathBuf,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    tools::stop_on_signals()?;
    // What could stop the run is looked at before minutes of compiling.
    need_port(options.port)?;
    let state = project::root().join(&options.state);
    let _lock = lock(&state)?;
    let token = variables::bootstrap_token()?;
    node::install()?;
    let loaded = bundle::run(&bundle::Options::default())?;
    let settings = &loaded.checked.settings;

    // Beside the state, not in it: the state holds no secret.
    let kept = beside(&state, ".ready.json")?;
    if options.fresh {
        clear(&state)?;
        let _ = fs::remove_file(&kept);
    }
    let announced = project::dev().join("ready.json");
    let _ = fs::remove_file(&announced);

    let mut server = Server::start("wrangler", options.port, &state, &loaded, &[])?;
    let mut ready = match Ready::read(&kept)? {
        Some(ready) => ready.revive(&server, settings)?,
        None => Ready::make(&server, &token, settings)?,
    };
    ready.base_url = server.origin().to_owned();
    ready.write(&kept)?;
    ready.write(&announced)?;
    ready.print(settings);
    let mut watch = Watch::begin(&loaded);
    tools::say("serving; Ctrl-C ends it");

    while !tools::stopped() {
        if !server.runs() {
            bail!("wrangler dev ended by itself; see target/dev/wrangler.log");
        }
        watch.look();
        sleep(Duration::from_millis(100));
    }
    tools::say("stopping");
    let _ = fs::remove_file(&announced);
    Ok(())
}

/// Tells of the settings whenever their file changes. wrangler has them built anew then,
/// but only its log says so.
struct Watch {
    was: Option<PathBuf>,
    seen: Option<Vec<u8>>,
}

impl Watch {
    fn begin(loaded: &Loaded) -> Self {
        let mut watch = Self {
            was: loaded.file.clone(),
            seen: None,
        };
        watch.seen = watch.content();
        watch
    }

    fn content(&self) -> Option<Vec<u8>> {
        fs::read(settings::file()?).ok()
    }

    fn look(&mut self) {
        let content = self.content();
        if content == self.seen {
            return;
        }
        self.seen = content;
        match settings::load(None) {
            Ok(loaded) if loaded.file != self.was => {
                tools::say("the settings are in another file now: end this run and start it again")
            }
            Ok(_) => {
                tools::say("the settings have changed: they are served once they are built in")
            }
            Err(error) => tools::say(format_args!(
                "{error:#}\nkatalo: until that is mended, the last good settings are served"
            )),
        }
    }
}

/// `<state><end>`.
fn beside(state: &Path, end: &str) -> Result<PathBuf> {
    let mut name = state
        .file_name()
        .context("--state names no folder")?
        .to_owned();
    name.push(end);
    Ok(state.with_file_name(name))
}

/// Keeps two runs off one state: each would overwrite what the other keeps. Let go of
/// when the process ends, however it does.
fn lock(state: &Path) -> Result<fs::File> {
    let path = beside(state, ".lock")?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let file =
        fs::File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => bail!(
            "another run has {}; end it, or take another folder with --state",
            state.display()
        ),
        Err(fs::TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Deletes a state folder, if it is one: `--state ~ --fresh` must do no harm.
fn clear(state: &Path) -> Result<()> {
    if !state.exists() {
        return Ok(());
    }
    if !state.join("v3").is_dir() && fs::read_dir(state)?.next().is_some() {
        bail!(
            "{} is not a state folder; --fresh leaves it alone",
            state.display()
        );
    }
    fs::remove_dir_all(state).with_context(|| format!("cannot delete {}", state.display()))
}
