//! `wrangler dev` as a child: its process group, its log, its end.

use crate::{bundle, node, project, settings::Loaded, tools};
use anyhow::{Context, Result, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use std::{
    fs,
    net::TcpListener,
    ops::Range,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

/// The first start of wrangler takes seconds; a slow machine gets its time.
const START: Duration = Duration::from_secs(120);
/// How long children may take to end by themselves.
const STOP: Duration = Duration::from_secs(5);

/// wrangler with all that it started, and the demo API: gone when this is dropped.
pub(crate) struct Server {
    wrangler: Child,
    group: Pid,
    demo: Option<Child>,
    origin: String,
    own_prefix: String,
}

impl Server {
    /// Serves the Worker on 127.0.0.1:`port`, with state in `state`, the settings that it
    /// was built with, and these variables before them. With the demo's settings the
    /// demo API is behind it. `name` is the name of its log.
    pub(crate) fn start(
        name: &str,
        port: u16,
        state: &Path,
        loaded: &Loaded,
        variables: &[(&str, &str)],
    ) -> Result<Self> {
        need_port(port)?;
        let inspector = free_port()?;
        fs::create_dir_all(project::dev())?;
        let log = project::dev().join(format!("{name}.log"));
        let output = fs::File::create(&log)?;
        let mut demo = None;
        let mut upstream = None;
        if loaded.is_example() {
            let port = free_port()?.to_string();
            demo = Some(
                node::command("node")?
                    .args(["demo/api.js", &port])
                    .spawn()?,
            );
            upstream = Some(format!("UPSTREAM_URL:http://127.0.0.1:{port}"));
        }
        tools::say(format_args!(
            "starting wrangler dev (its log: {})",
            shown(&log)
        ));
        let wrangler = node::command("wrangler")?
            .args(["dev", "--local", "--ip=127.0.0.1"])
            .arg(format!("--port={port}"))
            .arg(format!("--inspector-port={inspector}"))
            .arg("--persist-to")
            .arg(state)
            .args(
                variables
                    .iter()
                    .flat_map(|(name, value)| ["--var".to_owned(), format!("{name}:{value}")]),
            )
            .args(upstream.iter().flat_map(|variable| ["--var", variable]))
            .envs([
                ("CLOUDFLARE_CF_FETCH_ENABLED", "false"),
                ("WRANGLER_SEND_METRICS", "false"),
                ("WRANGLER_HIDE_BANNER", "true"),
                ("CI", "1"),
            ])
            .env(bundle::KEEPS_LAST, "1")
            // Other copies on this machine must not find this one's Workers.
            .env(
                "WRANGLER_REGISTRY_PATH",
                project::dev().join(format!("{name}-registry")),
            )
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0)
            .spawn()
            .context("cannot start wrangler")?;
        let group = Pid::from_child(&wrangler);
        let mut server = Self {
            wrangler,
            group,
            demo,
            origin: format!("http://127.0.0.1:{port}"),
            own_prefix: loaded.checked.settings.routes.own_prefix().to_owned(),
        };
        server.wait_until_healthy(&log)?;
        Ok(server)
    }

    /// Where it serves: scheme, host and port.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// The same, and what our own paths for clients begin with.
    pub(crate) fn own(&self) -> String {
        [self.origin.as_str(), &self.own_prefix].concat()
    }

    /// Whether wrangler still runs.
    pub(crate) fn runs(&mut self) -> bool {
        matches!(self.wrangler.try_wait(), Ok(None))
    }

    fn wait_until_healthy(&mut self, log: &Path) -> Result<()> {
        let health = format!("{}/healthz", self.own());
        let until = Instant::now() + START;
        while ureq::get(&health).call().is_err() {
            if !self.runs() || Instant::now() > until || tools::stopped() {
                let text = fs::read_to_string(log).unwrap_or_default();
                bail!("wrangler dev did not come up:\n{text}");
            }
            sleep(Duration::from_millis(100));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(demo) = &mut self.demo {
            let _ = demo.kill();
            let _ = demo.wait();
        }
        let _ = kill_process_group(self.group, Signal::TERM);
        let until = Instant::now() + STOP;
        while Instant::now() < until {
            // Reaps wrangler; the group lives on while workerd does.
            let ended = self
                .wrangler
                .try_wait()
                .is_ok_and(|status| status.is_some());
            if ended && test_kill_process_group(self.group).is_err() {
                return;
            }
            sleep(Duration::from_millis(20));
        }
        let _ = kill_process_group(self.group, Signal::KILL);
        let _ = self.wrangler.wait();
    }
}

/// Whether a server could listen on this port.
///
/// # Errors
/// Where it could not.
pub(crate) fn need_port(port: u16) -> Result<()> {
    match TcpListener::bind(("127.0.0.1", port)) {
        Ok(_) => Ok(()),
        Err(error) => bail!("port {port} cannot be used ({error}); choose another with --port"),
    }
}

/// A port that nobody listens on, below those that systems give out by themselves:
/// until it is used, nobody's connection takes it.
pub(crate) fn free_port() -> Result<u16> {
    const RANGE: Range<u16> = 10_000..32_768;
    let start = getrandom::u32().map_err(|error| anyhow!("no randomness: {error}"))?;
    let offset = u16::try_from(start % u32::from(RANGE.end - RANGE.start))?;
    let (before, after) = (
        RANGE.start..RANGE.start + offset,
        RANGE.start + offset..RANGE.end,
    );
    after
        .chain(before)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .context("no free port")
}

/// A path as seen from the checkout.
fn shown(path: &Path) -> String {
    let inside = path.strip_prefix(project::root()).unwrap_or(path);
    inside.display().to_string()
}
