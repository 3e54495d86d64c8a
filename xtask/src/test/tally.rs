//! Counting what passed, failed and was skipped.

use std::{
    fmt,
    iter::Sum,
    ops::{Add, AddAssign},
};

/// How many checks ended which way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Checks that held.
    pub passed: u64,
    /// Checks that did not.
    pub failed: u64,
    /// Checks that this machine cannot make.
    pub skipped: u64,
}

impl Tally {
    /// One check that held.
    pub const PASSED: Self = Self {
        passed: 1,
        failed: 0,
        skipped: 0,
    };
    /// One check that did not hold.
    pub const FAILED: Self = Self {
        passed: 0,
        failed: 1,
        skipped: 0,
    };
    /// One check that could not be made.
    pub const SKIPPED: Self = Self {
        passed: 0,
        failed: 0,
        skipped: 1,
    };

    /// Whether something was checked and nothing failed.
    pub fn is_success(self) -> bool {
        self.failed == 0 && self.passed > 0
    }

    /// The counts of one of libtest's `test result:` lines, or nothing for any other line.
    pub fn of_libtest_line(line: &str) -> Option<Self> {
        let rest = line.trim_start().strip_prefix("test result: ")?;
        let counts = rest.split_once(". ")?.1;
        let mut tally = Self::default();
        for part in counts.split(';') {
            let mut words = part.split_whitespace();
            let (Some(count), Some(word)) = (words.next(), words.next()) else {
                continue;
            };
            match word {
                "passed" => tally.passed = count.parse().ok()?,
                "failed" => tally.failed = count.parse().ok()?,
                "ignored" => tally.skipped = count.parse().ok()?,
                _ => {}
            }
        }
        Some(tally)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        )
    }
}

impl Add for Tally {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            skipped: self.skipped + other.skipped,
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_line_is_counted() {
        let line = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; \
                    4 filtered out; finished in 0.02s";
        assert_eq!(
            Tally::of_libtest_line(line),
            Some(Tally {
                passed: 12,
                failed: 3,
                skipped: 1
            })
        );
    }

    #[test]
    fn other_lines_are_not() {
        for line in [
            "test maps::layout ... ok",
            "running 3 tests",
            "",
            "test result: odd",
        ] {
            assert_eq!(Tally::of_libtest_line(line), None, "{line}");
        }
    }

    #[test]
    fn the_sum_is_one_closing_line() {
        let sum: Tally = [Tally::PASSED, Tally::PASSED, Tally::FAILED, Tally::SKIPPED]
            .into_iter()
            .sum();
        assert_eq!(sum.to_string(), "2 passed, 1 failed, 1 skipped");
    }

    #[test]
    fn nothing_checked_is_no_success() {
        assert!(!Tally::default().is_success());
        assert!(!Tally::SKIPPED.is_success());
        assert!(Tally::PASSED.is_success());
        assert!(!(Tally::PASSED + Tally::FAILED).is_success());
    }
}
