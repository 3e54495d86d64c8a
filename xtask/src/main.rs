//! netfwd's tasks: `cargo xtask setup | build | run | test | bench`.

mod bench;
mod build;
mod paths;
mod process;
mod run;
mod setup;
mod test;
mod vm;

use std::{
    ffi::OsString,
    os::unix::process::CommandExt as _,
    process::{Command, ExitCode},
};

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};

use paths::Paths;

/// What one does with a clone of netfwd.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    disable_help_subcommand = true
)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Start the lab of two hosts and four containers; with `-- ARGS`, the loader on this host
    Run {
        /// Stop after the checks, and fail when one failed
        #[arg(long, conflicts_with = "args")]
        once: bool,
        /// Arguments of the loader
        #[arg(last = true)]
        args: Vec<OsString>,
    },
    /// Build the programs and the loader that embeds them: target/release/netfwd
    Build,
    /// Run every suite, or those named
    Test {
        /// Suites, in the order to run them
        suites: Vec<test::Suite>,
    },
    /// Measure netfwd beside the kernel
    Bench(bench::Options),
    /// Install what is missing
    Setup,
}

fn main() -> ExitCode {
    match perform(Cli::parse().task) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn perform(task: Task) -> Result<ExitCode> {
    let paths = Paths::find()?;
    match task {
        Task::Run { once, args } if args.is_empty() => lab(&paths, once)?,
        Task::Run { args, .. } => loader(&paths, &args)?,
        Task::Build => build::build(&paths)?,
        Task::Test { suites } => {
            if !test::test(&paths, &suites)? {
                return Ok(ExitCode::FAILURE);
            }
        }
        Task::Bench(options) => bench::bench(&paths, &options)?,
        Task::Setup => set_up(&paths)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn set_up(paths: &Paths) -> Result<()> {
    let tools = setup::everything(paths)?;
    eprintln!(
        "setup: all is here; {} (LLVM {}) and {} build the programs",
        tools.toolchain.name(),
        tools.toolchain.llvm,
        paths.shown(&tools.linker)
    );
    Ok(())
}

fn lab(paths: &Paths, once: bool) -> Result<()> {
    let tools = setup::everything(paths)?;
    build::build_with(paths, &tools)?;
    run::lab(paths, once)
}

/// Becomes the loader, so that signals and the exit code are its own.
fn loader(paths: &Paths, args: &[OsString]) -> Result<()> {
    build::build(paths)?;
    let loader = paths.loader();
    Err(Command::new(&loader).args(args).exec())
        .with_context(|| format!("cannot start {}", paths.shown(&loader)))
}
