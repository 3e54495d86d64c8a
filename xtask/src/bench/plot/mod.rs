//! Plots of a run, as SVG for light and for dark pages: nothing is filled behind them, and every colour
//! stands out from white and from black.

mod axis;
mod bars;
mod curve;
mod rows;

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::report::Report;

/// Text, axes.
const INK: RGBColor = RGBColor(0x75, 0x7d, 0x87);
/// Pixels of text.
const TEXT: u32 = 14;
/// About the width of a character of it.
const LETTER: u32 = 7;

/// Where a plot is drawn on.
type Area<'svg> = DrawingArea<SVGBackend<'svg>, Shift>;

/// Writes the plots of a report into a folder; returns the names of the files.
pub fn write(report: &Report, folder: &Path) -> Result<Vec<String>> {
    let mut plots = Vec::new();
    for case in cases(report) {
        let rows = rows::of(report, &case);
        plots.push((format!("{case}.svg"), bars::svg(&case, &rows)?));
    }
    for one in &report.curves {
        let name = format!("{}.svg", one.id.replace('/', "-"));
        plots.push((name, curve::svg(one)?));
    }
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    for (name, svg) in &plots {
        let file = folder.join(name);
        fs::write(&file, svg).with_context(|| format!("{} cannot be written", file.display()))?;
    }
    Ok(plots.into_iter().map(|(name, _)| name).collect())
}

/// The cases that something was compared in, in their order.
pub fn cases(report: &Report) -> Vec<String> {
    let ids = report.comparisons.iter().map(|comparison| &comparison.id);
    let mut cases: Vec<String> = ids
        .filter_map(|id| id.split('/').next().map(str::to_owned))
        .collect();
    cases.dedup();
    cases
}

/// Draws on an area of this size; returns the SVG.
fn drawn(size: (u32, u32), draw: impl FnOnce(&Area<'_>) -> Result<()>) -> Result<String> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        draw(&area)?;
        done(area.present())?;
    }
    Ok(svg)
}

/// An error of the plotter, as all errors are here.
fn done<T, E: std::fmt::Display>(result: Result<T, E>) -> Result<T> {
    result.map_err(|error| anyhow!("a plot cannot be drawn: {error}"))
}

/// Text of this size, held at a side of it.
fn letters(size: u32, at: HPos) -> TextStyle<'static> {
    let font = ("sans-serif", size).into_font();
    font.color(&INK).pos(Pos::new(at, VPos::Center))
}

/// What stands above a plot.
fn title(area: &Area<'_>, text: &str) -> Result<()> {
    let font = ("sans-serif", TEXT + 3).into_font().style(FontStyle::Bold);
    let style = font.color(&INK).pos(Pos::new(HPos::Left, VPos::Center));
    done(area.draw(&Text::new(text.to_owned(), (8, 16), style)))
}

/// Squares of colour with names, in lines from a height on.
fn legend(area: &Area<'_>, height: i32, entries: &[(String, RGBColor)]) -> Result<()> {
    let widths = entries.iter().map(|(name, _)| name.chars().count() as u32);
    let widths: Vec<u32> = widths.map(|count| count * LETTER + 38).collect();
    let places = axis::places(&widths, area.dim_in_pixel().0 - 8);
    for ((name, colour), (x, line)) in entries.iter().zip(places) {
        let (x, y) = (8 + x as i32, height + line as i32 * 20);
        let square = Rectangle::new([(x, y - 5), (x + 11, y + 6)], colour.filled());
        done(area.draw(&square))?;
        let text = Text::new(name.clone(), (x + 17, y), letters(TEXT, HPos::Left));
        done(area.draw(&text))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::document::tests::sample;

    #[test]
    fn a_report_has_a_plot_for_each_case_and_curve() {
        let folder = std::env::temp_dir().join(format!("nfr-plots-{}", std::process::id()));
        let names = write(&sample(1.5).report, &folder).expect("plots");
        let svg = fs::read_to_string(folder.join("local.svg")).expect("a plot");
        fs::remove_dir_all(&folder).expect("the folder is there");
        assert_eq!(names, ["local.svg", "growth-fdb.svg"]);
        assert!(svg.contains("</svg>") && svg.contains("1.50"));
    }
}
