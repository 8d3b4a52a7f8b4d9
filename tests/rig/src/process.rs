//! One process of workerd, or of another server.

use crate::PATIENCE;
use anyhow::{Context, Result, bail};
use std::{
    ffi::OsString,
    fs,
    net::{SocketAddr, TcpStream},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    time::{Duration, Instant},
};

/// Runs a program for as long as the pipe on stdin is open. workerd thus ends
/// when the test process does, in whatever way that came about.
///
/// A file that may not grow fails the write and not the process: SIGXFSZ is
/// ignored, as ENOSPC of a full disk raises no signal either.
const WHILE_STDIN_IS_OPEN: &str = r#"
trap '' XFSZ
exec 3<&0
"$@" 3<&- </dev/null &
program=$!
echo $program >"$PID_FILE"
{ read -r _ <&3; kill -9 $program; } &
watcher=$!
wait $program
kill $watcher 2>/dev/null
"#;

/// A server at work; ends when this is dropped.
pub struct Process {
    shell: Child,
    stdin: Option<ChildStdin>,
    pid: u32,
}

impl Process {
    /// Starts workerd on a configuration in `folder` and waits until it listens
    /// on all `addresses`. Its output goes to `workerd.log` there.
    ///
    /// # Errors
    ///
    /// When workerd is not installed or does not start.
    pub fn start(folder: &Path, config: &str, addresses: &[SocketAddr]) -> Result<Self> {
        let mut arguments = [config, "--experimental"].map(OsString::from).to_vec();
        arguments.splice(0..0, [workerd()?.into_os_string(), "serve".into()]);
        Self::run(&arguments, folder, &log(folder), config, addresses)
    }

    /// Starts a program in `folder` and waits until it listens on all
    /// `addresses`. Its output goes to `<name>.log` there.
    ///
    /// # Errors
    ///
    /// When it is not installed or does not start.
    pub fn program(
        command: &[&str],
        folder: &Path,
        name: &str,
        addresses: &[SocketAddr],
    ) -> Result<Self> {
        let command: Vec<OsString> = command.iter().map(OsString::from).collect();
        let log = folder.join(name).with_extension("log");
        Self::run(&command, folder, &log, name, addresses)
    }

    fn run(
        command: &[OsString],
        folder: &Path,
        log: &Path,
        name: &str,
        addresses: &[SocketAddr],
    ) -> Result<Self> {
        let output = fs::File::options().create(true).append(true).open(log)?;
        let pid_file = folder.join(name).with_extension("pid");
        let _ = fs::remove_file(&pid_file);
        let mut shell = Command::new("sh")
            .arg("-c")
            .arg(WHILE_STDIN_IS_OPEN)
            .arg("sh")
            .args(command)
            .current_dir(folder)
            .env("PID_FILE", &pid_file)
            .stdin(Stdio::piped())
            .stdout(output.try_clone()?)
            .stderr(output)
            // Whoever ends a test may end its whole group, and this with it too soon.
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let stdin = shell.stdin.take();
        let mut process = Self {
            shell,
            stdin,
            pid: 0,
        };
        process.wait_until_listening(log, addresses)?;
        process.pid = fs::read_to_string(&pid_file)
            .context("somebody else listens on a port of the rig")?
            .trim()
            .parse()?;
        Ok(process)
    }

    fn wait_until_listening(&mut self, log: &Path, addresses: &[SocketAddr]) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        for address in addresses {
            while TcpStream::connect(address).is_err() {
                if self.shell.try_wait()?.is_some() || Instant::now() > until {
                    let log = fs::read_to_string(log).unwrap_or_default();
                    bail!("the server did not start:\n{log}");
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        Ok(())
    }

    /// The process id of the server itself.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }
}

impl Drop for Process {
    /// Ends the server by SIGKILL, and returns when it is gone.
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.shell.wait();
    }
}

/// Where workerd's stdout and stderr go.
pub(crate) fn log(folder: &Path) -> PathBuf {
    folder.join("workerd.log")
}

fn workerd() -> Result<PathBuf> {
    let system = if cfg!(target_os = "macos") {
        "darwin"
    } else {
        "linux"
    };
    let machine = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "64"
    };
    let path = crate::rig::checkout().join(format!(
        "node_modules/@cloudflare/workerd-{system}-{machine}/bin/workerd"
    ));
    if !path.exists() {
        bail!("workerd is not installed; run: cargo xtask build");
    }
    Ok(path)
}
