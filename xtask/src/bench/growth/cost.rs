//! What a frame costs in the programs, by the kernel's own statistics.

use std::time::Duration;

use anyhow::{Context as _, Result};

use super::curve;
use super::traffic::Traffic;
use crate::bench::measure::{Measured, Rounds};
use crate::bench::programs::{self, Program};
use crate::bench::progress::Step;
use crate::bench::report::Line;

/// Nanoseconds in programs per frame that arrives.
struct Cost<'lab> {
    traffic: &'lab Traffic<'lab>,
    programs: Vec<Program>,
}

impl Measured for Cost<'_> {
    fn name(&self) -> &'static str {
        self.traffic.name()
    }

    fn round(&self, time: Duration) -> Result<[f64; 1]> {
        self.traffic.measure(time / 8)?;
        let mut frames = 0.0;
        let ran = programs::timed(&self.programs, || {
            let (rate, took) = self.traffic.measure(time)?;
            frames = rate * took.as_secs_f64();
            Ok(())
        })?;
        let nanoseconds: f64 = ran
            .iter()
            .map(|one| one.runs as f64 * one.nanoseconds)
            .sum();
        Ok([nanoseconds / frames])
    }
}

/// The lines of what these frames cost, those of each line through the instances in their order.
pub fn lines(
    rounds: Rounds,
    step: &Step<'_>,
    all: &[(u32, Traffic<'_>)],
    instances: &[&str],
) -> Result<Vec<Line>> {
    let mut costs = Vec::new();
    for ((size, traffic), instance) in all.iter().zip(instances.iter().cycle()) {
        let programs = programs::of(&[(*instance).to_owned()]);
        let programs = programs.with_context(|| format!("the programs of {instance}"))?;
        costs.push((*size, Cost { traffic, programs }));
    }
    curve::lines(rounds, step, &costs)
}
