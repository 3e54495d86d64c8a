//! `cargo xtask test`: the suites, and one closing line over all of them.

mod libtest;
mod licences;
mod limits;
mod lint;
pub mod tally;

use std::time::Instant;

use anyhow::Result;
use clap::ValueEnum;

use crate::{
    build::{self, cargo},
    paths::Paths,
    setup,
};
use tally::Tally;

/// A suite of checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Suite {
    /// Format, clippy, limits, licences
    Lint,
    /// Pure logic
    Unit,
    /// Programs, run by the kernel on single packets
    Prog,
    /// Live tests in network namespaces
    Net,
    /// The main path on older kernels, in virtual machines
    Vm,
}

/// Runs the named suites, or all, and tells whether everything held.
pub fn test(paths: &Paths, suites: &[Suite]) -> Result<bool> {
    let suites = if suites.is_empty() {
        Suite::value_variants()
    } else {
        suites
    };
    let tools = setup::everything(paths)?;
    build::build_with(paths, &tools)?;
    let mut total = Tally::default();
    for &suite in suites {
        total += timed(paths, suite);
    }
    println!("{total}");
    Ok(total.is_success())
}

fn timed(paths: &Paths, suite: Suite) -> Tally {
    let start = Instant::now();
    println!("== {suite:?}");
    let tally = perform(paths, suite).unwrap_or_else(|error| {
        println!("not ok {suite:?}: {error:#}");
        Tally::FAILED
    });
    let tally = if tally == Tally::default() {
        println!("not ok {suite:?}: it has no tests");
        Tally::FAILED
    } else {
        tally
    };
    println!(
        "== {suite:?}: {tally}, {:.1} s",
        start.elapsed().as_secs_f64()
    );
    tally
}

fn perform(paths: &Paths, suite: Suite) -> Result<Tally> {
    let test = ["test", "--no-fail-fast", "--package"];
    let unit = ["netfwd-common", "--package", "netfwd", "--package", "xtask"];
    match suite {
        Suite::Lint => Ok(lint::run(paths)),
        Suite::Unit => libtest::count(cargo(paths).args(test).args(unit)),
        Suite::Prog => libtest::count(cargo(paths).args(test).args(["tests", "--test", "prog_*"])),
        // Each live test has namespaces of its own; more of them at once than cores would only
        // make each other slow.
        Suite::Net => libtest::count(cargo(paths).args(test).args([
            "tests",
            "--test",
            "net_*",
            "--",
            "--test-threads=2",
        ])),
        Suite::Vm => crate::vm::run(paths),
    }
}
