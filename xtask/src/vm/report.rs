//! What a guest reported: lines `ok NAME`, `not ok NAME: DETAIL`, `skipped NAME: REASON`, and a
//! last one that shows it came to the end.

use crate::test::tally::Tally;

const END: &str = "end of checks";

/// A guest's checks.
#[derive(Debug, PartialEq, Eq)]
pub struct Report {
    lines: Vec<(Tally, String)>,
    /// The console's last lines, where the guest did not come to the end or a check failed.
    context: Vec<String>,
}

/// Reads a guest's console.
pub fn read(console: &str) -> Report {
    let mut lines: Vec<_> = console
        .lines()
        .filter_map(|line| Some((verdict(line)?, line.to_owned())))
        .collect();
    if !console.lines().any(|line| line == END) {
        lines.push((
            Tally::FAILED,
            "not ok the guest came to the end of its checks".to_owned(),
        ));
    }
    let failed = lines.iter().any(|(tally, _)| tally.failed > 0);
    let context = if failed {
        tail(console, 40)
    } else {
        Vec::new()
    };
    Report { lines, context }
}

impl Report {
    /// The checks, counted.
    pub fn tally(&self) -> Tally {
        self.lines.iter().map(|(tally, _)| *tally).sum()
    }

    /// Prints the checks, and the console's end where one failed.
    pub fn print(&self, series: &str) {
        for (_, line) in &self.lines {
            println!("{series}: {line}");
        }
        for line in &self.context {
            println!("{series} console: {line}");
        }
    }
}

fn verdict(line: &str) -> Option<Tally> {
    [
        ("ok ", Tally::PASSED),
        ("not ok ", Tally::FAILED),
        ("skipped ", Tally::SKIPPED),
    ]
    .into_iter()
    .find_map(|(prefix, tally)| line.starts_with(prefix).then_some(tally))
}

fn tail(text: &str, count: usize) -> Vec<String> {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..]
        .iter()
        .map(|&line| line.to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_counted_among_noise() {
        let report =
            read("SeaBIOS\nok boots\nnot ok pings: 1 lost\nskipped tcx: 6.1\nend of checks\n");
        assert_eq!(
            report.tally(),
            Tally {
                passed: 1,
                failed: 1,
                skipped: 1
            }
        );
    }

    #[test]
    fn a_guest_that_stops_early_has_failed() {
        let report = read("ok boots\nKernel panic\n");
        assert_eq!(
            report.tally(),
            Tally {
                passed: 1,
                failed: 1,
                skipped: 0
            }
        );
        assert_eq!(report.context.last().unwrap(), "Kernel panic");
    }
}
