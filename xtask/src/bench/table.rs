//! The result of a case as a table.

use super::report::{Comparison, Series};
use super::statistics::{median, ratios, span};
use crate::run::report::{bold, say};

/// Prints a line for each series, with its ratio to the reference.
pub fn print(comparison: &Comparison) {
    let Comparison {
        title,
        unit,
        reference,
        series,
        ..
    } = comparison;
    say("");
    say(bold(&format!("{title} ({})", unit.label())));
    say(format_args!(
        "{:<34} {:>9} {:>19} {:>9} {:>15}",
        "", "median", "lowest–highest", "ratio", "lowest–highest"
    ));
    let to = series.iter().find(|series| series.name == *reference);
    for series in series {
        say(line(series, to));
    }
}

fn line(series: &Series, reference: Option<&Series>) -> String {
    let (low, high) = span(&series.values);
    let name = &series.name;
    let figures = format!(
        "{name:<34} {:>9.0} {:>19}",
        median(&series.values),
        format!("{low:.0}–{high:.0}")
    );
    let Some(reference) = reference.filter(|reference| reference.name != *name) else {
        return figures;
    };
    let ratios = ratios(&series.values, &reference.values);
    let (low, high) = span(&ratios);
    let range = format!("{low:.2}–{high:.2}");
    format!("{figures} {:>8.2}× {range:>15}", median(&ratios))
}
