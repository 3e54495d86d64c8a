//! Two threads at the ends of connections, on CPUs of their own or on one, and what they took.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;

/// Where the ends run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cpus {
    /// Both on one.
    One,
    /// Each on one of its own.
    Two,
}

/// What the ends' work took.
pub struct Took {
    /// By the clock.
    pub elapsed: Duration,
    /// CPU time of both threads, and of the kernel's that serve softirqs for them.
    pub cpu: Duration,
}

/// Does two things at once and returns what both made of it.
pub fn both<A: Send, B: Send>(
    cpus: Cpus,
    one: impl FnOnce() -> Result<A> + Send,
    other: impl FnOnce() -> Result<B> + Send,
) -> Result<(A, B, Took)> {
    let [first, second] = cpus.numbers()?;
    let (served, started) = (softirqs()?, Instant::now());
    let (one, other) = thread::scope(|scope| {
        let one = scope.spawn(move || on(first, one));
        let other = scope.spawn(move || on(second, other));
        (one.join(), other.join())
    });
    let elapsed = started.elapsed();
    let (one, one_took) = one.ok().context("an end panicked")??;
    let (other, other_took) = other.ok().context("an end panicked")??;
    let cpu = one_took + other_took + softirqs()?.saturating_sub(served);
    Ok((one, other, Took { elapsed, cpu }))
}

impl Cpus {
    /// The first that this process may use, and the second where there is one and it is wanted.
    fn numbers(self) -> Result<[usize; 2]> {
        let usable = sched_getaffinity(Pid::from_raw(0))?;
        let mut numbers = (0..CpuSet::count()).filter(|cpu| usable.is_set(*cpu).unwrap_or(false));
        let first = numbers.next().context("no CPU is usable")?;
        let second = numbers.next().filter(|_| self == Self::Two);
        Ok([first, second.unwrap_or(first)])
    }
}

/// Does something on a CPU; returns the CPU time of it, too.
fn on<T>(cpu: usize, work: impl FnOnce() -> Result<T>) -> Result<(T, Duration)> {
    let mut only = CpuSet::new();
    only.set(cpu)?;
    sched_setaffinity(Pid::from_raw(0), &only).context("a CPU for an end")?;
    let done = work()?;
    // The thread was made for this work and has done nothing else.
    Ok((
        done,
        clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?.into(),
    ))
}

/// CPU time of the threads that serve softirqs where their raisers do not.
fn softirqs() -> Result<Duration> {
    let processes = fs::read_dir("/proc")?.flatten().map(|entry| entry.path());
    let serving = processes.filter(|folder| {
        fs::read_to_string(folder.join("comm")).is_ok_and(|name| name.starts_with("ksoftirqd/"))
    });
    let times = serving.map(|folder| -> Result<u64> {
        let text = fs::read_to_string(folder.join("schedstat"))?;
        Ok(text.split_whitespace().next().context("no time")?.parse()?)
    });
    let times: Result<Vec<_>> = times.collect();
    Ok(Duration::from_nanos(times?.iter().sum()))
}
