//! One netfwd of the lab: its configuration, its daemon, and what it shows.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::Signal;
use serde_json::Value;

use super::netns::Netns;
use super::process::{self, Background};

const LIMIT: Duration = Duration::from_secs(20);

/// A netfwd on a host of the lab.
pub struct Instance<'lab> {
    loader: PathBuf,
    host: &'lab Netns,
    config: PathBuf,
    daemon: Option<Background>,
}

impl<'lab> Instance<'lab> {
    /// An instance of the loader on a host, not yet started; it has the name of the host's namespace.
    pub fn new(loader: &Path, host: &'lab Netns, config: PathBuf) -> Self {
        Self {
            loader: loader.to_owned(),
            host,
            config,
            daemon: None,
        }
    }

    /// The instance's name.
    pub fn name(&self) -> &str {
        self.host.name()
    }

    /// A command line of this instance, as a person types it.
    pub fn shown(&self, words: &str) -> String {
        format!("{} -N {} {words}", self.loader.display(), self.name())
    }

    /// A command of this instance, in its namespace.
    fn command(&self, words: &str) -> Command {
        let mut command = self.host.command(&self.loader);
        command
            .args(["-N", self.name()])
            .args(words.split_whitespace());
        command
    }

    /// Starts the daemon and waits until it is ready; returns how long that took.
    pub fn start(&mut self) -> Result<Duration> {
        let started = Instant::now();
        let mut daemon = Background::start(self.command("run --config").arg(&self.config))?;
        daemon.wait_for("ready", LIMIT)?;
        self.daemon = Some(daemon);
        Ok(started.elapsed())
    }

    /// Kills the daemon with SIGKILL, as a crash would.
    pub fn kill(&mut self) -> Result<()> {
        let Some(mut daemon) = self.daemon.take() else {
            bail!("the daemon does not run")
        };
        if !daemon.is_running() {
            bail!(
                "the daemon had ended before: {}",
                daemon.stop(Signal::SIGKILL, LIMIT).join(" / ")
            );
        }
        daemon.stop(Signal::SIGKILL, LIMIT);
        Ok(())
    }

    /// What a command prints for people.
    pub fn table(&self, words: &str) -> Result<String> {
        process::run(&mut self.command(words), LIMIT)
    }

    /// The objects that a command prints with `-j`.
    pub fn objects(&self, words: &str) -> Result<Vec<Value>> {
        let json = process::run(&mut self.command(&format!("-j {words}")), LIMIT)?;
        serde_json::from_str(&json).with_context(|| format!("`netfwd -j {words}` is no JSON array"))
    }

    /// How many hooks are in which mode, as `status` tells.
    pub fn modes(&self) -> Result<String> {
        let mut modes = BTreeMap::<String, usize>::new();
        for object in self.objects("status")? {
            count_modes(&object, &mut modes);
        }
        if modes.is_empty() {
            bail!("`netfwd status` names no hook");
        }
        let words = modes.iter().map(|(mode, count)| format!("{count} {mode}"));
        Ok(words.collect::<Vec<_>>().join(", "))
    }

    /// The file in which bpffs keeps a map of this instance.
    pub fn pinned_map(&self, map: &str) -> PathBuf {
        Path::new("/sys/fs/bpf/netfwd")
            .join(self.name())
            .join("maps")
            .join(map)
    }
}

/// Counts `mode` wherever it stands in the object: the status nests interfaces in the instance.
fn count_modes(value: &Value, modes: &mut BTreeMap<String, usize>) {
    if let Some(mode) = value.get("mode").and_then(Value::as_str) {
        *modes.entry(mode.to_owned()).or_default() += 1;
    }
    let inner: Vec<&Value> = match value {
        Value::Array(values) => values.iter().collect(),
        Value::Object(fields) => fields.values().collect(),
        _ => Vec::new(),
    };
    for value in inner {
        count_modes(value, modes);
    }
}

/// Copies an example's configuration to the lab's folder. Names of containers get the lab's prefix,
/// because other namespaces of the machine may be called c1; nothing else changes.
pub fn configuration(example: &Path, folder: &Path, prefix: &str) -> Result<PathBuf> {
    let text = fs::read_to_string(example)
        .with_context(|| format!("{} cannot be read", example.display()))?;
    let text = ["c1", "c2", "c3", "c4"]
        .iter()
        .fold(text, |text, container| {
            text.replace(
                &format!("\"{container}\""),
                &format!("\"{prefix}{container}\""),
            )
        });
    let copy = folder.join(example.file_name().context("an example is a file")?);
    fs::write(&copy, text).with_context(|| format!("{} cannot be written", copy.display()))?;
    Ok(copy)
}
