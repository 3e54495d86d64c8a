//! Interleaved rounds over several paths.

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::path::Path;
use crate::run::{interrupt, report::say};

/// How often and how long each path is measured.
#[derive(Debug, Clone, Copy)]
pub struct Rounds {
    /// How often.
    pub count: u32,
    /// How long at a time.
    pub each: Duration,
}

/// What a path achieved, round by round.
#[derive(Debug)]
pub struct Series {
    /// The path's name.
    pub name: &'static str,
    /// Frames that came out of it per second of CPU time.
    pub rates: Vec<f64>,
}

/// Measures the paths in turns.
pub fn interleaved(paths: &[Path], rounds: Rounds) -> Result<Vec<Series>> {
    say(format_args!(
        "{} rounds of {:?} each, in turns; load average {}",
        rounds.count,
        rounds.each,
        load_average()?
    ));
    let mut series: Vec<_> = paths.iter().map(empty).collect();
    for _ in 0..rounds.count {
        for (path, series) in paths.iter().zip(&mut series) {
            interrupt::check()?;
            series.rates.push(rate(path, rounds.each)?);
        }
    }
    say(format_args!("load average afterwards {}", load_average()?));
    Ok(series)
}

fn empty(path: &Path) -> Series {
    Series {
        name: path.name,
        rates: Vec::new(),
    }
}

/// Frames that arrive per second of CPU time, while as many as possible are sent.
fn rate(path: &Path, time: Duration) -> Result<f64> {
    path.prepare()?;
    let before = path.received()?;
    let elapsed = path.generator.flood(&path.frames, time)?;
    // What waits for a softirq thread is late, not lost.
    thread::sleep(Duration::from_millis(10));
    let received = path.received()? - before;
    ensure!(received > 0, "nothing arrived by {}", path.name);
    Ok(received as f64 / elapsed.as_secs_f64())
}

fn load_average() -> Result<String> {
    let text = fs::read_to_string("/proc/loadavg").context("/proc/loadavg")?;
    Ok(text
        .split_whitespace()
        .take(3)
        .collect::<Vec<_>>()
        .join(" "))
}
