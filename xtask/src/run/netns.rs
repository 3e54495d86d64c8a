//! Network namespaces of the lab.

use std::ffi::OsStr;
use std::fs::File;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use nix::sched::{CloneFlags, setns};

use super::process;

/// Where `ip netns` keeps them.
pub const FOLDER: &str = "/run/netns";

const LIMIT: Duration = Duration::from_secs(10);

/// A network namespace. It is removed by its name with everything else of the lab, not when this
/// value is dropped: see [`super::traces`].
pub struct Netns {
    name: String,
}

impl Netns {
    /// Makes it, with its loopback up.
    pub fn create(name: String) -> Result<Self> {
        process::run(Command::new("ip").args(["netns", "add", &name]), LIMIT)?;
        let netns = Self { name };
        netns.ip("link set lo up")?;
        Ok(netns)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file that stands for it.
    pub fn path(&self) -> PathBuf {
        PathBuf::from(FOLDER).join(&self.name)
    }

    /// A command that will run in it. `nsenter` and not `ip netns exec`: that one hides the bpffs
    /// under a /sys of its own.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net={}", self.path().display()))
            .arg(program);
        command
    }

    /// Runs `ip` on it with these words.
    pub fn ip(&self, words: &str) -> Result<()> {
        let mut command = Command::new("ip");
        process::run(
            command
                .args(["-n", &self.name])
                .args(words.split_whitespace()),
            LIMIT,
        )?;
        Ok(())
    }

    /// Runs a function in it. A socket that the function makes stays in the namespace, whoever uses
    /// it later.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let file = File::open(self.path()).with_context(|| format!("namespace {}", self.name))?;
        let inside = move || {
            setns(file, CloneFlags::CLONE_NEWNET)?;
            work()
        };
        thread::scope(|scope| scope.spawn(inside).join())
            .map_err(|_| anyhow!("the work in namespace {} panicked", self.name))?
    }
}
