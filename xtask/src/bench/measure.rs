//! Interleaved rounds over several paths.

use std::time::Duration;

use anyhow::Result;

use super::progress::Step;
use crate::run::interrupt;

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

    /// The instances of netfwd that the load goes through, in its order, whose programs' time is to be
    /// told.
    fn instances(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Measures in turns: for each that was measured, the values of each round.
pub fn interleaved<const VALUES: usize>(
    all: &[&dyn Measured<VALUES>],
    rounds: Rounds,
    step: &Step<'_>,
) -> Result<Vec<Vec<[f64; VALUES]>>> {
    let mut found = vec![Vec::new(); all.len()];
    let total = (rounds.count as usize * all.len()) as f64;
    for round in 0..rounds.count {
        for (turn, (measured, found)) in all.iter().zip(&mut found).enumerate() {
            interrupt::check()?;
            let share = (round as usize * all.len() + turn) as f64 / total;
            let (number, count) = (round + 1, rounds.count);
            step.note(
                share,
                format_args!("round {number}/{count}, {}", measured.name()),
            );
            found.push(measured.round(rounds.each)?);
        }
    }
    Ok(found)
}
