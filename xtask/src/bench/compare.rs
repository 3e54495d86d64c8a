//! Two runs beside each other: what changed.

use super::document::Document;
use super::report::{Comparison, Curve, Figures, ProgramTime, Unit};
use super::table::value;
use crate::run::report::{bold, coloured, say};

/// A value then and now.
#[derive(Debug, Clone, PartialEq)]
struct Change {
    /// What was measured.
    what: String,
    /// Of whom.
    subject: String,
    unit: Unit,
    then: f64,
    now: f64,
    /// The ratio to the reference then and now.
    ratios: Option<[f64; 2]>,
    /// Whether the difference is beyond the spread of the rounds, where there were rounds.
    beyond: Option<bool>,
}

/// Prints what changed from one run to the next.
pub fn print(then: &Document, now: &Document) {
    say("");
    say(bold(&format!("from {} to {}", then.date, now.date)));
    if then.machine != now.machine {
        say(format_args!(
            "the machines differ: then {}; now {}",
            then.machine.words(),
            now.machine.words()
        ));
    }
    say(format_args!(
        "{:<36} {:<34} {:>9} {:>9} {:>8}  {:>13}",
        "", "", "then", "now", "change", "ratio"
    ));
    let changes = changes(then, now);
    if changes.is_empty() {
        say("the two have nothing in common");
    }
    for change in &changes {
        say(line(change));
    }
}

/// All that both runs measured, in the order of the second.
fn changes(then: &Document, now: &Document) -> Vec<Change> {
    let mut found = Vec::new();
    for comparison in &now.report.comparisons {
        let mut old = then.report.comparisons.iter();
        if let Some(old) = old.find(|old| old.id == comparison.id) {
            found.extend(of_comparison(old, comparison));
        }
    }
    for curve in &now.report.curves {
        let mut old = then.report.curves.iter();
        if let Some(old) = old.find(|old| old.id == curve.id) {
            found.extend(of_curve(old, curve));
        }
    }
    found.extend(of_programs(&then.report.programs, &now.report.programs));
    found
}

fn of_comparison(then: &Comparison, now: &Comparison) -> Vec<Change> {
    let changed = now.series.iter().filter_map(|new| {
        let old = then.series.iter().find(|old| old.name == new.name)?;
        // The machine of another hour is in the values; in ratios it is not.
        let rounds = old.ratios.as_ref().zip(new.ratios.as_ref());
        let (before, after) = rounds.unwrap_or((&old.figures, &new.figures));
        Some(Change {
            what: now.id.clone(),
            subject: new.name.clone(),
            unit: now.unit,
            then: old.figures.median,
            now: new.figures.median,
            ratios: rounds.map(|(before, after)| [before.median, after.median]),
            beyond: Some(beyond(before, after)),
        })
    });
    changed.collect()
}

fn of_curve(then: &Curve, now: &Curve) -> Vec<Change> {
    let mut found = Vec::new();
    for line in &now.lines {
        let old = then.lines.iter().find(|old| old.name == line.name);
        let before = old.map(|old| old.points.as_slice()).unwrap_or_default();
        for new in &line.points {
            let Some(old) = before.iter().find(|old| old.size == new.size) else {
                continue;
            };
            found.push(Change {
                what: format!("{} at {}", now.id, new.size),
                subject: line.name.clone(),
                unit: now.unit,
                then: old.figures.median,
                now: new.figures.median,
                ratios: None,
                beyond: Some(beyond(&old.figures, &new.figures)),
            });
        }
    }
    found
}

fn of_programs(then: &[ProgramTime], now: &[ProgramTime]) -> Vec<Change> {
    let key = |one: &ProgramTime| {
        let ProgramTime {
            load,
            subject,
            host,
            program,
            ..
        } = one;
        (load.clone(), subject.clone(), *host, program.clone())
    };
    let changed = now.iter().filter_map(|new| {
        let old = then.iter().find(|old| key(old) == key(new))?;
        Some(Change {
            what: format!("{}, {} of host {}", new.load, new.program, new.host),
            subject: new.subject.clone(),
            unit: Unit::Nanoseconds,
            then: old.nanoseconds,
            now: new.nanoseconds,
            ratios: None,
            beyond: None,
        })
    });
    changed.collect()
}

/// Whether neither median lies in the spread of the other's rounds.
fn beyond(then: &Figures, now: &Figures) -> bool {
    let outside = |median: f64, [low, high]: [f64; 2]| median < low || median > high;
    outside(now.median, then.spread) && outside(then.median, now.spread)
}

fn line(change: &Change) -> String {
    let Change {
        what,
        subject,
        unit,
        then,
        now,
        ratios,
        ..
    } = change;
    let percent = (now / then - 1.0) * 100.0;
    let ratios = ratios.map_or_else(String::new, |[old, new]| format!("{old:.2} → {new:.2}"));
    format!(
        "{what:<36} {subject:<34} {:>9} {:>9} {percent:>+7.1}%  {ratios:>13}  {}",
        value(*then, *unit),
        value(*now, *unit),
        verdict(change)
    )
}

fn verdict(change: &Change) -> String {
    let gain = match change.ratios {
        Some([old, new]) => new - old,
        None => change.now - change.then,
    };
    match change.beyond {
        None => String::new(),
        Some(false) => "within the spread".to_owned(),
        Some(true) if (gain > 0.0) == change.unit.is_cost() => coloured(31, "worse"),
        Some(true) => coloured(32, "better"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::document::tests::sample;

    fn words(then: f64, now: f64) -> Vec<String> {
        let changes = changes(&sample(then), &sample(now));
        changes.iter().map(verdict).collect()
    }

    #[test]
    fn a_gain_is_told_for_ratios_and_curves() {
        // netfwd, the kernel, the two points of the curve, the program.
        let better = ["better", "within the spread", "better", "better", ""];
        assert_eq!(words(1.2, 1.5), better);
        assert_eq!(words(1.5, 1.2)[0], "worse");
    }

    #[test]
    fn what_is_alike_is_within_the_spread() {
        assert_eq!(words(1.5, 1.5)[2], "within the spread");
    }

    #[test]
    fn a_longer_time_is_worse() {
        let change = Change {
            what: String::new(),
            subject: String::new(),
            unit: Unit::Microseconds,
            then: 10.0,
            now: 12.0,
            ratios: Some([0.8, 0.9]),
            beyond: Some(true),
        };
        assert_eq!(verdict(&change), "worse");
        assert!(line(&change).contains("+20.0%"));
    }

    #[test]
    fn what_only_one_run_has_is_left_out() {
        let mut other = sample(1.0);
        other.report.comparisons[0].id = "local/other".to_owned();
        let found = changes(&sample(1.0), &other);
        assert!(
            found
                .iter()
                .all(|change| !change.what.starts_with("local/other"))
        );
    }
}
