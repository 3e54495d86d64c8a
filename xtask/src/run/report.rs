//! What the lab prints: a picture, a line per check, and the sum.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::Instant;

use anyhow::Result;

use super::interrupt;

const WHAT_WIDTH: usize = 31;

const PICTURE: &str = "
      c1 .11    c2 .12                           c3 .13    c4 .14       10.0.3.0/24
         |         |                                |         |
    +----+---------+----+    VXLAN 4789, VNI 200 +--+---------+------+
    |      host a       +------------------------+      host b       |  172.31.0.0/24
    +---------+---------+ .106              .107 +---------+---------+
              | .1                                         | .2
              +---------------------+----------------------+         192.168.99.0/24
                                    | .100
                              outside server
";

/// Prints a line. A closed standard output must not keep the lab from tidying up, so that a failure
/// to print is ignored.
pub fn say(line: impl Display) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// Whether standard output is a terminal.
pub fn on_terminal() -> bool {
    io::stdout().is_terminal()
}

/// `text` in a colour (an SGR number) on a terminal, bare elsewhere.
pub fn coloured(colour: u8, text: &str) -> String {
    if on_terminal() {
        format!("\x1b[{colour}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

/// `text` in bold on a terminal.
pub fn bold(text: &str) -> String {
    coloured(1, text)
}

/// The lines printed so far, counted.
pub struct Report {
    started: Instant,
    passed: usize,
    failed: usize,
}

impl Report {
    /// Starts the report with the picture.
    pub fn begin(prefix: &str) -> Self {
        say(bold(
            "netfwd lab: two hosts, four containers, an outside server",
        ));
        say(format_args!(
            "(network namespaces of its own, named {prefix}…)"
        ));
        say(PICTURE);
        Self {
            started: Instant::now(),
            passed: 0,
            failed: 0,
        }
    }

    /// Runs a check and prints its line: what it shows, and what was measured or why it failed, with
    /// details on lines of their own.
    /// An interrupt is not a failed check: it ends the lab.
    pub fn check(&mut self, what: &str, check: impl FnOnce() -> Result<String>) -> Result<()> {
        let outcome = check();
        interrupt::check()?;
        match outcome {
            Ok(measured) => self.pass(what, &measured),
            Err(error) => self.fail(what, &format!("{error:#}")),
        }
        Ok(())
    }

    fn pass(&mut self, what: &str, measured: &str) {
        self.passed += 1;
        print_check(&coloured(32, "✔"), what, measured);
    }

    fn fail(&mut self, what: &str, reason: &str) {
        self.failed += 1;
        print_check(&coloured(31, "✘"), what, reason);
    }

    /// Whether every check passed.
    pub fn all_passed(&self) -> bool {
        self.failed == 0
    }

    /// Prints the sum.
    pub fn sum(&self) {
        let count = self.passed + self.failed;
        let verdict = format!("{} of {count} checks passed", self.passed);
        let colour = if self.all_passed() { 32 } else { 31 };
        let seconds = self.started.elapsed().as_secs_f64();
        say(format_args!(
            "\n{} in {seconds:.1} s",
            coloured(colour, &verdict)
        ));
    }
}

fn print_check(mark: &str, what: &str, measured: &str) {
    let mut lines = measured.lines();
    say(format_args!(
        " {mark} {what:<WHAT_WIDTH$} {}",
        lines.next().unwrap_or_default()
    ));
    for line in lines {
        say(format_args!("      {line}"));
    }
}

/// Prints text under a heading, indented, at most `most` lines of it.
pub fn excerpt(heading: &str, text: &str, most: usize) {
    say(format_args!("\n{}", bold(heading)));
    let lines: Vec<&str> = text.trim_end().lines().collect();
    for line in lines.iter().take(most) {
        say(format_args!("  {line}"));
    }
    if lines.len() > most {
        say(format_args!("  … and {} lines more", lines.len() - most));
    }
}
