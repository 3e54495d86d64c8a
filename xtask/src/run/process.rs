//! Commands that end in bounded time, and processes that live beside the lab.

use std::io::{BufRead as _, BufReader, Read};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

use super::interrupt;

/// What a command left when it ended.
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

/// Runs a command to its end, whatever its status.
pub fn finish(command: &mut Command, limit: Duration) -> Result<Finished> {
    until(command, limit, interrupt::seen)
}

/// Runs a command and returns its standard output; a failing status is an error.
pub fn run(command: &mut Command, limit: Duration) -> Result<String> {
    let done = finish(command, limit)?;
    if !done.status.success() {
        let reason = done
            .stderr
            .trim()
            .lines()
            .last()
            .unwrap_or("it said nothing")
            .to_owned();
        bail!("`{}` failed: {reason}", shown(command));
    }
    Ok(done.stdout)
}

/// Runs a command while tidying up: an interrupt does not end it.
pub fn tidy(command: &mut Command, limit: Duration) -> Result<Finished> {
    until(command, limit, || false)
}

fn until(command: &mut Command, limit: Duration, stop: impl Fn() -> bool) -> Result<Finished> {
    let mut child = spawn(command)?;
    let stdout = collect(child.stdout.take());
    let stderr = collect(child.stderr.take());
    let status = wait(&mut child, limit, stop).with_context(|| shown(command))?;
    Ok(Finished {
        status,
        stdout: text(stdout),
        stderr: text(stderr),
    })
}

/// Starts it apart from the terminal's process group, so that Ctrl-C reaches the lab alone, which
/// then ends things in order.
fn spawn(command: &mut Command) -> Result<Child> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .with_context(|| {
            format!(
                "`{}` could not be started; `cargo xtask setup` installs what the lab needs",
                shown(command)
            )
        })
}

fn wait(child: &mut Child, limit: Duration, stop: impl Fn() -> bool) -> Result<ExitStatus> {
    let end = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if stop() || Instant::now() > end {
            child.kill()?;
            child.wait()?;
            interrupt::check()?;
            bail!("it did not end within {limit:?}");
        }
        thread::sleep(interrupt::TICK);
    }
}

fn collect(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What was read before an error is what there is to show.
            let _ = pipe.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn text(reader: thread::JoinHandle<String>) -> String {
    reader.join().unwrap_or_default()
}

/// The command as a person would type it.
fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

/// A process that runs until it is stopped or dropped; its output is read line by line.
pub struct Background {
    child: Child,
    name: String,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Background {
    /// Starts a command.
    pub fn start(command: &mut Command) -> Result<Self> {
        let mut child = spawn(command)?;
        let (sender, lines) = mpsc::channel();
        forward(child.stdout.take(), sender.clone());
        forward(child.stderr.take(), sender);
        Ok(Self {
            child,
            name: shown(command),
            lines,
            seen: Vec::new(),
        })
    }

    /// Waits for a line that holds `word`.
    pub fn wait_for(&mut self, word: &str, limit: Duration) -> Result<()> {
        let end = Instant::now() + limit;
        while Instant::now() < end {
            interrupt::check()?;
            match self.lines.recv_timeout(interrupt::TICK) {
                Ok(line) => {
                    let found = line.contains(word);
                    self.seen.push(line);
                    if found {
                        return Ok(());
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        bail!(
            "`{}` never said \"{word}\"; it said: {}",
            self.name,
            self.last_words()
        )
    }

    fn last_words(&self) -> String {
        let from = self.seen.len().saturating_sub(3);
        if self.seen.is_empty() {
            "nothing".to_owned()
        } else {
            self.seen[from..].join(" / ")
        }
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends it a signal and waits for its end; returns every line it wrote.
    pub fn stop(mut self, signal: Signal, limit: Duration) -> Vec<String> {
        self.signal_and_wait(signal, limit);
        self.drain()
    }

    /// Waits for its own end; returns every line it wrote.
    pub fn join(mut self, limit: Duration) -> Result<Vec<String>> {
        wait(&mut self.child, limit, interrupt::seen).with_context(|| self.name.clone())?;
        Ok(self.drain())
    }

    fn drain(&mut self) -> Vec<String> {
        let mut lines = std::mem::take(&mut self.seen);
        lines.extend(self.lines.iter());
        lines
    }

    fn signal_and_wait(&mut self, signal: Signal, limit: Duration) {
        if self.is_running() {
            // It may end between the two calls; then there is nothing left to signal.
            let _ = signal::kill(Pid::from_raw(self.child.id() as i32), signal);
            let _ = wait(&mut self.child, limit, || false);
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.signal_and_wait(Signal::SIGTERM, Duration::from_secs(5));
    }
}

fn forward(pipe: Option<impl Read + Send + 'static>, lines: Sender<String>) {
    thread::spawn(move || {
        let Some(pipe) = pipe else { return };
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if lines.send(line).is_err() {
                return;
            }
        }
    });
}
