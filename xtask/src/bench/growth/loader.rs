//! The loader, and how long it takes.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::signal::Signal;

use crate::run::netns::Netns;
use crate::run::process::Background;
use crate::run::{interrupt, traces};

/// How long anything may take, in seconds.
const LIMIT: u64 = 60;

/// A netfwd on a host.
pub struct Loader<'lab> {
    binary: &'lab Path,
    host: &'lab Netns,
    file: PathBuf,
    daemon: Option<Background>,
}

impl<'lab> Loader<'lab> {
    /// One with this configuration, not yet started.
    pub fn new(
        binary: &'lab Path,
        prefix: &str,
        host: &'lab Netns,
        configuration: &str,
    ) -> Result<Self> {
        let file = traces::folder(prefix).join(format!("{}.toml", host.name()));
        let loader = Self {
            binary,
            host,
            file,
            daemon: None,
        };
        loader.write(configuration)?;
        Ok(loader)
    }

    /// Writes another configuration.
    pub fn write(&self, configuration: &str) -> Result<()> {
        let shown = self.file.display();
        fs::write(&self.file, configuration).with_context(|| format!("{shown} cannot be written"))
    }

    /// Starts the daemon, and waits until it is ready; returns the seconds that this takes.
    pub fn start(&mut self) -> Result<f64> {
        let started = Instant::now();
        let mut run = self.host.command(self.binary);
        run.args(["-N", self.host.name(), "run", "--config"]);
        let mut daemon = Background::start(run.arg(&self.file))?;
        daemon.wait_for("ready", Duration::from_secs(LIMIT))?;
        self.daemon = Some(daemon);
        Ok(started.elapsed().as_secs_f64())
    }

    /// Stops the daemon; the data path stays.
    pub fn stop(&mut self) {
        if let Some(daemon) = self.daemon.take() {
            daemon.stop(Signal::SIGTERM, Duration::from_secs(LIMIT));
        }
    }

    /// Has the daemon apply its file again; returns the seconds that this takes.
    pub fn reload(&self) -> Result<f64> {
        Ok(self.command("reload")?.0)
    }

    /// The seconds that a list takes which must have so many objects at least.
    pub fn list(&self, words: &str, least: u32) -> Result<f64> {
        let (seconds, rows) = self.command(&format!("-j {words}"))?;
        ensure!(
            rows >= least as usize,
            "`{words}` has {rows} rows of {least}"
        );
        Ok(seconds)
    }

    /// The seconds that a command takes, and how many objects it prints.
    fn command(&self, words: &str) -> Result<(f64, usize)> {
        interrupt::check()?;
        let mut command = Command::new("timeout");
        command
            .arg(LIMIT.to_string())
            .arg("nsenter")
            .arg(format!("--net={}", self.host.path().display()))
            .arg(self.binary)
            .args(["-N", self.host.name()])
            .args(words.split_whitespace());
        let started = Instant::now();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("the loader could not be started")?;
        let rows = objects(child.stdout.take().context("a pipe")?)?;
        let status = child.wait()?;
        if !status.success() {
            bail!("`netfwd {words}` failed ({status})");
        }
        Ok((started.elapsed().as_secs_f64(), rows))
    }
}

/// Counts the objects of an array as they come: those of the outermost level.
fn objects(mut from: impl Read) -> Result<usize> {
    let mut octets = vec![0; 1 << 16];
    let (mut count, mut depth) = (0, 0_usize);
    loop {
        let read = from.read(&mut octets)?;
        if read == 0 {
            return Ok(count);
        }
        for octet in &octets[..read] {
            match octet {
                b'{' => {
                    count += usize::from(depth == 0);
                    depth += 1;
                }
                b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::objects;

    #[test]
    fn objects_of_the_outermost_level_are_counted() {
        let json = br#"[{"a": {"b": 1}}, {"c": [{}]}]"#;
        assert_eq!(objects(&json[..]).ok(), Some(2));
    }
}
