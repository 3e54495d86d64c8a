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

/// Something that can be measured again and again, and has so many values each time.
pub trait Measured<const VALUES: usize = 1> {
    /// What it is called.
    fn name(&self) -> &'static str;

    /// Its values over about this time.
    fn round(&self, time: Duration) -> Result<[f64; VALUES]>;
}

/// Measures in turns: for each value, a series for each that was measured.
pub fn interleaved<const VALUES: usize>(
    all: &[&dyn Measured<VALUES>],
    rounds: Rounds,
) -> Result<[Vec<Series>; VALUES]> {
    say(format_args!(
        "{} rounds of {:?} each, in turns; load average {}",
        rounds.count,
        rounds.each,
        load_average()?
    ));
    let mut series = std::array::from_fn(|_| all.iter().map(|one| empty(one.name())).collect());
    for _ in 0..rounds.count {
        for (number, measured) in all.iter().enumerate() {
            interrupt::check()?;
            let values = measured.round(rounds.each)?;
            add(&mut series, number, values);
        }
    }
    say(format_args!("load average afterwards {}", load_average()?));
    Ok(series)
}

/// Keeps the values of a round of one that is measured.
fn add<const VALUES: usize>(
    series: &mut [Vec<Series>; VALUES],
    number: usize,
    values: [f64; VALUES],
) {
    for (series, value) in series.iter_mut().zip(values) {
        series[number].values.push(value);
    }
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
