//! Two threads at the ends of connections, on CPUs of their own or on one, and what they took.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use nix::time::{ClockId, clock_gettime};

use super::super::cpu::Cpu;

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
    let [first, second] = cpus.both()?;
    let (served, started) = (softirqs()?, Instant::now());
    let (one, other) = thread::scope(|scope| {
        let one = scope.spawn(|| on(&first, one));
        let other = scope.spawn(|| on(&second, other));
        (one.join(), other.join())
    });
    let elapsed = started.elapsed();
    let (one, one_took) = one.ok().context("an end panicked")??;
    let (other, other_took) = other.ok().context("an end panicked")??;
    let cpu = one_took + other_took + softirqs()?.saturating_sub(served);
    Ok((one, other, Took { elapsed, cpu }))
}

impl Cpus {
    /// Of the end that begins, and of the other one.
    fn both(self) -> Result<[Cpu; 2]> {
        let other = match self {
            Self::One => Cpu::first(),
            Self::Two => Cpu::second(),
        };
        Ok([Cpu::first()?, other?])
    }
}

/// Does something on a CPU; returns the CPU time of it, too.
fn on<T>(cpu: &Cpu, work: impl FnOnce() -> Result<T>) -> Result<(T, Duration)> {
    cpu.bear()?;
    let done = work()?;
    // The thread was made for this work and has done nothing else.
    let took = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?;
    Ok((done, took.into()))
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
