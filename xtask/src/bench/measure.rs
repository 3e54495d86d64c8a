//! Interleaved rounds over several paths.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::report::Series;
use crate::run::{interrupt, report::say};

/// How often and how long each path is measured.
#[derive(Debug, Clone, Copy)]
pub struct Rounds {
    /// How often.
    pub count: u32,
    /// How long at a time.
    pub each: Duration,
}

/// Something whose rate can be measured again and again.
pub trait Measured {
    /// What it is called.
    fn name(&self) -> &'static str;

    /// Its rate over about this time.
    fn round(&self, time: Duration) -> Result<f64>;
}

/// Measures in turns.
pub fn interleaved(all: &[&dyn Measured], rounds: Rounds) -> Result<Vec<Series>> {
    say(format_args!(
        "{} rounds of {:?} each, in turns; load average {}",
        rounds.count,
        rounds.each,
        load_average()?
    ));
    let mut series: Vec<_> = all.iter().map(|measured| empty(measured.name())).collect();
    for _ in 0..rounds.count {
        for (measured, series) in all.iter().zip(&mut series) {
            interrupt::check()?;
            series.values.push(measured.round(rounds.each)?);
        }
    }
    say(format_args!("load average afterwards {}", load_average()?));
    Ok(series)
}

fn empty(name: &str) -> Series {
    Series {
        name: name.to_owned(),
        values: Vec::new(),
    }
}

fn load_average() -> Result<String> {
    let text = fs::read_to_string("/proc/loadavg").context("/proc/loadavg")?;
    Ok(text
        .split_whitespace()
        .take(3)
        .collect::<Vec<_>>()
        .join(" "))
}
