//! Growth as lines, over a logarithmic axis of sizes.

use std::ops::Range;

use anyhow::Result;
use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::prelude::*;

use super::axis::{Scale, scale, short};
use super::{Area, INK, TEXT, done, legend, title};
use crate::bench::report::{Curve, Line, Point};

const SIZE: (u32, u32) = (900, 420);
/// Colours of netfwd's lines, and of those that it is compared with.
const OURS: [RGBColor; 4] = [
    RGBColor(0x2f, 0x81, 0xf7),
    RGBColor(0x2a, 0xa0, 0xa0),
    RGBColor(0x9a, 0x6e, 0xe8),
    RGBColor(0x4a, 0x9d, 0x5b),
];
const THEIRS: [RGBColor; 3] = [
    RGBColor(0xd4, 0x76, 0x2c),
    RGBColor(0xc2, 0x95, 0x1b),
    RGBColor(0xd0, 0x5a, 0x6e),
];

/// The plot of a curve.
pub fn svg(curve: &Curve) -> Result<String> {
    super::drawn(SIZE, |area| {
        title(area, &format!("{} ({})", curve.title, curve.unit.label()))?;
        let colours = colours(&curve.lines);
        let names = curve.lines.iter().map(|line| line.name.clone());
        let entries: Vec<_> = names.zip(colours.iter().copied()).collect();
        legend(area, 42, &entries)?;
        let values: Vec<f64> = points(curve)
            .flat_map(|point| point.figures.spread)
            .collect();
        match scale(&values) {
            Scale::Linear(end) => chart(area, curve, 0.0..end, &colours),
            Scale::Log(from, to) => chart(area, curve, (from..to).log_scale(), &colours),
        }
    })
}

fn points(curve: &Curve) -> impl Iterator<Item = &Point> {
    curve.lines.iter().flat_map(|line| &line.points)
}

fn colours(lines: &[Line]) -> Vec<RGBColor> {
    let (mut ours, mut theirs) = (OURS.iter().cycle(), THEIRS.iter().cycle());
    let mut colour = |line: &Line| {
        let kernel = line.name.starts_with("kernel");
        if kernel { theirs.next() } else { ours.next() }
    };
    lines
        .iter()
        .filter_map(|line| colour(line).copied())
        .collect()
}

/// The sizes, with some room on both sides.
fn sizes(curve: &Curve) -> Range<f64> {
    let all = || points(curve).map(|point| point.size.max(1) as f64);
    let (low, high) = (
        all().fold(f64::INFINITY, f64::min),
        all().fold(1.0, f64::max),
    );
    low.min(high) / 1.2..high * 1.3
}

fn chart<Y>(area: &Area<'_>, curve: &Curve, values: Y, colours: &[RGBColor]) -> Result<()>
where
    Y: AsRangedCoord<Value = f64>,
    Y::CoordDescType: ValueFormatter<f64> + Ranged<ValueType = f64>,
{
    let mut chart = done(
        ChartBuilder::on(area)
            .margin_top(if colours.len() > 3 { 84 } else { 64 })
            .margin_right(24)
            .x_label_area_size(44)
            .y_label_area_size(60)
            .build_cartesian_2d(sizes(curve).log_scale(), values),
    )?;
    done(
        chart
            .configure_mesh()
            .x_desc(curve.size.clone())
            .x_label_formatter(&|size| short(*size))
            .y_label_formatter(&|value| short(*value))
            .label_style(("sans-serif", TEXT - 1).into_font().color(&INK))
            .axis_desc_style(("sans-serif", TEXT).into_font().color(&INK))
            .axis_style(INK)
            .bold_line_style(INK.mix(0.25))
            .light_line_style(INK.mix(0.08))
            .draw(),
    )?;
    for (line, colour) in curve.lines.iter().zip(colours) {
        let at = |point: &Point, value: f64| (point.size.max(1) as f64, value);
        let medians = line
            .points
            .iter()
            .map(|point| at(point, point.figures.median));
        let medians: Vec<_> = medians.collect();
        let whiskers = line.points.iter().map(|point| {
            let ends = point.figures.spread.map(|value| at(point, value));
            PathElement::new(ends.to_vec(), *colour)
        });
        done(chart.draw_series(whiskers))?;
        let dots = medians
            .iter()
            .map(|place| Circle::new(*place, 4, colour.filled()));
        done(chart.draw_series(dots))?;
        let path = PathElement::new(medians.clone(), colour.stroke_width(2));
        done(chart.draw_series([path]))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::document::tests::sample;

    #[test]
    fn sizes_are_all_on_the_axis() {
        let curve = &sample(1.0).report.curves[0];
        let axis = sizes(curve);
        assert!(axis.contains(&10.0) && axis.contains(&1e6));
    }

    #[test]
    fn the_kernel_has_colours_of_its_own() {
        let line = |name: &str| Line {
            name: name.to_owned(),
            points: Vec::new(),
        };
        let lines = [line("netfwd"), line("kernel bridge"), line("netfwd to 64")];
        assert_eq!(colours(&lines), [OURS[0], THEIRS[0], OURS[1]]);
    }
}
