//! What else the machine did while something was measured.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::time::Instant;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

/// Up to this share of the machine's CPU time, others disturb no ratio that is taken in turns.
const QUIET: f64 = 0.03;

/// The machine during a measurement.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub struct Surroundings {
    /// How long it took.
    pub seconds: f64,
    /// The share of all CPUs' time that processes took which were not started for it.
    pub others: f64,
    /// The share of all CPUs' time that the hypervisor gave to somebody else.
    pub stolen: f64,
    /// Load averages when it began and when it ended.
    pub load: [[f64; 3]; 2],
}

impl Surroundings {
    /// Whether the machine did little else.
    pub fn is_quiet(&self) -> bool {
        self.noise() <= QUIET
    }

    /// The share of all CPUs' time that was not ours to use.
    pub fn noise(&self) -> f64 {
        self.others + self.stolen
    }

    /// Those of several measurements, one after the other.
    pub fn over(all: &[Self]) -> Self {
        let (Some(first), Some(last)) = (all.first(), all.last()) else {
            return Self::default();
        };
        let seconds: f64 = all.iter().map(|one| one.seconds).sum();
        let mean = |share: fn(&Self) -> f64| {
            let weighed = all.iter().map(|one| share(one) * one.seconds);
            weighed.sum::<f64>() / seconds.max(f64::MIN_POSITIVE)
        };
        Self {
            seconds,
            others: mean(|one| one.others),
            stolen: mean(|one| one.stolen),
            load: [first.load[0], last.load[1]],
        }
    }
}

/// The beginning of a measurement.
pub struct Watch {
    start: Instant,
    clock: Clock,
    load: [f64; 3],
}

impl Watch {
    /// Begins.
    pub fn begin() -> Result<Self> {
        Ok(Self {
            start: Instant::now(),
            clock: Clock::read()?,
            load: load()?,
        })
    }

    /// What happened since.
    pub fn end(&self) -> Result<Surroundings> {
        let now = Clock::read()?;
        let total = now.total.saturating_sub(self.clock.total).max(1) as f64;
        Ok(Surroundings {
            seconds: self.start.elapsed().as_secs_f64(),
            others: now.others.saturating_sub(self.clock.others) as f64 / total,
            stolen: now.stolen.saturating_sub(self.clock.stolen) as f64 / total,
            load: [self.load, load()?],
        })
    }
}

/// Ticks of the kernel's clock so far, of all CPUs together.
struct Clock {
    total: u64,
    stolen: u64,
    others: u64,
}

impl Clock {
    fn read() -> Result<Self> {
        let text = fs::read_to_string("/proc/stat").context("/proc/stat")?;
        let (total, stolen) = all_cpus(&text).context("/proc/stat has no line of all CPUs")?;
        let others = of_others(&processes()?, std::process::id());
        Ok(Self {
            total,
            stolen,
            others,
        })
    }
}

/// All ticks, and the stolen ones: user, nice, system, idle, iowait, irq, softirq, steal. What guests
/// took, behind these, is in `user` already.
fn all_cpus(stat: &str) -> Option<(u64, u64)> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let ticks: Vec<u64> = line
        .split_whitespace()
        .take(8)
        .map_while(|word| word.parse().ok())
        .collect();
    Some((ticks.iter().sum(), *ticks.get(7)?))
}

/// What `/proc/PID/stat` tells of a process.
struct Process {
    id: u32,
    parent: u32,
    kernel: bool,
    /// Its own, and that of its children which have ended.
    ticks: u64,
}

fn processes() -> Result<Vec<Process>> {
    let entries = fs::read_dir("/proc").context("/proc")?.flatten();
    let folders = entries.filter(|entry| entry.file_name().as_encoded_bytes()[0].is_ascii_digit());
    Ok(folders
        .filter_map(|folder| fs::read_to_string(folder.path().join("stat")).ok())
        .filter_map(|stat| process(&stat))
        .collect())
}

fn process(stat: &str) -> Option<Process> {
    /// Of include/linux/sched.h.
    const PF_KTHREAD: u64 = 0x0020_0000;
    let (id, rest) = stat.split_once(" (")?;
    // The name may hold anything, parentheses too.
    let (_, fields) = rest.rsplit_once(") ")?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Process {
        id: id.parse().ok()?,
        parent: number(1)? as u32,
        kernel: number(6)? & PF_KTHREAD != 0,
        ticks: (11..=14).map(number).sum::<Option<u64>>()?,
    })
}

/// Ticks of the processes that do not descend from this one. Threads of the kernel are no others:
/// they forward what is measured.
fn of_others(all: &[Process], own: u32) -> u64 {
    let parents: HashMap<u32, u32> = all.iter().map(|one| (one.id, one.parent)).collect();
    let strangers = all
        .iter()
        .filter(|one| !one.kernel && !descends(one.id, own, &parents));
    strangers.map(|one| one.ticks).sum()
}

fn descends(mut id: u32, own: u32, parents: &HashMap<u32, u32>) -> bool {
    let mut seen = HashSet::new();
    while id != own {
        let next = parents.get(&id).filter(|_| seen.insert(id));
        let Some(parent) = next else { return false };
        id = *parent;
    }
    true
}

fn load() -> Result<[f64; 3]> {
    let text = fs::read_to_string("/proc/loadavg").context("/proc/loadavg")?;
    let mut words = text.split_whitespace().map(str::parse);
    let mut next = || words.next().and_then(Result::ok);
    let three = next().zip(next()).zip(next());
    let ((one, five), fifteen) = three.context("/proc/loadavg has no three numbers")?;
    Ok([one, five, fifteen])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_guests_took_is_not_counted_twice() {
        let stat = "cpu  10 1 5 80 2 1 1 7 4 4\ncpu0 1 1 1 1 1 1 1 1 1 1\n";
        assert_eq!(all_cpus(stat), Some((107, 7)));
    }

    #[test]
    fn a_process_name_may_hold_parentheses() {
        let stat = "7 (a) b (c)) S 3 0 0 0 -1 4194304 0 0 0 0 10 20 30 40 20 0 1 0";
        let process = process(stat).expect("a process");
        assert_eq!((process.id, process.parent, process.ticks), (7, 3, 100));
        assert!(!process.kernel);
    }

    #[test]
    fn own_children_and_kernel_threads_are_no_others() {
        let one = |id, parent, kernel| Process {
            id,
            parent,
            kernel,
            ticks: u64::from(id),
        };
        let all = [
            one(1, 0, false),
            one(2, 0, true),
            one(10, 1, false),
            one(20, 10, false),
            one(30, 20, false),
        ];
        assert_eq!(of_others(&all, 20), 1 + 10);
    }

    #[test]
    fn longer_measurements_weigh_more() {
        let one = |seconds, stolen, load| Surroundings {
            seconds,
            stolen,
            others: 0.0,
            load: [[load; 3]; 2],
        };
        let all = Surroundings::over(&[one(1.0, 0.4, 1.0), one(3.0, 0.0, 2.0)]);
        assert!((all.stolen - 0.1).abs() < 1e-9 && (all.seconds - 4.0).abs() < 1e-9);
        assert_eq!(all.load, [[1.0; 3], [2.0; 3]]);
        assert!(!all.is_quiet());
    }

    #[test]
    fn this_machine_can_be_watched() {
        let watch = Watch::begin().expect("/proc can be read");
        let around = watch.end().expect("/proc can be read");
        assert!(around.others >= 0.0 && around.stolen >= 0.0);
    }
}
