//! What is measured at the moment, and how long the rest will take.

use std::cell::Cell;
use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

/// The steps of a run, in their order.
pub struct Progress {
    plan: Vec<&'static str>,
    begun: Cell<usize>,
    started: Instant,
    terminal: bool,
}

impl Progress {
    /// Nothing is done yet.
    pub fn new(plan: Vec<&'static str>) -> Self {
        Self {
            plan,
            begun: Cell::new(0),
            started: Instant::now(),
            terminal: io::stderr().is_terminal(),
        }
    }

    /// Begins a step. Its id has to be in the plan of its case, or nobody could tell what is left.
    pub fn begin<'run>(&'run self, id: &'run str) -> Result<Step<'run>> {
        let planned = self.plan.contains(&id);
        ensure!(planned, "{id} is in no case's plan: add it to `PLAN` there");
        self.begun.set(self.begun.get() + 1);
        let step = Step {
            progress: self,
            id,
            number: self.begun.get(),
        };
        if !self.terminal {
            let _ = writeln!(io::stderr(), "{}", step.line(0.0, &""));
        }
        Ok(step)
    }

    /// How long the rest takes if it goes on as it went.
    fn left(&self, done: f64) -> Option<Duration> {
        let rest = self.plan.len() as f64 - done;
        (done > 0.0).then(|| self.started.elapsed().mul_f64(rest.max(0.0) / done))
    }
}

/// A step that is under way.
pub struct Step<'run> {
    progress: &'run Progress,
    id: &'run str,
    number: usize,
}

impl Step<'_> {
    /// Tells what is done now, and how much of the step is done already, from 0 to 1.
    pub fn note(&self, share: f64, what: impl Display) {
        if self.progress.terminal {
            let _ = write!(io::stderr(), "\r\x1b[2K{}", self.line(share, &what));
        }
    }

    fn line(&self, share: f64, what: &dyn Display) -> String {
        let (number, count) = (self.number, self.progress.plan.len());
        let left = self.progress.left((number - 1) as f64 + share);
        let left = left.map(remaining).unwrap_or_default();
        format!("[{number}/{count}] {}: {what}{left}", self.id)
    }
}

impl Drop for Step<'_> {
    fn drop(&mut self) {
        if self.progress.terminal {
            let _ = write!(io::stderr(), "\r\x1b[2K");
        }
    }
}

fn remaining(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..100 => format!(" (about {seconds} s left)"),
        seconds => format!(" (about {} min left)", (seconds + 30) / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_count_up_to_the_plan() {
        let progress = Progress::new(vec!["a/x", "a/y"]);
        drop(progress.begin("a/x").expect("planned"));
        let step = progress.begin("a/y").expect("planned");
        assert!(step.line(0.5, &"round 2").starts_with("[2/2] a/y: round 2"));
    }

    #[test]
    fn what_is_not_planned_is_an_error() {
        assert!(Progress::new(vec!["a/x"]).begin("a/z").is_err());
    }

    #[test]
    fn long_times_are_told_in_minutes() {
        assert_eq!(remaining(Duration::from_secs(99)), " (about 99 s left)");
        assert_eq!(remaining(Duration::from_secs(200)), " (about 3 min left)");
    }
}
