//! Commands with a time limit, and processes that end with their guard.

use std::{
    fmt,
    io::{BufRead, BufReader, Read},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use nix::{
    sys::signal::{self, Signal},
    unistd::Pid,
};

/// How long a command may take unless a test says otherwise.
pub const TIMEOUT: Duration = Duration::from_secs(30);
/// How often something that has no event is looked at again.
const POLL: Duration = Duration::from_millis(5);

/// What a finished command left.
#[derive(Clone, Debug)]
pub struct Output {
    /// The command line, for messages.
    pub command: String,
    /// Its exit code; `None` after a signal.
    pub code: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Output {
    /// The output itself, or an error with all it said where the command failed.
    pub fn success(self) -> Result<Self> {
        ensure!(self.code == Some(0), "{self}");
        Ok(self)
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self
            .code
            .map_or_else(|| "a signal".into(), |code| format!("code {code}"));
        write!(f, "`{}` ended with {code}", self.command)?;
        write!(
            f,
            "\n--- stdout\n{}--- stderr\n{}",
            self.stdout, self.stderr
        )
    }
}

/// The command line of `command`, for messages.
pub fn line(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Runs a command to its end, whatever its exit code; one that takes longer than `timeout` is
/// killed and is an error.
pub fn run(mut command: Command, timeout: Duration) -> Result<Output> {
    let name = line(&command);
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("`{name}` does not start"))?;
    let pid = child.id();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(child.wait_with_output()));
    let Ok(output) = receiver.recv_timeout(timeout) else {
        send(pid, Signal::SIGKILL)?;
        bail!("`{name}` took longer than {timeout:?}");
    };
    let output = output?;
    Ok(Output {
        command: name,
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// Asks until `check` is true; `what` names the thing in the error after `timeout`.
pub fn eventually(
    what: &str,
    timeout: Duration,
    mut check: impl FnMut() -> Result<bool>,
) -> Result<()> {
    let start = Instant::now();
    while !check()? {
        ensure!(
            start.elapsed() < timeout,
            "{what} did not happen within {timeout:?}"
        );
        thread::sleep(POLL);
    }
    Ok(())
}

fn send(pid: u32, signal: Signal) -> Result<()> {
    signal::kill(Pid::from_raw(pid.try_into()?), signal)?;
    Ok(())
}

/// A process that runs until its guard is dropped. What it writes is kept.
#[derive(Debug)]
pub struct Running {
    name: String,
    child: Child,
    stdout: Log,
    stderr: Log,
}

type Log = Arc<Mutex<String>>;

impl Running {
    /// Starts a command.
    pub fn start(mut command: Command) -> Result<Self> {
        let name = line(&command);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("`{name}` does not start"))?;
        let stdout = collect(child.stdout.take());
        let stderr = collect(child.stderr.take());
        Ok(Self {
            name,
            child,
            stdout,
            stderr,
        })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has written to standard output so far.
    pub fn stdout(&self) -> String {
        text(&self.stdout)
    }

    /// What it has written to standard error so far.
    pub fn stderr(&self) -> String {
        text(&self.stderr)
    }

    /// Waits until it has written `word` to either stream; an error when it ends before.
    pub fn wait_for(&mut self, word: &str, timeout: Duration) -> Result<()> {
        let start = Instant::now();
        loop {
            // Looked at before the streams: what it wrote before it ended still counts.
            let ended = self.child.try_wait()?;
            if self.stdout().contains(word) || self.stderr().contains(word) {
                return Ok(());
            }
            if ended.is_some() || start.elapsed() > timeout {
                bail!("no \"{word}\" from `{}`:\n{}", self.name, self.stderr());
            }
            thread::sleep(POLL);
        }
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        send(self.pid(), signal).with_context(|| format!("{signal} to `{}`", self.name))
    }

    /// Sends it a signal, and waits for its end.
    pub fn stop(&mut self, signal: Signal, timeout: Duration) -> Result<ExitStatus> {
        self.signal(signal)?;
        self.wait(timeout)
    }

    /// Waits for its end.
    pub fn wait(&mut self, timeout: Duration) -> Result<ExitStatus> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            ensure!(
                start.elapsed() < timeout,
                "`{}` did not end in {timeout:?}",
                self.name
            );
            thread::sleep(POLL);
        }
    }

    /// Whether it still runs.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text(log: &Log) -> String {
    log.lock().map_or_else(
        |poisoned| poisoned.into_inner().clone(),
        |text| text.clone(),
    )
}

fn collect(stream: Option<impl Read + Send + 'static>) -> Log {
    let log = Log::default();
    if let Some(stream) = stream {
        let log = log.clone();
        thread::spawn(move || append(stream, &log));
    }
    log
}

fn append(stream: impl Read, log: &Log) {
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    while matches!(stream.read_until(b'\n', &mut line), Ok(1..)) {
        if let Ok(mut log) = log.lock() {
            log.push_str(&String::from_utf8_lossy(&line));
        }
        line.clear();
    }
}
