//! The suite `lint`: format, clippy, limits, licences.

use anyhow::{Result, ensure};

use super::{licences, limits, tally::Tally};
use crate::{build::cargo, paths::Paths, process};

type Step = (&'static str, fn(&Paths) -> Result<()>);

const STEPS: &[Step] = &[
    ("format", format),
    ("clippy, host crates", clippy_host),
    ("clippy, BPF programs", clippy_programs),
    ("sizes of files and functions", sizes),
    ("licences", licences),
];

/// Runs every step, also after a failure.
pub fn run(paths: &Paths) -> Tally {
    STEPS.iter().map(|step| perform(paths, step)).sum()
}

fn perform(paths: &Paths, &(name, step): &Step) -> Tally {
    match step(paths) {
        Ok(()) => {
            println!("ok {name}");
            Tally::PASSED
        }
        Err(error) => {
            println!("not ok {name}: {error:#}");
            Tally::FAILED
        }
    }
}

fn format(paths: &Paths) -> Result<()> {
    process::run(cargo(paths).args(["fmt", "--all", "--check"]))
}

fn clippy_host(paths: &Paths) -> Result<()> {
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
    )
}

/// The programs are linted as code for the host: its toolchain has a clippy and a core. Like the
/// BPF target they must not unwind, or the host's core asks for a personality they have not.
fn clippy_programs(paths: &Paths) -> Result<()> {
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
    )
}

fn sizes(paths: &Paths) -> Result<()> {
    let excesses = limits::excesses(&paths.root)?;
    ensure!(excesses.is_empty(), "{}", excesses.join("\n  "));
    Ok(())
}

/// cargo-deny where it is here; else the licences alone, which need no list of advisories.
fn licences(paths: &Paths) -> Result<()> {
    if process::succeeds(cargo(paths).args(["deny", "--version"])) {
        return process::run(cargo(paths).args(["deny", "--all-features", "check"]));
    }
    let metadata = process::capture(cargo(paths).args(["metadata", "--format-version", "1"]))?;
    let refused = licences::refused(&paths.root, &metadata)?;
    ensure!(refused.is_empty(), "{}", refused.join("\n  "));
    Ok(())
}
