//! `cargo xtask bench`: netfwd and the kernel side by side, in network namespaces, in one run.
//!
//! What is compared is measured in turns, round by round, so that whatever else the machine does
//! falls on all alike; the figure to look at is the ratio, taken pair by pair.

mod arrivals;
mod arriving;
mod awake;
mod batch;
mod bpf;
mod compare;
mod cpu;
mod document;
mod frames;
mod generator;
mod growth;
mod handshakes;
mod inside;
mod live;
mod load;
mod local;
mod machine;
mod measure;
mod memory;
mod nat;
mod page;
mod path;
mod pinned;
mod plot;
mod programs;
mod progress;
mod publish;
mod redirect;
mod report;
mod session;
mod sockets;
mod statistics;
mod subject;
mod surroundings;
mod table;
mod tables;
mod targets;
mod twin;
mod vxlan;

use std::cell::RefCell;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};

use crate::run::{interrupt, report::say, traces};
use crate::{build, paths::Paths, setup};
use document::{Asked, Document};
use machine::Machine;
use measure::Rounds;
use progress::Progress;
use report::Report;
use session::{Run, Session};

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Case {
    /// Two containers of one host
    Local,
    /// Two containers of two hosts, over VXLAN
    Vxlan,
    /// A container and a server outside, with a host between them that translates
    Nat,
    /// Packets a second, and the loader's own times, as tables grow
    Growth,
    /// An experiment, run when named: TCP between containers of one host, led from socket to socket
    /// past the network
    Sockets,
}

/// What to measure, and how long.
#[derive(Debug, Args)]
pub struct Options {
    /// Cases, in the order to run them; all but the experiment where none is named
    cases: Vec<Case>,
    /// All cases in less than two minutes: few and short rounds, small sizes
    #[arg(long)]
    quick: bool,
    /// Measure the loader that is there, as it is
    #[arg(long)]
    no_build: bool,
    /// How many rounds
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(5..=99))]
    rounds: u32,
    /// Of the cases, only what has this in its id (`local/tcp-1`)
    #[arg(long, default_value = "", hide_default_value = true)]
    only: String,
    /// Where to write the results; without it `bench/DATE.json` in the target directory
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Tell what changed since an earlier run
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
    /// Take these results, and measure nothing
    #[arg(long, value_name = "FILE")]
    with: Option<PathBuf>,
    /// Where to write plots, a page and the results; without it `bench/DATE` in the target directory
    #[arg(long, value_name = "FOLDER", conflicts_with = "publish")]
    plots: Option<PathBuf>,
    /// Write them to docs/benchmarks, and the figures into the README
    #[arg(long)]
    publish: bool,
}

impl Case {
    fn bounded(self, paths: &Paths, options: &Options, run: &Run) -> Result<()> {
        let loader = paths.loader();
        traces::bounded(&loader, |prefix| {
            let session = Session {
                loader: &loader,
                prefix,
                rounds: options.rounds(),
                quick: options.quick,
                run,
            };
            self.run(&session)
        })
    }

    fn run(self, session: &Session<'_>) -> Result<()> {
        match self {
            Self::Local => local::run(session),
            Self::Vxlan => vxlan::run(session),
            Self::Nat => nat::run(session),
            Self::Growth => growth::run(session),
            Self::Sockets => sockets::run(session),
        }
    }

    /// The ids of its steps.
    const fn plan(self) -> &'static [&'static str] {
        match self {
            Self::Local => local::PLAN,
            Self::Vxlan => vxlan::PLAN,
            Self::Nat => nat::PLAN,
            Self::Growth => growth::PLAN,
            Self::Sockets => sockets::PLAN,
        }
    }
}

impl Options {
    fn rounds(&self) -> Rounds {
        let (count, each) = if self.quick {
            (3, Duration::from_millis(50))
        } else {
            (self.rounds, Duration::from_millis(250))
        };
        Rounds { count, each }
    }

    /// Those that are named; otherwise all but the experiment.
    fn cases(&self) -> Vec<Case> {
        if !self.cases.is_empty() {
            return self.cases.clone();
        }
        let all = Case::value_variants().iter().copied();
        all.filter(|case| *case != Case::Sockets).collect()
    }

    fn plan(&self) -> Vec<&'static str> {
        let all = self.cases().into_iter().flat_map(Case::plan);
        all.copied().filter(|id| id.contains(&self.only)).collect()
    }

    fn asked(&self) -> Asked {
        let name = |case: &Case| {
            case.to_possible_value()
                .map(|case| case.get_name().to_owned())
        };
        let rounds = self.rounds();
        Asked {
            cases: self.cases().iter().filter_map(name).collect(),
            only: self.only.clone(),
            quick: self.quick,
            rounds: rounds.count,
            round_milliseconds: rounds.each.as_millis() as u64,
        }
    }
}

/// Measures, unless results are given; tells what was reached and what changed.
pub fn bench(paths: &Paths, options: &Options) -> Result<()> {
    // What cannot be read is told before anything is measured.
    let then = options.compare.as_deref().map(Document::read).transpose()?;
    let now = match &options.with {
        Some(file) => Document::read(file)?,
        None => measured(paths, options)?,
    };
    targets::print(&now.report);
    if let Some(then) = then {
        compare::print(&then, &now);
    }
    publish(paths, options, &now)
}

/// Writes plots and pages: of a run always, of results that were given where it is asked for.
fn publish(paths: &Paths, options: &Options, document: &Document) -> Result<()> {
    let folder = match (&options.plots, options.publish, &options.with) {
        (_, true, _) => paths.root.join("docs/benchmarks"),
        (Some(folder), ..) => folder.clone(),
        (None, false, None) => paths.target.join("bench").join(document.stem()),
        (None, false, Some(_)) => return Ok(()),
    };
    publish::write(document, &folder)?;
    if options.publish {
        publish::into_readme(document, &paths.root.join("README.md"))?;
    }
    say(format_args!("plots: {}", paths.shown(&folder)));
    Ok(())
}

/// Builds, runs the cases, and writes what they found.
fn measured(paths: &Paths, options: &Options) -> Result<Document> {
    ensure!(
        nix::unistd::geteuid().is_root(),
        "benchmarks make network namespaces: run them as root"
    );
    let plan = options.plan();
    ensure!(!plan.is_empty(), "no id has `{}` in it", options.only);
    if !options.no_build {
        let tools = setup::everything(paths)?;
        build::build_with(paths, &tools)?;
    }
    let (date, started) = (machine::now()?, Instant::now());
    let (report, failure) = cases(paths, options, plan);
    let document = Document {
        format: Document::format(),
        date,
        seconds: started.elapsed().as_secs_f64(),
        machine: Machine::this()?,
        versions: machine::versions(&paths.loader(), &paths.root),
        options: options.asked(),
        report,
    };
    let name = format!("bench/{}.json", document.stem());
    let file = options.json.clone().unwrap_or(paths.target.join(name));
    document.write(&file)?;
    say(format_args!("written: {}", paths.shown(&file)));
    failure.map_or(Ok(document), Err)
}

/// Runs the cases; removes all that they made, however they end. What the others found is not lost
/// with one that fails.
fn cases(
    paths: &Paths,
    options: &Options,
    plan: Vec<&'static str>,
) -> (Report, Option<anyhow::Error>) {
    let run = Run {
        report: RefCell::new(Report::default()),
        progress: Progress::new(plan),
        only: options.only.clone(),
    };
    let wanted = |case: &&Case| case.plan().iter().any(|id| id.contains(&options.only));
    let mut failure = None;
    for case in options.cases().iter().filter(wanted) {
        if let Err(error) = case.bounded(paths, options, &run) {
            say(format_args!("{case:?} failed: {error:#}"));
            failure = failure.or(Some(error));
        }
        if interrupt::seen() {
            break;
        }
    }
    (run.report.into_inner(), failure)
}
