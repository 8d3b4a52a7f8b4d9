//! Contenders' processes: plain workerd on a configuration of its own.

use anyhow::{Context, Result};
use katalo_rig::workerd::{Folder, Port, Process, checkout, compatibility_date, embed, modules};
use serde_json::Value;
use std::{
    fmt::Write as _,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// What a Worker is bound to.
#[derive(Clone)]
pub(crate) enum Binding {
    Text(String),
    Json(Value),
    Kv(SocketAddr),
    Service(SocketAddr),
    /// A class of the same Worker, SQLite and all.
    Objects(&'static str),
}

/// A Worker to be started.
pub(crate) struct Worker {
    /// Files by module name, the entry first; `.wasm` is a module of WebAssembly.
    pub(crate) modules: Vec<(String, PathBuf)>,
    pub(crate) bindings: Vec<(&'static str, Binding)>,
}

/// A Worker at work.
pub(crate) struct Server {
    process: Process,
    pub(crate) address: SocketAddr,
    _port: Port,
    // Goes last: the objects' state is in it.
    _folder: Folder,
}

impl Server {
    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }
}

impl Worker {
    /// A Worker of one module.
    pub(crate) fn file(path: &Path) -> Self {
        Self {
            modules: vec![("index.js".to_owned(), path.to_owned())],
            bindings: Vec::new(),
        }
    }

    /// One file of `bench/peers`, as it is.
    pub(crate) fn peer(name: &str) -> Self {
        Self::file(&checkout().join("bench/peers").join(name))
    }

    /// One of `bench/peers` that esbuild has bundled.
    pub(crate) fn bundled(name: &str) -> Self {
        Self::file(&checkout().join("target/bench/peers").join(name))
    }

    /// Ours, as `cargo xtask build` laid it out: `index.js`, or `edge.js` for the data
    /// plane alone.
    pub(crate) fn ours(entry: &str) -> Result<Self> {
        let build = checkout().join("build");
        // The first is the Worker.
        let modules = modules(&build, entry)?
            .into_iter()
            .map(|name| (name.display().to_string(), build.join(name)))
            .collect();
        Ok(Self {
            modules,
            bindings: Vec::new(),
        })
    }

    pub(crate) fn bind(mut self, name: &'static str, binding: Binding) -> Self {
        self.bindings.push((name, binding));
        self
    }

    /// Writes the configuration and starts workerd on it.
    pub(crate) fn start(&self) -> Result<Server> {
        let folder = Folder::new("katalo-bench-")?;
        let port = Port::free()?;
        let address = port.address();
        self.write(folder.path(), address)?;
        let process = Process::start(folder.path(), "bench.capnp", &[address])?;
        Ok(Server {
            process,
            address,
            _port: port,
            _folder: folder,
        })
    }

    fn write(&self, folder: &Path, address: SocketAddr) -> Result<()> {
        let mut modules = String::new();
        for (name, from) in &self.modules {
            let to = folder.join(name);
            if let Some(parent) = to.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::copy(from, &to).with_context(|| format!("no {}", from.display()))?;
            modules.push_str(&embed(Path::new(name)));
        }
        fs::create_dir_all(folder.join("state"))?;
        let mut services = String::new();
        let mut bindings = String::new();
        let mut classes = String::new();
        for (name, binding) in &self.bindings {
            let external = |services: &mut String, at: &SocketAddr| {
                let _ = writeln!(
                    services,
                    r#"(name = "{name}", external = (address = "{at}", http = ())),"#
                );
            };
            let value = match binding {
                Binding::Text(text) => format!("text = {}", Value::from(text.as_str())),
                Binding::Json(json) => format!("json = {}", Value::from(json.to_string())),
                Binding::Kv(at) => {
                    external(&mut services, at);
                    format!(r#"kvNamespace = "{name}""#)
                }
                Binding::Service(at) => {
                    external(&mut services, at);
                    format!(r#"service = "{name}""#)
                }
                Binding::Objects(class) => {
                    let _ = write!(
                        classes,
                        r#"(className = "{class}", uniqueKey = "{class}", enableSql = true), "#
                    );
                    format!(r#"durableObjectNamespace = "{class}""#)
                }
            };
            let _ = writeln!(bindings, r#"    (name = "{name}", {value}),"#);
        }
        fs::write(
            folder.join("bench.capnp"),
            format!(
                r#"using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "worker", worker = .worker),
    (name = "state", disk = (path = "state", writable = true)),
    {services}
  ],
  sockets = [ (name = "http", address = "{address}", http = (), service = "worker") ],
);

const worker :Workerd.Worker = (
  modules = [ {modules} ],
  compatibilityDate = "{}",
  bindings = [
{bindings}
  ],
  durableObjectNamespaces = [ {classes} ],
  durableObjectStorage = (localDisk = "state"),
);
"#,
                compatibility_date()?
            ),
        )?;
        Ok(())
    }
}
