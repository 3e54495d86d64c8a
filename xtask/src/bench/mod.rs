//! `cargo xtask bench`: netfwd and the kernel side by side, in network namespaces, in one run.
//!
//! What is compared is measured in turns, round by round, so that whatever else the machine does
//! falls on all alike; the figure to look at is the ratio, taken pair by pair.

mod bpf;
mod cpu;
mod generator;
mod growth;
mod live;
mod local;
mod measure;
mod nat;
mod path;
mod progress;
mod redirect;
mod report;
mod session;
mod statistics;
mod stream;
mod surroundings;
mod table;
mod vxlan;

use std::cell::RefCell;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};

use crate::{build, paths::Paths, run::traces, setup};
use measure::Rounds;
use progress::Progress;
use report::Report;
use session::{Run, Session};

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Case {
    /// 64-byte frames a second between two containers of one host
    Local,
    /// Two containers of two hosts, over VXLAN: 64-byte frames a second, and bulk TCP
    Vxlan,
    /// A container and a server outside: 64-byte frames a second, new TCP connections a second, and
    /// bulk TCP
    Nat,
    /// Packets a second, and the loader's own times, as tables grow
    Growth,
}

/// What to measure, and how long.
#[derive(Debug, Args)]
pub struct Options {
    /// Cases, in the order to run them; all where none is named
    cases: Vec<Case>,
    /// Short rounds, to see whether it works
    #[arg(long)]
    quick: bool,
    /// Measure the loader that is there, as it is
    #[arg(long)]
    no_build: bool,
    /// How many rounds
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u32).range(5..=99))]
    rounds: u32,
    /// Of the cases, only what has this in its id (`local/tcp-1`)
    #[arg(long, default_value = "", hide_default_value = true)]
    only: String,
}

impl Case {
    fn run(self, session: &Session<'_>) -> Result<()> {
        match self {
            Self::Local => local::run(session),
            Self::Vxlan => vxlan::run(session),
            Self::Nat => nat::run(session),
            Self::Growth => growth::run(session),
        }
    }

    /// The ids of its steps.
    const fn plan(self) -> &'static [&'static str] {
        match self {
            Self::Local => local::PLAN,
            Self::Vxlan => vxlan::PLAN,
            Self::Nat => nat::PLAN,
            Self::Growth => growth::PLAN,
        }
    }
}

impl Options {
    fn rounds(&self) -> Rounds {
        let (count, each) = if self.quick {
            (3, Duration::from_millis(100))
        } else {
            (self.rounds, Duration::from_millis(300))
        };
        Rounds { count, each }
    }

    fn cases(&self) -> &[Case] {
        if self.cases.is_empty() {
            Case::value_variants()
        } else {
            &self.cases
        }
    }

    fn plan(&self) -> Vec<&'static str> {
        let all = self.cases().iter().flat_map(|case| case.plan());
        all.copied().filter(|id| id.contains(&self.only)).collect()
    }
}

/// Builds, and runs the cases; removes all that they made, however they end.
pub fn bench(paths: &Paths, options: &Options) -> Result<()> {
    ensure!(
        nix::unistd::geteuid().is_root(),
        "benchmarks make network namespaces: run them as root"
    );
    if !options.no_build {
        let tools = setup::everything(paths)?;
        build::build_with(paths, &tools)?;
    }
    let run = Run {
        report: RefCell::new(Report::default()),
        progress: Progress::new(options.plan()),
        only: options.only.clone(),
    };
    for case in options.cases() {
        traces::bounded(&paths.loader(), |prefix| {
            let session = Session {
                loader: &paths.loader(),
                prefix,
                rounds: options.rounds(),
                quick: options.quick,
                run: &run,
            };
            case.run(&session)
        })?;
    }
    Ok(())
}
