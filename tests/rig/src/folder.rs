//! A folder that is gone when its owner is, in whatever way that comes about.

use anyhow::{Context, Result};
use std::{
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
};

/// Takes the folder away once stdin is closed. What is at work there ends at the
/// same time, and may write until it has.
const WHEN_STDIN_CLOSES: &str = r#"
trap '' HUP INT TERM
read -r _
for _ in 1 2 3 4 5 6 7 8 9 10; do rm -rf -- "$1" && exit; sleep 0.2; done
"#;

/// A folder of its own among the system's temporary ones.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    stdin: Option<ChildStdin>,
    guard: Child,
}

impl Folder {
    /// A new one, whose name begins so.
    ///
    /// # Errors
    ///
    /// When it cannot be made.
    pub fn new(prefix: &str) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix(prefix).tempdir()?;
        let mut guard = Command::new("sh")
            .args(["-c", WHEN_STDIN_CLOSES, "sh"])
            .arg(folder.path())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Whoever ends a test may end its whole group.
            .process_group(0)
            .spawn()
            .context("cannot start sh")?;
        Ok(Self {
            path: folder.keep(),
            stdin: guard.stdin.take(),
            guard,
        })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.guard.wait();
    }
}
