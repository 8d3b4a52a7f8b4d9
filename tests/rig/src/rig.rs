//! A rig: edges, objects, KV and upstream, wired together.

use crate::{
    Admin, Caller, Class, Client, Clock, Kv, Point, Upstream,
    config::{Config, EDGES, OBJECTS_APART, Shape},
    folder::Folder,
    ports::Port,
    process::{self, Process},
};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

/// The bootstrap token of every rig.
const BOOTSTRAP_TOKEN: &str = "bootstrap-token-of-the-rig-0123456789";

/// The one root key of every rig: 32 bytes.
const ROOT_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// Katalo's five endpoints: method, path, scope.
const ROUTES: [[&str; 3]; 5] = [
    ["POST", "/v1/catalogs", "create"],
    ["GET", "/v1/catalogs/{id}", "read"],
    ["POST", "/v1/catalogs/{id}/regenerate", "regenerate"],
    ["GET", "/v1/usage", "usage"],
    ["GET", "/v1/billing", "billing"],
];

/// The freshness bound of a rig, in milliseconds: every change that alters
/// decisions waits it out, so that it is the least there is. A test that wants what
/// it holds to stay proven stops the clock.
const FRESHNESS_BOUND_MS: u64 = 200;

/// [`ROUTES`] as the variable of that name.
fn routes(freshness: &str) -> Vec<Value> {
    ROUTES
        .iter()
        .map(|[method, path, scope]| {
            json!({ "method": method, "path": path, "scope": scope, "freshness": freshness })
        })
        .collect()
}

/// What a rig is to be like.
#[derive(Debug)]
pub struct Builder {
    edges: usize,
    apart: bool,
    upstream_url: Option<String>,
    services: Vec<&'static str>,
    counts_steps: bool,
    shape: Shape,
    settings: Option<String>,
    variables: BTreeMap<String, Value>,
    objects_variables: BTreeMap<String, Value>,
}

impl Builder {
    /// How many edges there are: Workers with an isolate, a port and a view of
    /// KV of their own. One, unless this is said.
    #[must_use]
    pub fn edges(mut self, edges: usize) -> Self {
        self.edges = edges;
        self
    }

    /// Gives the objects a process of their own, so that they can be killed
    /// while the edges live. Objects are then reached by name alone, over HTTP.
    #[must_use]
    pub fn objects_apart(mut self) -> Self {
        self.apart = true;
        self
    }

    /// Gives each plane a Worker of its own.
    #[must_use]
    pub fn two_workers(mut self) -> Self {
        self.shape = Shape::Two;
        self
    }

    /// Names the upstream by `UPSTREAM_URL` in place of a service binding: that
    /// of the rig, or another origin.
    #[must_use]
    pub fn upstream_url(mut self, origin: Option<&str>) -> Self {
        self.upstream_url = Some(origin.unwrap_or_default().to_owned());
        self
    }

    /// Binds the upstream under another name as well.
    #[must_use]
    pub fn service(mut self, name: &'static str) -> Self {
        self.services.push(name);
        self
    }

    /// Has the crate's steps counted, for [`Rig::steps`]. It is several times slower
    /// then.
    #[must_use]
    pub fn counting_steps(mut self) -> Self {
        self.counts_steps = true;
        self
    }

    /// Makes the routes strict: the registry is asked on every request.
    #[must_use]
    pub fn strict(self) -> Self {
        self.variable("ROUTES", routes("strict"))
    }

    /// Takes its settings from this `katalo.toml`, by way of the build: only secrets are
    /// bound beside them, and the upstream is where they say.
    #[must_use]
    pub fn settings(mut self, toml: &str) -> Self {
        self.settings = Some(toml.to_owned());
        self.without("ROUTES").without("FRESHNESS_BOUND_MS")
    }

    /// Sets a variable or secret of the Worker: text is bound as text, all else
    /// as JSON, as wrangler does. `ROOT_KEYS`, `BOOTSTRAP_TOKEN`, `ROUTES`
    /// (Katalo's five, bounded) and `FRESHNESS_BOUND_MS` (200) are set already.
    #[must_use]
    pub fn variable(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.variables.insert(name.to_owned(), value.into());
        self
    }

    /// Sets a variable for the Worker with the objects alone.
    #[must_use]
    pub fn objects_variable(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.objects_variables.insert(name.to_owned(), value.into());
        self
    }

    /// Takes a variable away.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.variables.remove(name);
        self
    }

    /// Starts the rig, and returns once it accepts connections.
    ///
    /// # Errors
    ///
    /// When the Worker is not built, or workerd does not start.
    pub fn start(mut self) -> Result<Rig> {
        let folder = Folder::new("katalo-rig-")?;
        let kv = Kv::start()?;
        let upstream = Upstream::start()?;
        if let Some(origin) = &self.upstream_url {
            let own = format!("http://{}", upstream.address());
            let origin = if origin.is_empty() { &own } else { origin };
            self.variables
                .insert("UPSTREAM_URL".to_owned(), origin.as_str().into());
        }
        let ports: Vec<Port> = (0..=self.edges)
            .map(|_| Port::free())
            .collect::<Result<_>>()?;
        let mut addresses = ports.iter().map(Port::address);
        let objects = addresses.next().context("no port for the objects")?;
        let edges: Vec<SocketAddr> = addresses.collect();
        let config = Config {
            compatibility_date: compatibility_date()?,
            edges: edges.clone(),
            objects,
            kv: kv.address(),
            upstream: upstream.address(),
            upstream_is_bound: self.upstream_url.is_none() && self.settings.is_none(),
            settings: match self.settings {
                Some(toml) => module(&toml, folder.path())?,
                None => "export default {};".to_owned(),
            },
            services: self.services,
            counts_steps: self.counts_steps,
            variables: self.variables,
            objects_variables: self.objects_variables,
            apart: self.apart,
            shape: self.shape,
        };
        config.write(&checkout().join("build"), folder.path())?;
        let mut rig = Rig {
            edges: edges.into_iter().map(Client::new).collect(),
            objects: Client::new(objects),
            apart: self.apart,
            edges_process: None,
            objects_process: None,
            kv,
            upstream,
            config,
            folder,
            _ports: ports,
        };
        rig.start()?;
        Ok(rig)
    }
}

/// The built Worker at work, until this is dropped.
pub struct Rig {
    // End first, while what they speak to is still there.
    edges_process: Option<Process>,
    objects_process: Option<Process>,
    apart: bool,
    edges: Vec<Client>,
    objects: Client,
    kv: Kv,
    upstream: Upstream,
    config: Config,
    folder: Folder,
    _ports: Vec<Port>,
}

impl Rig {
    /// A rig of one edge, unless told otherwise.
    #[must_use]
    pub fn builder() -> Builder {
        Builder {
            edges: 1,
            apart: false,
            upstream_url: None,
            services: Vec::new(),
            counts_steps: false,
            settings: None,
            // So that every test can be run in both.
            shape: match std::env::var("KATALO_RIG_WORKERS").as_deref() {
                Ok("2") => Shape::Two,
                _ => Shape::One,
            },
            variables: BTreeMap::new(),
            objects_variables: BTreeMap::new(),
        }
        .variable("ROUTES", routes("bounded"))
        .variable("FRESHNESS_BOUND_MS", FRESHNESS_BOUND_MS)
        .variable(
            "ROOT_KEYS",
            format!(r#"{{"current":"1","keys":{{"1":"{ROOT_KEY}"}}}}"#),
        )
        .variable("BOOTSTRAP_TOKEN", BOOTSTRAP_TOKEN)
    }

    /// A client of one edge.
    ///
    /// # Panics
    ///
    /// When there are not that many.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a mistake in the test")]
    pub fn edge(&self, index: usize) -> &Client {
        self.edges.get(index).expect("the rig has fewer edges")
    }

    /// The calls to objects of `class`, whoever sends them.
    pub fn objects(&self, class: Class) -> Point<'_> {
        Point::before(&self.objects, class)
    }

    /// The calls of one caller to objects of `class`.
    ///
    /// # Panics
    ///
    /// When there is no such edge.
    pub fn link(&self, caller: Caller, class: Class) -> Point<'_> {
        let client = match caller {
            Caller::Edge(index) => self.edge(index),
            Caller::Control if self.config.shape == Shape::One => self.edge(0),
            Caller::Control | Caller::Object(_) => &self.objects,
        };
        Point::between(client, caller, class)
    }

    /// Whether each plane has a Worker of its own.
    #[must_use]
    pub fn has_two_workers(&self) -> bool {
        self.config.shape == Shape::Two
    }

    /// The requests of clients to one edge.
    ///
    /// # Panics
    ///
    /// When there is no such edge.
    pub fn requests(&self, edge: usize) -> Point<'_> {
        Point::clients(self.edge(edge))
    }

    /// The clock of one edge.
    ///
    /// # Panics
    ///
    /// When there is no such edge.
    pub fn clock(&self, edge: usize) -> Clock<'_> {
        Clock::of(self.edge(edge))
    }

    /// The steps of the crate at the first edge so far: functions entered and turns
    /// of loops, which a machine's mood does not change.
    ///
    /// # Errors
    ///
    /// When workerd does not answer.
    pub fn steps(&self) -> Result<u64> {
        let steps = self.edge(0).get("/__rig/steps")?.json()?;
        steps.as_u64().context("no number")
    }

    /// The KV namespace.
    #[must_use]
    pub fn kv(&self) -> &Kv {
        &self.kv
    }

    /// The API behind the gateway.
    #[must_use]
    pub fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// Makes the first administrator, through the first edge.
    ///
    /// # Errors
    ///
    /// When that was done before.
    pub fn bootstrap(&self) -> Result<Admin> {
        Admin::bootstrap(self.edge(0), BOOTSTRAP_TOKEN)
    }

    /// The rig's own secrets, which nothing may show: the bootstrap token and
    /// the base64 of every root key.
    #[must_use]
    pub fn secrets() -> [&'static str; 2] {
        [BOOTSTRAP_TOKEN, ROOT_KEY]
    }

    /// Deploys anew with another value of a variable or secret: everything is
    /// killed and started again on the same state.
    ///
    /// # Errors
    ///
    /// When workerd does not start.
    pub fn deploy_with(&mut self, name: &str, value: impl Into<Value>) -> Result<()> {
        self.kill();
        self.config.variables.insert(name.to_owned(), value.into());
        self.config
            .write(&checkout().join("build"), self.folder.path())?;
        self.start()
    }

    /// Kills everything (SIGKILL): edges and objects. State stays.
    pub fn kill(&mut self) {
        self.edges_process = None;
        self.objects_process = None;
    }

    /// Starts everything again after [`kill`](Self::kill), on the same ports
    /// and the same state.
    ///
    /// # Errors
    ///
    /// When workerd does not start.
    pub fn start(&mut self) -> Result<()> {
        if self.apart {
            self.start_objects()?;
        }
        self.start_edges()
    }

    /// Kills the edges (SIGKILL), and with them the objects unless those are apart.
    pub fn kill_edges(&mut self) {
        self.edges_process = None;
    }

    /// Starts the edges again after [`kill_edges`](Self::kill_edges).
    ///
    /// # Errors
    ///
    /// When workerd does not start.
    pub fn start_edges(&mut self) -> Result<()> {
        let mut addresses: Vec<SocketAddr> = self.edges.iter().map(Client::address).collect();
        if !self.apart {
            addresses.push(self.objects.address());
        }
        self.edges_process = Some(Process::start(self.folder.path(), EDGES, &addresses)?);
        Ok(())
    }

    /// No file of the objects' process can be written beyond its first `bytes`,
    /// as on a full disk; `None` ends that. Linux only (`prlimit`).
    ///
    /// # Errors
    ///
    /// When there is no such process or program.
    pub fn limit_files(&self, bytes: Option<u64>) -> Result<()> {
        let process = self
            .objects_process
            .as_ref()
            .or(self.edges_process.as_ref());
        let pid = process.context("nothing runs")?.pid();
        let limit = bytes.map_or_else(|| "unlimited".to_owned(), |bytes| bytes.to_string());
        // The soft limit alone: raising it again is anybody's right.
        let status = std::process::Command::new("prlimit")
            .args([format!("--pid={pid}"), format!("--fsize={limit}:")])
            .status()?;
        ensure!(status.success(), "prlimit failed");
        Ok(())
    }

    /// Kills the objects (SIGKILL), of a rig that has them apart.
    pub fn kill_objects(&mut self) {
        self.objects_process = None;
    }

    /// Starts the objects again after [`kill_objects`](Self::kill_objects).
    ///
    /// # Errors
    ///
    /// When the rig does not have them apart, or workerd does not start.
    pub fn start_objects(&mut self) -> Result<()> {
        ensure!(self.apart, "the objects live in the process of the edges");
        let address = self.objects.address();
        self.objects_process = Some(Process::start(
            self.folder.path(),
            OBJECTS_APART,
            &[address],
        )?);
        Ok(())
    }

    /// The process id of the workerd that runs the edges, while it does.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.edges_process.as_ref().map(Process::pid)
    }

    /// Where the objects' process listens: for messages to one object, past all
    /// edges (`POST /__rig/object/<class>/<name>`, the message's URL in `rig-url`).
    #[must_use]
    pub fn objects_address(&self) -> SocketAddr {
        self.objects.address()
    }

    /// The process id of the workerd that runs the objects, where they are apart.
    #[must_use]
    pub fn objects_pid(&self) -> Option<u32> {
        self.objects_process.as_ref().map(Process::pid)
    }

    /// What workerd and the Worker have written to stdout and stderr.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn log(&self) -> Result<String> {
        Ok(String::from_utf8_lossy(&fs::read(process::log(self.folder.path()))?).into_owned())
    }

    /// The folder in which the objects keep their SQLite files.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }
}

/// What the build makes of a `katalo.toml`.
fn module(toml: &str, folder: &Path) -> Result<String> {
    let (file, made) = (folder.join("katalo.toml"), folder.join("made.js"));
    fs::write(&file, toml)?;
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args([
            "run",
            "--quiet",
            "--package",
            "xtask",
            "--",
            "check",
            "--module",
        ])
        .arg(&made)
        .env("KATALO_SETTINGS", &file)
        .current_dir(checkout())
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{said}");
    Ok(fs::read_to_string(made)?)
}

/// The root of the checkout.
#[must_use]
pub fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The date that the Worker is deployed with.
///
/// # Errors
///
/// When wrangler.toml does not say.
pub fn compatibility_date() -> Result<String> {
    let text = fs::read_to_string(checkout().join("wrangler.toml"))?;
    let date = text
        .lines()
        .find_map(|line| line.strip_prefix("compatibility_date = "))
        .context("wrangler.toml has no compatibility_date")?;
    Ok(date.trim_matches('"').to_owned())
}
