//! Ratios to the kernel as bars.

use anyhow::Result;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::axis::ratio_end;
use super::rows::{Bar, Role, Row};
use super::{Area, INK, LETTER, TEXT, done, legend, letters, title};

/// Pixels.
const WIDTH: u32 = 900;
const BAR: i32 = 14;
const GAP: i32 = 10;
const TOP: i32 = 62;
const BOTTOM: i32 = 44;
const RIGHT: i32 = 20;

/// From ratios to pixels.
struct Frame {
    left: i32,
    end: f64,
    height: i32,
}

impl Frame {
    fn around(rows: &[Row]) -> Self {
        let longest = rows
            .iter()
            .map(|row| row.label.chars().count() as u32)
            .max();
        let bars = rows.iter().flat_map(|row| &row.bars);
        let ends: Vec<_> = bars.map(|bar| (bar.ratio, bar.spread[1])).collect();
        let heights = rows.iter().map(height).sum::<i32>();
        Self {
            left: (longest.unwrap_or_default() * LETTER + 24) as i32,
            end: ratio_end(&ends),
            height: TOP + heights + BOTTOM,
        }
    }

    fn x(&self, ratio: f64) -> i32 {
        let room = f64::from(WIDTH as i32 - RIGHT - self.left);
        self.left + (room * ratio.clamp(0.0, self.end) / self.end).round() as i32
    }
}

fn height(row: &Row) -> i32 {
    row.bars.len() as i32 * BAR + GAP
}

/// The plot of a case.
pub fn svg(case: &str, rows: &[Row]) -> Result<String> {
    let rows: Vec<Row> = rows
        .iter()
        .filter(|row| !row.bars.is_empty())
        .cloned()
        .collect();
    let frame = Frame::around(&rows);
    super::drawn((WIDTH, frame.height as u32), |area| {
        title(area, &format!("{case}: how much better than the kernel"))?;
        legend(area, 42, &roles(&rows))?;
        grid(area, &frame)?;
        let mut y = TOP;
        for one in &rows {
            row(area, &frame, y, one)?;
            y += height(one);
        }
        one(area, &frame)
    })
}

/// The roles that have a bar, for the legend.
fn roles(rows: &[Row]) -> Vec<(String, RGBColor)> {
    let bars = rows.iter().flat_map(|row| &row.bars);
    let mut roles: Vec<Role> = bars.map(|bar| bar.role).collect();
    roles.sort_unstable();
    roles.dedup();
    let entry = |role: Role| (role.label().to_owned(), role.colour());
    roles.into_iter().map(entry).collect()
}

/// Lines at every half, with numbers below.
fn grid(area: &Area<'_>, frame: &Frame) -> Result<()> {
    let bottom = frame.height - BOTTOM;
    let mut ratio = 0.0;
    while ratio <= frame.end {
        let x = frame.x(ratio);
        let line = PathElement::new([(x, TOP - 4), (x, bottom)], INK.mix(0.25));
        done(area.draw(&line))?;
        let text = Text::new(
            format!("{ratio:.1}×"),
            (x, bottom + 12),
            letters(TEXT - 1, HPos::Center),
        );
        done(area.draw(&text))?;
        ratio += 0.5;
    }
    let words = "ratio to the kernel at its faster setting, pair by pair; of times the inverse: right is better";
    let middle = (frame.left + WIDTH as i32 - RIGHT) / 2;
    let text = Text::new(
        words,
        (middle, bottom + 32),
        letters(TEXT - 1, HPos::Center),
    );
    done(area.draw(&text))
}

/// The kernel itself.
fn one(area: &Area<'_>, frame: &Frame) -> Result<()> {
    let x = frame.x(1.0);
    let line = [(x, TOP - 4), (x, frame.height - BOTTOM)];
    done(area.draw(&PathElement::new(line, INK.stroke_width(2))))
}

fn row(area: &Area<'_>, frame: &Frame, top: i32, row: &Row) -> Result<()> {
    let middle = top + row.bars.len() as i32 * BAR / 2;
    let label = letters(TEXT, HPos::Right);
    done(area.draw(&Text::new(
        row.label.clone(),
        (frame.left - 8, middle),
        label,
    )))?;
    (top..)
        .step_by(BAR as usize)
        .zip(&row.bars)
        .try_for_each(|(y, bar)| draw(area, frame, y, bar))
}

/// A bar, its whiskers, and its number.
fn draw(area: &Area<'_>, frame: &Frame, y: i32, bar: &Bar) -> Result<()> {
    let colour = bar.role.colour();
    let end = frame.x(bar.ratio);
    let body = Rectangle::new(
        [(frame.x(0.0), y + 1), (end, y + BAR - 1)],
        colour.mix(0.85).filled(),
    );
    done(area.draw(&body))?;
    let [low, high] = bar.spread.map(|ratio| frame.x(ratio));
    let middle = y + BAR / 2;
    for line in [
        [(low, middle), (high, middle)],
        [(low, y + 4), (low, y + BAR - 4)],
        [(high, y + 4), (high, y + BAR - 4)],
    ] {
        done(area.draw(&PathElement::new(line, INK)))?;
    }
    let number = format!("{:.2}", bar.ratio);
    let at = (frame.x(0.0) + 6, middle);
    let style = letters(TEXT - 2, HPos::Left).color(&WHITE);
    done(area.draw(&Text::new(number, at, style)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_end_where_their_ratio_is() {
        let row = Row {
            label: "packets 64".to_owned(),
            bars: vec![Bar {
                role: Role::Netfwd,
                ratio: 1.5,
                spread: [1.4, 1.6],
            }],
        };
        let frame = Frame::around(&[row]);
        assert_eq!(frame.x(0.0), frame.left);
        assert_eq!(frame.x(frame.end), WIDTH as i32 - RIGHT);
        assert_eq!(frame.x(99.0), frame.x(frame.end));
        assert!(frame.x(1.0) < frame.x(1.5));
    }
}
