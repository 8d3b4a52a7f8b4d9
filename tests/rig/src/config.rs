//! The configuration that workerd is started on, in the text form of Cap'n Proto.

use anyhow::{Result, ensure};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use crate::modules::{embed, modules};
use crate::objects::Class;
use crate::rig::checkout;

/// Names the KV view of the asking service to the rig's KV.
pub(crate) const VIEW: &str = "rig-view";

/// In how many Workers the planes stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    /// Both in one script, as a first deployment has them.
    One,
    /// Each in a Worker of its own: edges reach the other by a service binding.
    Two,
}

impl Shape {
    /// The entry of an edge, and that of the Worker with the objects.
    const fn entries(self) -> [&'static str; 2] {
        match self {
            Self::One => ["index.js", "index.js"],
            Self::Two => ["edge.js", "control.js"],
        }
    }
}

/// Everything that differs from one rig to the next.
pub(crate) struct Config {
    pub(crate) compatibility_date: String,
    pub(crate) edges: Vec<SocketAddr>,
    pub(crate) objects: SocketAddr,
    pub(crate) kv: SocketAddr,
    pub(crate) upstream: SocketAddr,
    /// Whether it is known by a service binding; else by its URL.
    pub(crate) upstream_is_bound: bool,
    /// Other names under which it is bound.
    pub(crate) services: Vec<&'static str>,
    /// Whether the module tells of its steps.
    pub(crate) counts_steps: bool,
    pub(crate) variables: BTreeMap<String, Value>,
    /// What the build would write of a `katalo.toml`: a module.
    pub(crate) settings: String,
    /// In place of those, at the objects.
    pub(crate) objects_variables: BTreeMap<String, Value>,
    /// Whether the objects have a process of their own.
    pub(crate) apart: bool,
    pub(crate) shape: Shape,
}

/// The file for the process of the edges, and of the objects unless they are apart.
pub(crate) const EDGES: &str = "edges.capnp";

/// The file for the process of the objects, where they are apart.
pub(crate) const OBJECTS_APART: &str = "objects.capnp";

impl Config {
    /// Copies the built Worker into `folder` and writes the configuration there.
    pub(crate) fn write(&self, build: &Path, folder: &Path) -> Result<()> {
        for (name, text) in TAPS {
            fs::write(folder.join(name), text)?;
        }
        let mut lists = Vec::new();
        for (entry, list) in self.shape.entries().into_iter().zip(LISTS) {
            let modules = modules(build, entry)?;
            for module in &modules {
                let to = folder.join(module);
                if let Some(parent) = to.parent() {
                    fs::create_dir_all(parent)?;
                }
                if self.counts_steps && to.extension().is_some_and(|end| end == "wasm") {
                    count_steps(&build.join(module), &to)?;
                } else {
                    fs::copy(build.join(module), to)?;
                }
            }
            lists.push(module_list(list, entry, &modules));
        }
        // Not those that happen to be in the build.
        fs::write(folder.join("settings.js"), &self.settings)?;
        let lists = lists.concat();
        fs::create_dir_all(folder.join("state"))?;
        let mut edges: Vec<(String, SocketAddr)> = self
            .edges
            .iter()
            .enumerate()
            .map(|(index, address)| (edge(index), *address))
            .collect();
        let objects = (OBJECTS.to_owned(), self.objects);
        if self.apart {
            let text = self.text(&lists, &[objects]);
            fs::write(folder.join(OBJECTS_APART), text)?;
        } else {
            edges.push(objects);
        }
        fs::write(folder.join(EDGES), self.text(&lists, &edges))?;
        Ok(())
    }

    /// A process with these services.
    fn text(&self, lists: &str, places: &[(String, SocketAddr)]) -> String {
        let mut services = String::new();
        let mut sockets = String::new();
        let mut workers = String::new();
        for (name, address) in places {
            let _ = writeln!(
                services,
                r#"(name = "{name}", worker = .{name}),
    (name = "kv-{name}", external = (address = "{}", http = (injectRequestHeaders = [(name = "{VIEW}", value = "{name}")]))),"#,
                self.kv
            );
            let _ = writeln!(
                sockets,
                r#"(name = "{name}", address = "{address}", http = (), service = "{name}"),"#
            );
            let _ = writeln!(workers, "{}", self.worker(name));
        }
        format!(
            r#"using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    {services}
    (name = "upstream", external = (address = "{0}", http = ())),
    (name = "internet", {3}),
    (name = "distant-objects", external = (address = "{1}", http = ())),
    (name = "state", disk = (path = "state", writable = true)),
  ],
  sockets = [
    {sockets}
  ],
);

{2}
{workers}"#,
            self.upstream,
            self.objects,
            lists,
            if self.upstream_is_bound {
                // Whatever is fetched by its URL comes to the upstream.
                format!(r#"external = (address = "{}", http = ())"#, self.upstream)
            } else {
                r#"network = (allow = ["private"])"#.to_owned()
            },
        )
    }

    fn worker(&self, name: &str) -> String {
        let mut bindings = format!(
            r#"(name = "KEYS", kvNamespace = "kv-{name}"),
"#
        );
        if self.upstream_is_bound {
            bindings.push_str("    (name = \"UPSTREAM\", service = \"upstream\"),\n");
        }
        for name in &self.services {
            let _ = writeln!(bindings, r#"    (name = "{name}", service = "upstream"),"#);
        }
        if self.shape == Shape::Two && name != OBJECTS {
            let service = if self.apart {
                "distant-objects"
            } else {
                OBJECTS
            };
            let _ = writeln!(
                bindings,
                r#"    (name = "CONTROL", service = "{service}"),"#
            );
        }
        if self.apart && name != OBJECTS {
            bindings.push_str("    (name = \"RIG_OBJECTS\", service = \"distant-objects\"),\n");
        } else {
            for class in Class::ALL {
                let _ = writeln!(
                    bindings,
                    r#"    (name = "{}", durableObjectNamespace = (className = "{}", serviceName = "{OBJECTS}")),"#,
                    class.binding(),
                    class.name(),
                );
            }
        }
        let mut variables = self.variables.clone();
        if name == OBJECTS {
            variables.extend(self.objects_variables.clone());
        }
        for (name, value) in &variables {
            let value = match value {
                Value::String(text) => format!("text = {}", Value::from(text.as_str())),
                other => format!("json = {}", Value::from(other.to_string())),
            };
            let _ = writeln!(bindings, r#"    (name = "{name}", {value}),"#);
        }
        let objects = if name == OBJECTS {
            let classes: String = Class::ALL
                .iter()
                .map(|class| {
                    format!(
                        r#"(className = "{0}", uniqueKey = "{0}", enableSql = true), "#,
                        class.name()
                    )
                })
                .collect();
            format!(
                r#"durableObjectNamespaces = [{classes}],
  durableObjectStorage = (localDisk = "state"),"#
            )
        } else {
            String::new()
        };
        let [of_edges, of_objects] = LISTS;
        let modules = if name == OBJECTS {
            of_objects
        } else {
            of_edges
        };
        format!(
            r#"
const {name} :Workerd.Worker = (
  modules = .{modules},
  compatibilityDate = "{}",
  bindings = [
    {bindings}
  ],
  {objects}
);"#,
            self.compatibility_date
        )
    }
}

/// The rig's own modules; the tap imports the Worker as `worker.js`.
const TAPS: [(&str, &str); 4] = [
    ("tap.js", include_str!("../js/tap.js")),
    ("clock.js", include_str!("../js/clock.js")),
    ("steps.js", include_str!("../js/steps.js")),
    ("trap.js", include_str!("../js/trap.js")),
];

/// The lists of modules in the configuration: of an edge, of the objects' Worker.
const LISTS: [&str; 2] = ["edgeModules", "objectModules"];

/// The list of a Worker's modules, the tap before it.
fn module_list(list: &str, entry: &str, modules: &[PathBuf]) -> String {
    let taps = TAPS.iter().map(|(name, _)| embed(Path::new(name)));
    let own = modules.iter().map(|path| embed(path));
    // A Worker without objects exports no classes.
    let classes: String = Class::ALL
        .iter()
        .map(|class| class.name())
        .filter(|_| entry != "edge.js")
        .map(|name| format!("export const {name} = tappedClass('{name}'); "))
        .collect();
    format!(
        r#"const {list} :List(Workerd.Worker.Module) = [
  (name = "main.js", esModule = "import {{ tapped, tappedClass }} from './tap.js'; export default tapped; {classes}"),
  {}(name = "worker.js", esModule = "export * from './{entry}'; export {{ default }} from './{entry}';"),
];
"#,
        taps.chain(own).collect::<String>()
    )
}

/// Writes a module that tells of each function that is entered and each turn of a
/// loop: `js/steps.js`.
fn count_steps(module: &Path, to: &Path) -> Result<()> {
    let program = checkout().join("node_modules/.bin/wasm-opt");
    let status = Command::new(program)
        .args(["--all-features", "--log-execution"])
        .arg(module)
        .arg("-o")
        .arg(to)
        .status()?;
    ensure!(status.success(), "wasm-opt failed");
    Ok(())
}

/// The service of all Durable Objects.
pub(crate) const OBJECTS: &str = "objects";

/// The service of one edge.
pub(crate) fn edge(index: usize) -> String {
    format!("edge{index}")
}
