//! Commands with a time limit, and processes that end with their guard.

use std::{
    fmt,
    io::{BufRead, BufReader, Read},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    thread::{self, JoinHandle},
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

    /// The one sentence on standard error of a command that failed with this exit code; an error
    /// when it did otherwise.
    pub fn sentence(&self, code: i32) -> Result<&str> {
        ensure!(
            self.code == Some(code),
            "exit code {code} was expected: {self}"
        );
        let mut lines = self.stderr.lines().filter(|line| !line.trim().is_empty());
        match (lines.next(), lines.next()) {
            (Some(sentence), None) => Ok(sentence),
            _ => bail!("one sentence was expected: {self}"),
        }
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

/// What a stream has brought so far, and the thread that reads it.
#[derive(Debug, Default)]
struct Log {
    text: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

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
        let stdout = Log::of(child.stdout.take());
        let stderr = Log::of(child.stderr.take());
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
        self.stdout.text()
    }

    /// What it has written to standard error so far.
    pub fn stderr(&self) -> String {
        self.stderr.text()
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

    /// Waits for its end, and for the last of what it wrote.
    pub fn finish(mut self, timeout: Duration) -> Result<Output> {
        let status = self.wait(timeout)?;
        Ok(Output {
            command: self.name.clone(),
            code: status.code(),
            stdout: self.stdout.whole(),
            stderr: self.stderr.whole(),
        })
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

impl Log {
    fn of(stream: Option<impl Read + Send + 'static>) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let reader = stream.map(|stream| {
            let text = text.clone();
            thread::spawn(move || append(stream, &text))
        });
        Self { text, reader }
    }

    fn text(&self) -> String {
        lock(&self.text).clone()
    }

    /// All of it, once the stream has ended.
    fn whole(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("reading does not panic");
        }
        self.text()
    }
}

/// A reader that panicked leaves text that is as good as any.
fn lock(text: &Mutex<String>) -> MutexGuard<'_, String> {
    text.lock().unwrap_or_else(PoisonError::into_inner)
}

fn append(stream: impl Read, text: &Mutex<String>) {
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    while matches!(stream.read_until(b'\n', &mut line), Ok(1..)) {
        lock(text).push_str(&String::from_utf8_lossy(&line));
        line.clear();
    }
}
