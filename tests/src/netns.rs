//! Network namespaces with unique names that end with their guard.
//!
//! A namespace is entered by `setns` alone. `ip netns exec` would also mount a /sys of its own, in
//! which a bpffs of one call is gone in the next.

use std::{
    fs::{self, File},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc, Once,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
use nix::sched::{CloneFlags, setns};

use crate::{
    process::{self, Output, Running, TIMEOUT},
    sweep,
};

/// What the names of all namespaces of the tests start with; the process id follows.
pub const PREFIX: &str = "nft";

static NEXT: AtomicU32 = AtomicU32::new(0);
static SWEPT: Once = Once::new();

/// A network namespace; it is removed with its last handle, also when a test panics.
#[derive(Clone, Debug)]
pub struct Namespace(Arc<Guard>);

#[derive(Debug)]
struct Guard {
    name: String,
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut command = Command::new("ip");
        command.args(["netns", "del", &self.name]);
        if let Err(error) = process::run(command, TIMEOUT).and_then(Output::success) {
            eprintln!("namespace {} stays: {error}", self.name);
        }
    }
}

impl Namespace {
    /// Makes a namespace, its loopback up. The label is for people who look while a test runs.
    pub fn new(label: &str) -> Result<Self> {
        SWEPT.call_once(sweep::dead_runs);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}-{number}-{label}", std::process::id());
        let mut command = Command::new("ip");
        command.args(["netns", "add", &name]);
        process::run(command, TIMEOUT)?.success()?;
        let namespace = Self(Arc::new(Guard { name }));
        namespace.run("ip link set lo up")?;
        Ok(namespace)
    }

    /// Its name, unique on this machine.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The file that holds it.
    pub fn path(&self) -> PathBuf {
        Path::new("/run/netns").join(self.name())
    }

    /// A command that will run in it.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        let path = self.path();
        let enter = move || {
            let file = File::open(&path)?;
            setns(file, CloneFlags::CLONE_NEWNET)?;
            Ok(())
        };
        // SAFETY: the closure only opens a file by a path made before the fork, and calls `setns`.
        unsafe { command.pre_exec(enter) };
        command
    }

    /// Runs a command line, split at white space, to its end; a failure is an error with all that
    /// it said.
    pub fn run(&self, line: &str) -> Result<Output> {
        self.attempt(line)?.success()
    }

    /// Runs a command line like [`Self::run`]; its failure is a value to look at.
    pub fn attempt(&self, line: &str) -> Result<Output> {
        self.attempt_within(line, TIMEOUT)
    }

    /// Runs a command line like [`Self::attempt`], with another time limit.
    pub fn attempt_within(&self, line: &str, timeout: Duration) -> Result<Output> {
        let mut words = line.split_whitespace();
        let mut command = self.command(words.next().context("an empty command line")?);
        command.args(words);
        process::run(command, timeout).with_context(|| format!("in namespace {}", self.name()))
    }

    /// Starts a command line, split at white space, that runs until its guard is dropped.
    pub fn spawn(&self, line: &str) -> Result<Running> {
        let mut words = line.split_whitespace();
        let mut command = self.command(words.next().context("an empty command line")?);
        command.args(words);
        Running::start(command)
    }

    /// Runs lines of `ip -batch`, so that a topology costs a few processes and not a hundred.
    pub fn ip(&self, lines: &str) -> Result<()> {
        self.script(&["ip", "-batch", "-"], lines)
    }

    /// Loads an nft ruleset.
    pub fn nft(&self, ruleset: &str) -> Result<()> {
        self.script(&["nft", "-f", "-"], ruleset)
    }

    fn script(&self, program: &[&str], input: &str) -> Result<()> {
        let mut command = self.command("sh");
        // The script is an argument, and a here-document's delimiter could stand in it.
        command.args([
            "-c",
            "input=$1; shift; printf '%s\\n' \"$input\" | \"$@\"",
            "sh",
            input,
        ]);
        command.args(program);
        let output = process::run(command, TIMEOUT)?;
        output
            .success()
            .with_context(|| format!("in namespace {}:\n{input}", self.name()))?;
        Ok(())
    }

    /// Writes a sysctl, named with slashes, as interface names may hold dots.
    pub fn sysctl(&self, key: &str, value: &str) -> Result<()> {
        self.within(|| fs::write(format!("/proc/sys/{key}"), value))
            .with_context(|| format!("sysctl {key} = {value} in {}", self.name()))
    }

    /// Runs a closure in it, on a thread of its own. Sockets that the closure returns stay in it.
    pub fn within<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let file = File::open(self.path()).expect("the namespace lives as long as its guard");
        let work = || {
            setns(&file, CloneFlags::CLONE_NEWNET).expect("tests run as root");
            work()
        };
        thread::scope(|scope| match scope.spawn(work).join() {
            Ok(value) => value,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    }

    /// Ifindex of an interface.
    pub fn ifindex(&self, interface: &str) -> Result<u32> {
        self.within(|| nix::net::if_::if_nametoindex(interface))
            .with_context(|| format!("interface {interface} in {}", self.name()))
    }

    /// Names of its interfaces, sorted.
    pub fn interfaces(&self) -> Result<Vec<String>> {
        let mut names = self.within(|| -> nix::Result<Vec<String>> {
            let links = nix::net::if_::if_nameindex()?;
            Ok(links
                .iter()
                .map(|link| link.name().to_string_lossy().into_owned())
                .collect())
        })?;
        names.sort();
        Ok(names)
    }
}
