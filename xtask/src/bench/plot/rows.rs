//! What a plot of ratios shows: a row for each load, a bar for each subject.

use plotters::style::RGBColor;

use crate::bench::report::{Comparison, Figures, Report, Series};

/// What a subject is, which its colour tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// netfwd.
    Netfwd,
    /// netfwd with XDP on uplinks.
    Xdp,
    /// The kernel with another setting than the reference.
    Kernel,
    /// What none can be faster than.
    Ceiling,
}

/// A subject's ratio to the kernel, of which more is better.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    /// Whose.
    pub role: Role,
    /// The median.
    pub ratio: f64,
    /// The lowest and the highest.
    pub spread: [f64; 2],
}

/// A load.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its name.
    pub label: String,
    /// The subjects.
    pub bars: Vec<Bar>,
}

impl Role {
    fn of(name: &str) -> Self {
        if name.starts_with("netfwd, XDP") {
            Self::Xdp
        } else if name.starts_with("netfwd") {
            Self::Netfwd
        } else if name.starts_with("kernel") {
            Self::Kernel
        } else {
            Self::Ceiling
        }
    }

    /// What the legend calls it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Netfwd => "netfwd",
            Self::Xdp => "netfwd, XDP on uplinks",
            Self::Kernel => "kernel with bridge-nf-call-* on, its default",
            Self::Ceiling => "ceiling: bare wires",
        }
    }

    /// Its colour.
    pub const fn colour(self) -> RGBColor {
        match self {
            Self::Netfwd => RGBColor(0x2f, 0x81, 0xf7),
            Self::Xdp => RGBColor(0x9a, 0x6e, 0xe8),
            Self::Kernel => RGBColor(0xd4, 0x76, 0x2c),
            Self::Ceiling => RGBColor(0x4a, 0x9d, 0x5b),
        }
    }
}

/// The rows of a case.
pub fn of(report: &Report, case: &str) -> Vec<Row> {
    let all = report.comparisons.iter();
    let own = all.filter(|comparison| comparison.id.split('/').next() == Some(case));
    let mut rows: Vec<Row> = own.flat_map(rows).collect();
    rows.sort_by_key(|row| rank(&row.label));
    rows
}

/// Frames come first: what is below is measured with more of the machine in it.
fn rank(label: &str) -> usize {
    const KINDS: [&str; 7] = [
        "packets",
        "live",
        "connections",
        "requests",
        "tcp",
        "udp",
        "latency",
    ];
    let kind = KINDS.iter().position(|kind| label.starts_with(kind));
    kind.unwrap_or(KINDS.len())
}

/// netfwd with something configured has a row of its own; who has no ratio is the reference.
fn rows(comparison: &Comparison) -> Vec<Row> {
    let load = comparison.id.split_once('/').map_or("", |(_, load)| load);
    let load = load.replace('-', " ");
    let cost = comparison.unit.is_cost();
    let mut main = Row {
        label: load.clone(),
        bars: Vec::new(),
    };
    let mut others = Vec::new();
    for series in &comparison.series {
        let Some(ratios) = &series.ratios else {
            continue;
        };
        let bar = bar(series, ratios, cost);
        match variant(&series.name) {
            Some(variant) => others.push(Row {
                label: format!("{load}, {variant}"),
                bars: vec![bar],
            }),
            None => main.bars.push(bar),
        }
    }
    main.bars.sort_by_key(|bar| bar.role);
    others.insert(0, main);
    others
}

/// What netfwd is configured with, but for where it is attached.
fn variant(name: &str) -> Option<&str> {
    let with = name.strip_prefix("netfwd, ")?;
    (with != "TC" && !with.starts_with("XDP")).then_some(with)
}

/// Times are turned over, so that more is better in every row.
fn bar(series: &Series, ratios: &Figures, cost: bool) -> Bar {
    let [low, high] = ratios.spread;
    let (ratio, spread) = if cost {
        (1.0 / ratios.median, [1.0 / high, 1.0 / low])
    } else {
        (ratios.median, [low, high])
    };
    Bar {
        role: Role::of(&series.name),
        ratio,
        spread,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::document::tests::sample;
    use crate::bench::report::Unit;

    #[test]
    fn the_reference_has_no_bar() {
        let rows = of(&sample(1.5).report, "local");
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].label, "packets 64");
        assert_eq!(rows[0].bars.len(), 1);
        assert!((rows[0].bars[0].ratio - 1.5).abs() < 1e-9);
    }

    #[test]
    fn frames_stand_above_round_trips() {
        assert!(rank("packets 64, anti-spoofing") < rank("latency one core p50"));
        assert!(rank("latency one core p50") < rank("something new"));
    }

    #[test]
    fn half_the_time_is_twice_as_good() {
        let mut report = sample(0.5).report;
        report.comparisons[0].unit = Unit::Microseconds;
        let bar = &of(&report, "local")[0].bars[0];
        assert!((bar.ratio - 2.0).abs() < 1e-9 && bar.spread[0] <= bar.spread[1]);
    }

    #[test]
    fn a_configured_feature_has_a_row_of_its_own() {
        let mut report = sample(1.5).report;
        report.comparisons[0].series[0].name = "netfwd, anti-spoofing".to_owned();
        let rows = of(&report, "local");
        assert_eq!(rows[1].label, "packets 64, anti-spoofing");
        assert_eq!(variant("netfwd, TC"), None);
        assert_eq!(variant("netfwd, XDP on the uplink"), None);
    }
}
