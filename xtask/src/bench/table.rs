//! What was found as tables.

use super::report::{Comparison, Curve, Figures, Line, Series, Unit};
use super::surroundings::Surroundings;
use crate::run::report::{bold, say};

/// Prints a line for each series, with its ratio to the reference.
pub fn print(comparison: &Comparison) {
    let Comparison {
        id, title, unit, ..
    } = comparison;
    say("");
    say(bold(&format!("{title} ({})", unit.label())));
    say(format_args!(
        "{id:<34} {:>9} {:>19} {:>9} {:>15}",
        "median", "lowest–highest", "ratio", "lowest–highest"
    ));
    for series in &comparison.series {
        say(line(series, *unit));
    }
    unquiet(&comparison.around);
}

fn line(series: &Series, unit: Unit) -> String {
    let Series {
        name,
        figures,
        ratios,
    } = series;
    let median = value(figures.median, unit);
    let figures = format!("{name:<34} {median:>9} {:>19}", range(figures, unit));
    let Some(ratios) = ratios else { return figures };
    let [low, high] = ratios.spread;
    let range = format!("{low:.2}–{high:.2}");
    format!("{figures} {:>8.2}× {range:>15}", ratios.median)
}

/// Prints a line for each size, with a column for each subject.
pub fn curve(curve: &Curve) {
    say("");
    say(bold(&format!("{} ({})", curve.title, curve.unit.label())));
    let names = curve.lines.iter().map(|line| cell(&line.name));
    say(format_args!(
        "{:>12}{}",
        curve.size,
        names.collect::<String>()
    ));
    for size in sizes(&curve.lines) {
        let at = |line: &Line| {
            let point = line.points.iter().find(|point| point.size == size);
            cell(&point.map_or_else(String::new, |point| value(point.figures.median, curve.unit)))
        };
        let cells: String = curve.lines.iter().map(at).collect();
        say(format_args!("{size:>12}{cells}"));
    }
    unquiet(&curve.around);
}

fn cell(text: &str) -> String {
    format!("  {text:>24}")
}

/// All sizes that any line has, in their order.
pub fn sizes(lines: &[Line]) -> Vec<u64> {
    let points = lines.iter().flat_map(|line| &line.points);
    let mut sizes: Vec<u64> = points.map(|point| point.size).collect();
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}

fn unquiet(around: &Surroundings) {
    if !around.is_quiet() {
        say(format_args!(
            "the machine was not quiet: others took {:.0} % of its CPU time, the hypervisor {:.0} %",
            around.others * 100.0,
            around.stolen * 100.0
        ));
    }
}

/// A value with as many digits as tell something.
pub fn value(value: f64, unit: Unit) -> String {
    let digits = match unit {
        Unit::Seconds => 3,
        Unit::Microseconds | Unit::Nanoseconds if value < 100.0 => 2,
        _ => 0,
    };
    format!("{value:.digits$}")
}

fn range(figures: &Figures, unit: Unit) -> String {
    let [low, high] = figures.spread;
    format!("{}–{}", value(low, unit), value(high, unit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::report::Point;

    #[test]
    fn sizes_of_all_lines_stand_once_and_in_order() {
        let line = |sizes: &[u64]| Line {
            name: String::new(),
            points: sizes
                .iter()
                .map(|size| Point::new(*size, vec![1.0]))
                .collect(),
        };
        assert_eq!(
            sizes(&[line(&[10, 1000]), line(&[10, 100])]),
            [10, 100, 1000]
        );
    }

    #[test]
    fn small_times_have_digits_and_rates_have_none() {
        assert_eq!(value(12.345, Unit::Microseconds), "12.35");
        assert_eq!(value(1_234.5, Unit::Microseconds), "1234");
        assert_eq!(value(1_234_567.8, Unit::FramesPerSecond), "1234568");
    }
}
