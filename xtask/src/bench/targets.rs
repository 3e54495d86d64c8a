//! What netfwd is to reach, and whether it does. A target that is missed is told, and is no failure:
//! a ratio is of this machine and of this hour.

use super::report::{Comparison, Line, Report};
use super::statistics::{median, ratios};
use crate::run::report::{bold, coloured, say};

/// A ratio to reach.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// A comparison's or a curve's id.
    pub id: &'static str,
    /// Who is to reach it.
    pub subject: &'static str,
    /// Of whose value.
    pub against: Against,
    /// The ratio.
    pub bound: Bound,
}

/// What a value is held against.
#[derive(Debug, Clone, Copy)]
pub enum Against {
    /// The comparison's reference, the kernel at its faster setting.
    Kernel,
    /// Another subject.
    Subject(&'static str),
    /// Of each line whose name begins with the subject's: itself at the smallest size, of those from this on.
    Smallest(u64),
}

/// On which side of a ratio it is good.
#[derive(Debug, Clone, Copy)]
pub enum Bound {
    /// For rates.
    AtLeast(f64),
    /// For times.
    AtMost(f64),
}

/// All of them. Those of bulk TCP hold where the path is measured: by the CPU time of both ends on one core, which
/// neither waking another CPU nor a hypervisor that takes this one has a part in.
pub const TARGETS: &[Target] = &[
    rate("local/packets-64", 1.40),
    ceiling("local/packets-64", "one veth pair", 0.82),
    rate("local/tcp-1-one-core-cpu", 1.03),
    time("local/latency-one-core-p50", 0.92),
    time("local/latency-busy-poll-p50", 0.92),
    rate("vxlan/packets-64", 2.15),
    ceiling("vxlan/packets-64", "redirects alone, no VXLAN", 0.80),
    rate("vxlan/tcp-1-one-core-cpu", 1.15),
    time("vxlan/latency-one-core-p50", 0.80),
    time("vxlan/latency-busy-poll-p50", 0.80),
    xdp("vxlan/live-stack", 3.3),
    rate("nat/packets-64-out", 1.60),
    rate("nat/packets-64-in", 1.60),
    rate("nat/tcp-1-one-core-cpu", 1.0),
    time("nat/latency-one-core-p50", 0.87),
    time("nat/latency-busy-poll-p50", 0.87),
    rate("nat/connections", 1.35),
    rate("nat/connections-offered", 1.35),
    xdp("nat/live-stack", 2.0),
    growth("growth/fdb", 10, Bound::AtLeast(0.85)),
    growth("growth/sessions", 1, Bound::AtLeast(0.85)),
    // Linear in its receivers: a copy costs about as much where there are many. Of a few, each bears its part of
    // what the frame itself costs.
    growth("growth/flood-copy", 10, Bound::AtMost(1.0 / 0.85)),
];

const fn rate(id: &'static str, ratio: f64) -> Target {
    to_the_kernel(id, "netfwd", Bound::AtLeast(ratio))
}

const fn time(id: &'static str, ratio: f64) -> Target {
    to_the_kernel(id, "netfwd", Bound::AtMost(ratio))
}

const fn xdp(id: &'static str, ratio: f64) -> Target {
    to_the_kernel(id, "netfwd, XDP on the uplink", Bound::AtLeast(ratio))
}

const fn to_the_kernel(id: &'static str, subject: &'static str, bound: Bound) -> Target {
    Target {
        id,
        subject,
        against: Against::Kernel,
        bound,
    }
}

const fn ceiling(id: &'static str, of: &'static str, ratio: f64) -> Target {
    Target {
        id,
        subject: "netfwd",
        against: Against::Subject(of),
        bound: Bound::AtLeast(ratio),
    }
}

const fn growth(id: &'static str, from: u64, bound: Bound) -> Target {
    Target {
        id,
        subject: "netfwd",
        against: Against::Smallest(from),
        bound,
    }
}

/// A target, and what was reached of it.
#[derive(Debug, Clone)]
pub struct Reached {
    /// The target.
    pub target: Target,
    /// Who reached it.
    pub subject: String,
    /// Against whom, in words.
    pub against: String,
    /// The ratio.
    pub ratio: f64,
}

/// Those targets of which something was measured.
pub fn reached(report: &Report) -> Vec<Reached> {
    let all = TARGETS.iter();
    all.flat_map(|target| target.reached(report)).collect()
}

/// Prints a line for each.
pub fn print(report: &Report) {
    let all = reached(report);
    if all.is_empty() {
        return;
    }
    say("");
    say(bold("targets"));
    for one in all {
        let colour = if one.is_met() { 32 } else { 31 };
        let (mark, id) = (coloured(colour, one.mark()), one.target.id);
        let (ratio, wanted) = (one.ratio, one.wanted());
        let (subject, against) = (&one.subject, &one.against);
        say(format_args!(
            " {mark} {id:<30} {ratio:>6.2}× {wanted:>7}  {subject} to {against}"
        ));
    }
}

impl Target {
    fn reached(&self, report: &Report) -> Vec<Reached> {
        match self.against {
            Against::Smallest(from) => {
                let mut all = report.curves.iter();
                let curve = all.find(|curve| curve.id == self.id);
                let lines = curve.into_iter().flat_map(|curve| {
                    let own = |line: &&Line| line.name.starts_with(self.subject);
                    let lines = curve.lines.iter().filter(own);
                    lines.filter_map(|line| self.of_line(line, from, &curve.size))
                });
                lines.collect()
            }
            Against::Kernel | Against::Subject(_) => {
                let mut all = report.comparisons.iter();
                let comparison = all.find(|comparison| comparison.id == self.id);
                let found = comparison.and_then(|comparison| self.of_comparison(comparison));
                found.into_iter().collect()
            }
        }
    }

    fn of_comparison(&self, comparison: &Comparison) -> Option<Reached> {
        let against = match self.against {
            Against::Subject(name) => name,
            Against::Kernel | Against::Smallest(_) => &comparison.reference,
        };
        let values = |name: &str| {
            let one = comparison.series.iter().find(|one| one.name == name)?;
            Some(&one.figures.values)
        };
        Some(Reached {
            target: *self,
            subject: self.subject.to_owned(),
            against: against.to_owned(),
            ratio: median(&ratios(values(self.subject)?, values(against)?)),
        })
    }

    fn of_line(&self, line: &Line, from: u64, size: &str) -> Option<Reached> {
        let first = line.points.iter().find(|point| point.size >= from)?;
        let last = line.points.last()?;
        (last.size > first.size).then(|| Reached {
            target: *self,
            subject: line.name.clone(),
            against: format!("itself at {}, now at {} {size}", first.size, last.size),
            ratio: last.figures.median / first.figures.median,
        })
    }
}

impl Reached {
    /// Whether it is as good as it is to be.
    pub fn is_met(&self) -> bool {
        match self.target.bound {
            Bound::AtLeast(ratio) => self.ratio >= ratio,
            Bound::AtMost(ratio) => self.ratio <= ratio,
        }
    }

    /// The ratio to reach, with its side.
    pub fn wanted(&self) -> String {
        match self.target.bound {
            Bound::AtLeast(ratio) => format!("≥ {ratio:.2}"),
            Bound::AtMost(ratio) => format!("≤ {ratio:.2}"),
        }
    }

    /// ✓ or ✗.
    pub fn mark(&self) -> &'static str {
        if self.is_met() { "✓" } else { "✗" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::document::tests::sample;

    fn of(ratio: f64, id: &str) -> Reached {
        let all = reached(&sample(ratio).report);
        let found = all.into_iter().find(|one| one.target.id == id);
        found.expect("it was measured")
    }

    #[test]
    fn what_reaches_its_ratio_is_met() {
        assert!(of(1.5, "local/packets-64").is_met());
        assert!(!of(1.3, "local/packets-64").is_met());
    }

    #[test]
    fn growth_is_held_against_its_beginning() {
        let reached = of(1.0, "growth/fdb");
        assert!(reached.is_met() && (reached.ratio - 0.9).abs() < 1e-9);
    }

    #[test]
    fn times_are_to_be_low() {
        let reached = |ratio| Reached {
            target: time("x", 0.9),
            subject: String::new(),
            against: String::new(),
            ratio,
        };
        assert!(reached(0.8).is_met() && !reached(1.0).is_met());
        assert_eq!(reached(0.8).wanted(), "≤ 0.90");
    }

    #[test]
    fn what_was_not_measured_is_not_told() {
        assert!(reached(&Report::default()).is_empty());
    }
}
