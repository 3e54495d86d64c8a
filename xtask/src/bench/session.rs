//! One run of the benchmarks: where it happens, how long it measures, and what it has found so far.

use std::cell::RefCell;
use std::path::Path;

use anyhow::Result;

use super::measure::{self, Measured, Rounds};
use super::report::{Comparison, Report, Series, Unit};
use super::table;

/// What every case is handed.
pub struct Session<'run> {
    /// The loader that is measured.
    pub loader: &'run Path,
    /// What names of namespaces and of folders begin with.
    pub prefix: &'run str,
    /// How often and how long.
    pub rounds: Rounds,
    /// What was found.
    pub report: &'run RefCell<Report>,
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
    /// Measures in turns, prints a table for each value, and keeps it.
    pub fn compare<const VALUES: usize>(
        &self,
        headings: [Heading<'_>; VALUES],
        all: &[&dyn Measured<VALUES>],
    ) -> Result<()> {
        let series = measure::interleaved(all, self.rounds)?;
        for (heading, series) in headings.into_iter().zip(series) {
            self.keep(heading.over(series));
        }
        Ok(())
    }

    fn keep(&self, comparison: Comparison) {
        table::print(&comparison);
        self.report.borrow_mut().comparisons.push(comparison);
    }
}

impl Heading<'_> {
    /// The comparison of this name.
    fn over(&self, series: Vec<Series>) -> Comparison {
        Comparison {
            id: self.id.to_owned(),
            title: self.title.to_owned(),
            unit: self.unit,
            reference: self.reference.to_owned(),
            series,
        }
    }
}
