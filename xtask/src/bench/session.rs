//! One run of the benchmarks: where it happens, how long it measures, and what it has found so far.

use std::cell::RefCell;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use super::measure::{self, Measured, Rounds};
use super::memory;
use super::programs;
use super::progress::{Progress, Step};
use super::report::{Comparison, Curve, Report, Series, Unit};
use super::surroundings::{Surroundings, Watch};
use super::table;

/// What every case is handed.
pub struct Session<'run> {
    /// The loader that is measured.
    pub loader: &'run Path,
    /// What names of namespaces and of folders begin with.
    pub prefix: &'run str,
    /// How often and how long.
    pub rounds: Rounds,
    /// Whether all cases together have two minutes: sizes and octets are to be small.
    pub quick: bool,
    /// What all cases share.
    pub run: &'run Run,
}

/// What is found, and how far it got.
pub struct Run {
    /// What was found.
    pub report: RefCell<Report>,
    /// The steps.
    pub progress: Progress,
    /// The ids to measure are those that have this in them.
    pub only: String,
}

/// The words about a comparison.
#[derive(Debug, Clone, Copy)]
pub struct Heading<'words> {
    /// Its stable name.
    pub id: &'words str,
    /// What people read above it.
    pub title: &'words str,
    /// The unit of its values.
    pub unit: Unit,
    /// Whom the others are compared with.
    pub reference: &'words str,
}

impl Session<'_> {
    /// Whether a step is to be measured: what is made for it alone need not be made otherwise.
    pub fn wants(&self, id: &str) -> bool {
        id.contains(&self.run.only)
    }

    /// Measures in turns, prints a table for each value, and keeps it. The first heading's id is that of
    /// the step.
    pub fn compare<const VALUES: usize>(
        &self,
        headings: [Heading<'_>; VALUES],
        all: &[&dyn Measured<VALUES>],
    ) -> Result<()> {
        let id = headings.first().context("nothing is asked for")?.id;
        if !self.wants(id) {
            return Ok(());
        }
        let step = self.run.progress.begin(id)?;
        let (found, around) = measure::watched(all, self.rounds, &step)?;
        step.note(1.0, "time of programs");
        for one in all {
            self.look_into(id, *one)?;
        }
        drop(step);
        for (value, heading) in headings.iter().enumerate() {
            let series = all.iter().zip(&found).map(|(one, rounds)| {
                Series::new(
                    one.name(),
                    rounds.iter().map(|round| round[value]).collect(),
                )
            });
            self.keep(heading.over(series.collect(), around.clone()));
        }
        Ok(())
    }

    /// Has one more round of what goes through netfwd, for the time that its programs take.
    fn look_into<const VALUES: usize>(&self, id: &str, one: &dyn Measured<VALUES>) -> Result<()> {
        let instances = one.instances();
        let Some(first) = instances.first() else {
            return Ok(());
        };
        let programs = programs::of(&instances)?;
        let ran = programs::timed(&programs, || one.round(self.rounds.each).map(drop))?;
        let mut report = self.run.report.borrow_mut();
        report.keep_times(id, one.name(), ran);
        report.keep_code(&programs)?;
        report.keep_memory(id, first)
    }

    /// Keeps what the daemon and the maps of an instance hold now; `load` tells when, as
    /// `growth/fdb 1000000`.
    pub fn keep_memory(&self, load: &str, instance: &str) -> Result<()> {
        let held = memory::held(load, instance)?;
        self.run.report.borrow_mut().memory.extend(held);
        Ok(())
    }

    fn keep(&self, comparison: Comparison) {
        table::print(&comparison);
        self.run.report.borrow_mut().comparisons.push(comparison);
    }

    /// Measures curves, one step for all of them; they need not tell what else the machine did.
    pub fn grow(
        &self,
        id: &str,
        measure: impl FnOnce(&Step<'_>) -> Result<Vec<Curve>>,
    ) -> Result<()> {
        if !self.wants(id) {
            return Ok(());
        }
        let step = self.run.progress.begin(id)?;
        let watch = Watch::begin()?;
        let mut curves = measure(&step)?;
        let around = watch.end()?;
        drop(step);
        ensure!(!curves.is_empty(), "{id} told no curve");
        for curve in &mut curves {
            curve.around = around.clone();
            table::curve(curve);
        }
        self.run.report.borrow_mut().curves.extend(curves);
        Ok(())
    }
}

impl Heading<'_> {
    /// The comparison of this name.
    fn over(&self, series: Vec<Series>, around: Surroundings) -> Comparison {
        let comparison = Comparison {
            id: self.id.to_owned(),
            title: self.title.to_owned(),
            unit: self.unit,
            reference: self.reference.to_owned(),
            around,
            series,
        };
        comparison.with_ratios()
    }
}
