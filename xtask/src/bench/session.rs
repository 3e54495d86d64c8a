//! One run of the benchmarks: where it happens, how long it measures, and what it has found so far.

use std::cell::RefCell;
use std::path::Path;

use anyhow::Result;

use super::measure::{self, Measured, Rounds};
use super::report::{Comparison, Report, Unit};
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
    /// Measures in turns, prints the table, and keeps it.
    pub fn compare(&self, heading: Heading<'_>, all: &[&dyn Measured]) -> Result<()> {
        let series = measure::interleaved(all, self.rounds)?;
        let comparison = Comparison {
            id: heading.id.to_owned(),
            title: heading.title.to_owned(),
            unit: heading.unit,
            reference: heading.reference.to_owned(),
            series,
        };
        table::print(&comparison);
        self.report.borrow_mut().comparisons.push(comparison);
        Ok(())
    }
}
