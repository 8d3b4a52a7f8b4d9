//! Programs of other makers that the tests speak to: looked for before the first
//! step, installed from Debian where that is allowed, and else named in one list.

use crate::tools;
use anyhow::{Context, Result, bail};
use std::{
    env,
    ffi::OsString,
    fs,
    path::Path,
    process::{Command, Stdio},
};

/// A program that the tests need.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum Program {
    Caddy,
    Chromium,
    Curl,
    Go,
    Java,
    Jq,
    Nginx,
    /// `--without` cannot leave it out: every part needs it.
    #[value(skip)]
    Npm,
    Python3,
    Wget,
}

/// What is said of a program.
struct Facts {
    /// Debian's package.
    package: &'static str,
    /// What it is there for, as the middle of a sentence.
    purpose: &'static str,
    /// Edge tests that need it, by a part of their names.
    tests: &'static [&'static str],
}

impl Program {
    const ALL: [Self; 10] = [
        Self::Caddy,
        Self::Chromium,
        Self::Curl,
        Self::Go,
        Self::Java,
        Self::Jq,
        Self::Nginx,
        Self::Npm,
        Self::Python3,
        Self::Wget,
    ];

    /// The name in PATH, which is also what `--without` takes.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Caddy => "caddy",
            Self::Chromium => "chromium",
            Self::Curl => "curl",
            Self::Go => "go",
            Self::Java => "java",
            Self::Jq => "jq",
            Self::Nginx => "nginx",
            Self::Npm => "npm",
            Self::Python3 => "python3",
            Self::Wget => "wget",
        }
    }

    const fn facts(self) -> Facts {
        let (package, purpose, tests): (_, _, &[&str]) = match self {
            Self::Caddy => ("caddy", "its documented configuration runs", &["caddy"]),
            Self::Chromium => ("chromium", "the dashboard is driven in it", &[]),
            Self::Curl => (
                "curl",
                "it calls as a client",
                &["clients::curl", "the_guide_runs"],
            ),
            Self::Go => ("golang-go", "it calls as a client", &["gos_http_client"]),
            Self::Java => (
                "default-jdk-headless",
                "it calls as a client",
                &["javas_http_client"],
            ),
            Self::Jq => (
                "jq",
                "the guide's lines and the export use it",
                &["the_guide_runs"],
            ),
            Self::Nginx => (
                "nginx-light",
                "its documented configuration runs",
                &["nginx"],
            ),
            Self::Npm => ("npm", "it fetches workerd, wrangler and their like", &[]),
            Self::Python3 => (
                "python3-venv",
                "clients and schemathesis run on it",
                &[
                    "clients::python",
                    "assertions_are_checked_in_three_languages",
                    "a_client_library_introspects_and_revokes",
                ],
            ),
            Self::Wget => ("wget", "it calls as a client", &["clients::wget"]),
        };
        Facts {
            package,
            purpose,
            tests,
        }
    }

    fn is_there(self) -> bool {
        match self {
            // Debian splits it: the interpreter alone makes no environment.
            Self::Python3 => {
                succeeds(Command::new(self.name()).args(["-c", "import ensurepip, venv"]))
            }
            // A runtime without the compiler cannot start a source file.
            Self::Java => is_in_path(self.name()) && is_in_path("javac"),
            _ => is_in_path(self.name()),
        }
    }
}

/// Every program but those of `without`.
pub(crate) fn all_but(without: &[Program]) -> Vec<Program> {
    let mut programs = Program::ALL.to_vec();
    programs.retain(|program| !without.contains(program));
    programs
}

/// Sees to it that these programs are there.
///
/// # Errors
/// One list of what is missing, where it cannot be installed here.
pub(crate) fn meet(needed: &[Program]) -> Result<()> {
    let mut missing = needed.to_vec();
    missing.retain(|program| !program.is_there());
    if missing.is_empty() {
        return Ok(());
    }
    let Some(root) = Root::of_debian() else {
        bail!(list(&missing));
    };
    for program in &missing {
        let Facts {
            package, purpose, ..
        } = program.facts();
        let name = program.name();
        tools::say(format_args!(
            "installing Debian's {package}, for {name}: {purpose}"
        ));
    }
    root.install(&missing).with_context(|| list(&missing))?;
    match missing.iter().find(|program| !program.is_there()) {
        None => Ok(()),
        Some(program) => bail!(
            "{} is still not in PATH after its package was installed",
            program.name()
        ),
    }
}

/// Edge tests that cannot run without these, by a part of their names.
pub(crate) fn tests_left_out(without: &[Program]) -> Vec<&'static str> {
    without
        .iter()
        .flat_map(|program| program.facts().tests)
        .copied()
        .collect()
}

fn list(missing: &[Program]) -> String {
    let mut text = String::from("the tests need programs that are not on this machine:\n");
    for program in missing {
        let Facts {
            package, purpose, ..
        } = program.facts();
        text.push_str(&format!(
            "  {:<9} {purpose}; Debian's package: {package}\n",
            program.name()
        ));
    }
    text.push_str("install them");
    let mut names: Vec<_> = missing.iter().map(|program| program.name()).collect();
    names.retain(|name| *name != Program::Npm.name());
    if !names.is_empty() {
        let names = names.join(",");
        text.push_str(&format!(
            ", or leave out what needs them: --without {names}"
        ));
    }
    text
}

/// `PATH`, and the folders where Debian keeps servers, which only root's has.
pub(crate) fn path() -> OsString {
    let mut path = env::var_os("PATH").unwrap_or_default();
    path.push(":/usr/local/sbin:/usr/sbin");
    path
}

fn is_in_path(program: &str) -> bool {
    env::split_paths(&path()).any(|folder| folder.join(program).is_file())
}

fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// How packages are installed: as root, or by a sudo that asks no password.
struct Root {
    sudo: bool,
}

impl Root {
    /// `None` where this is no Debian, or its packages may not be installed.
    fn of_debian() -> Option<Self> {
        if !Path::new("/etc/debian_version").exists() || !is_in_path("apt-get") {
            return None;
        }
        if rustix::process::geteuid().is_root() {
            return Some(Self { sudo: false });
        }
        succeeds(Command::new("sudo").args(["-n", "true"])).then_some(Self { sudo: true })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(if self.sudo { "sudo" } else { program });
        if self.sudo {
            command.args(["-n", "DEBIAN_FRONTEND=noninteractive", program]);
        } else {
            command.env("DEBIAN_FRONTEND", "noninteractive");
        }
        // stdout is kept for what a task prints itself.
        command.stdin(Stdio::null()).stdout(std::io::stderr());
        command
    }

    /// Waits for another run of it, such as the machine's own updates.
    fn apt_get(&self) -> Command {
        let mut command = self.command("apt-get");
        command.args(["-o", "DPkg::Lock::Timeout=600"]);
        command
    }

    fn install(&self, programs: &[Program]) -> Result<()> {
        let _off = ServicesOff::begin(self)?;
        // An installation that was cut off, here or before, stops apt-get until
        // its packages are configured; elsewhere there is nothing to do.
        tools::run(self.command("dpkg").args(["--configure", "-a"]))?;
        tools::run(self.apt_get().args(["update", "-qq"]))?;
        tools::run(
            self.apt_get()
                .args(["install", "-qq", "-y", "--no-install-recommends"])
                .args(programs.iter().map(|program| program.facts().package)),
        )
    }
}

/// The packages of nginx and Caddy would start their servers. While this lives,
/// Debian's `policy-rc.d` says no (`invoke-rc.d(8)`).
struct ServicesOff<'a>(Option<&'a Root>);

impl<'a> ServicesOff<'a> {
    const POLICY: &'static str = "/usr/sbin/policy-rc.d";

    fn begin(root: &'a Root) -> Result<Self> {
        if Path::new(Self::POLICY).exists() {
            return Ok(Self(None));
        }
        let draft = env::temp_dir().join(format!("katalo-policy-{}", std::process::id()));
        fs::write(&draft, "#!/bin/sh\nexit 101\n")
            .context("cannot write to the temporary folder")?;
        let installed = tools::run(
            root.command("install")
                .args(["-m", "755"])
                .arg(&draft)
                .arg(Self::POLICY),
        );
        let _ = fs::remove_file(&draft);
        installed.map(|()| Self(Some(root)))
    }
}

impl Drop for ServicesOff<'_> {
    fn drop(&mut self) {
        if let Some(root) = self.0 {
            let _ = tools::run(root.command("rm").args(["-f", Self::POLICY]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum as _;

    #[test]
    fn one_list_says_what_is_missing_and_how_to_go_on_without() {
        let text = list(&[Program::Chromium, Program::Caddy]);
        for part in [
            "chromium  the dashboard is driven in it; Debian's package: chromium",
            "caddy ",
            "--without chromium,caddy",
        ] {
            assert!(text.contains(part), "{text}");
        }
        let text = list(&[Program::Npm, Program::Go]);
        assert!(text.contains("  npm       it fetches"), "{text}");
        assert!(text.ends_with("--without go"), "{text}");
        assert!(!list(&[Program::Npm]).contains("--without"));
    }

    #[test]
    fn npm_is_looked_for_with_the_others_and_cannot_be_left_out() {
        let all = all_but(&[Program::Caddy, Program::Chromium]);
        assert!(all.contains(&Program::Npm) && all.contains(&Program::Wget));
        assert!(!all.contains(&Program::Caddy));
        let offered = Program::value_variants();
        assert_eq!(offered.len(), Program::ALL.len() - 1);
        assert!(!offered.contains(&Program::Npm));
    }

    /// A test that was renamed would run on, and fail, where its program is left out.
    #[test]
    fn what_is_left_out_names_edge_tests_that_exist() {
        let folder = crate::project::root().join("tests/edge");
        let mut names = String::new();
        for file in fs::read_dir(folder).expect("the edge tests") {
            let file = file.expect("a file").path();
            let Ok(text) = fs::read_to_string(&file) else {
                continue;
            };
            let module = file.file_stem().expect("a name").to_string_lossy();
            for (before, function) in text
                .split("#[test]")
                .skip(1)
                .filter_map(|rest| rest.split_once("fn "))
            {
                assert!(!before.contains("fn "));
                let name = function.split('(').next().unwrap_or_default();
                names.push_str(&format!("{module}::{name}\n"));
            }
        }
        for pattern in tests_left_out(&Program::ALL) {
            assert!(
                names.contains(pattern),
                "no edge test is named {pattern}:\n{names}"
            );
        }
    }
}
