//! The suite `lint`: format, clippy, limits, licences.

use anyhow::Result;

use super::{limits, tally::Tally};
use crate::{build::cargo, paths::Paths, process};

type Step = (&'static str, fn(&Paths) -> Result<Outcome>);

const STEPS: &[Step] = &[
    ("format", format),
    ("clippy, host crates", clippy_host),
    ("clippy, BPF programs", clippy_programs),
    ("sizes of files and functions", sizes),
    ("licences and advisories", licences),
];

/// How a step ended; an error is a failure.
enum Outcome {
    Passed,
    Skipped(String),
}

/// Runs every step, also after a failure.
pub fn run(paths: &Paths) -> Tally {
    STEPS.iter().map(|step| perform(paths, step)).sum()
}

fn perform(paths: &Paths, &(name, step): &Step) -> Tally {
    match step(paths) {
        Ok(Outcome::Passed) => {
            println!("ok {name}");
            Tally::PASSED
        }
        Ok(Outcome::Skipped(reason)) => {
            println!("skipped {name}: {reason}");
            Tally::SKIPPED
        }
        Err(error) => {
            println!("not ok {name}: {error:#}");
            Tally::FAILED
        }
    }
}

fn format(paths: &Paths) -> Result<Outcome> {
    process::run(cargo(paths).args(["fmt", "--all", "--check"]))?;
    Ok(Outcome::Passed)
}

fn clippy_host(paths: &Paths) -> Result<Outcome> {
    process::run(
        cargo(paths)
            .args([
                "clippy",
                "--quiet",
                "--workspace",
                "--exclude",
                "netfwd-ebpf",
                "--all-targets",
            ])
            .args(["--", "-D", "warnings"]),
    )?;
    Ok(Outcome::Passed)
}

/// The programs are linted as code for the host: its toolchain has a clippy and a core. Like the
/// BPF target they must not unwind, or the host's core asks for a personality they have not.
fn clippy_programs(paths: &Paths) -> Result<Outcome> {
    process::run(
        cargo(paths)
            .args([
                "clippy",
                "--quiet",
                "--package",
                "netfwd-ebpf",
                "--",
                "-D",
                "warnings",
            ])
            .env("CARGO_PROFILE_DEV_PANIC", "abort"),
    )?;
    Ok(Outcome::Passed)
}

fn sizes(paths: &Paths) -> Result<Outcome> {
    let excesses = limits::excesses(&paths.root)?;
    anyhow::ensure!(excesses.is_empty(), "{}", excesses.join("\n  "));
    Ok(Outcome::Passed)
}

fn licences(paths: &Paths) -> Result<Outcome> {
    if !process::succeeds(cargo(paths).args(["deny", "--version"])) {
        let reason = "cargo-deny is not here (`cargo install cargo-deny` takes minutes)";
        return Ok(Outcome::Skipped(reason.to_owned()));
    }
    process::run(cargo(paths).args(["deny", "--all-features", "check"]))?;
    Ok(Outcome::Passed)
}
