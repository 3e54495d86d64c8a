//! Running cargo's tests, shown as they come and counted.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result};

use super::tally::Tally;
use crate::process;

/// Runs `cargo test …`, printing its output, and counts its result lines.
pub fn count(command: &mut Command) -> Result<Tally> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{}`", process::line(command)))?;
    let mut tally = Tally::default();
    let output = child
        .stdout
        .take()
        .context("the child has no standard output")?;
    for line in BufReader::new(output).lines() {
        let line = line?;
        println!("{line}");
        tally += Tally::of_libtest_line(&line).unwrap_or_default();
    }
    Ok(with_status(tally, child.wait()?.success()))
}

/// A build that failed or a test binary that died prints no result line, but it failed.
fn with_status(tally: Tally, success: bool) -> Tally {
    if success || tally.failed > 0 {
        tally
    } else {
        tally + Tally::FAILED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_several_binaries_are_summed() {
        let mut printer = Command::new("printf");
        printer.arg("test result: ok. 2 passed; 0 failed; 1 ignored;\nnoise\ntest result: ok. 3 passed; 0 failed;\n");
        assert_eq!(
            count(&mut printer).unwrap(),
            Tally {
                passed: 5,
                failed: 0,
                skipped: 1
            }
        );
    }

    #[test]
    fn a_death_without_a_result_line_is_a_failure() {
        assert_eq!(count(&mut Command::new("false")).unwrap(), Tally::FAILED);
    }

    #[test]
    fn a_reported_failure_is_counted_once() {
        assert_eq!(with_status(Tally::FAILED, false), Tally::FAILED);
    }
}
