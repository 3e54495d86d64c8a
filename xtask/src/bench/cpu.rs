//! The CPU that bears a path, and the time that it spends on it.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;

/// One CPU of those that this process may use.
#[derive(Debug)]
pub struct Cpu {
    number: usize,
    /// The statistics of the thread that serves softirqs where their raiser does not.
    softirqs: PathBuf,
}

impl Cpu {
    /// The first one.
    pub fn first() -> Result<Self> {
        Self::of(usable()?.first())
    }

    /// The second one, which does what a second host would.
    pub fn second() -> Result<Self> {
        Self::of(usable()?.get(1))
    }

    fn of(number: Option<&usize>) -> Result<Self> {
        let number = *number.context("benchmarks take two CPUs, and fewer are usable")?;
        let softirqs = softirq_thread(number)?.join("schedstat");
        Ok(Self { number, softirqs })
    }

    /// Does something on it, and returns the CPU time that this took. A veth hands a frame on in its
    /// sender's context, or raises a softirq there, which the sender serves, or the CPU's softirq
    /// thread when there is much to do: the time of both is that of the whole path, and what else the
    /// machine does is not in it.
    pub fn time_of(&self, work: impl FnOnce() -> Result<()> + Send) -> Result<Duration> {
        let measured = || {
            self.bear()?;
            let before = self.spent()?;
            work()?;
            Ok(self.spent()?.saturating_sub(before))
        };
        thread::scope(|scope| scope.spawn(measured).join())
            .map_err(|_| anyhow!("the generator panicked"))?
    }

    /// Keeps this thread on it.
    pub fn bear(&self) -> Result<()> {
        let mut only = CpuSet::new();
        only.set(self.number)?;
        sched_setaffinity(Pid::from_raw(0), &only).context("the generator's CPU")
    }

    /// CPU time of this thread and of the softirq thread.
    fn spent(&self) -> Result<Duration> {
        let own: Duration = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?.into();
        Ok(own + self.served()?)
    }

    /// CPU time of the softirq thread.
    pub fn served(&self) -> Result<Duration> {
        let text = fs::read_to_string(&self.softirqs).context("the softirq thread's time")?;
        let served = text.split_whitespace().next().context("no time")?;
        Ok(Duration::from_nanos(served.parse()?))
    }
}

/// Threads start with the affinity of the one that starts them, which may be pinned; the process's own
/// is that of its first thread.
fn usable() -> Result<Vec<usize>> {
    let usable = sched_getaffinity(nix::unistd::getpid())?;
    let all = 0..CpuSet::count();
    Ok(all
        .filter(|cpu| usable.is_set(*cpu).unwrap_or(false))
        .collect())
}

/// The folder of a CPU's softirq thread.
fn softirq_thread(cpu: usize) -> Result<PathBuf> {
    let name = format!("ksoftirqd/{cpu}");
    let processes = fs::read_dir("/proc")?.flatten().map(|entry| entry.path());
    let mut named = processes.filter(|folder| {
        fs::read_to_string(folder.join("comm")).is_ok_and(|comm| comm.trim_end() == name)
    });
    named
        .next()
        .with_context(|| format!("/proc shows no {name}: run this outside of PID namespaces"))
}
