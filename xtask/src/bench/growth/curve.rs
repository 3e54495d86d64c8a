//! Measuring curves.

use anyhow::Result;

use crate::bench::measure::{self, Measured, Rounds};
use crate::bench::progress::Step;
use crate::bench::report::{Curve, Line, Point, Unit};
use crate::bench::surroundings::Surroundings;

/// The words about a curve.
#[derive(Debug, Clone, Copy)]
pub struct Sketch<'words> {
    /// Its stable name.
    pub id: &'words str,
    /// What people read above it.
    pub title: &'words str,
    /// What grows.
    pub size: &'words str,
    /// The unit of its values.
    pub unit: Unit,
}

impl Sketch<'_> {
    /// The curve of these lines.
    pub fn of(self, lines: Vec<Line>) -> Curve {
        Curve {
            id: self.id.to_owned(),
            title: self.title.to_owned(),
            size: self.size.to_owned(),
            unit: self.unit,
            around: Surroundings::default(),
            lines,
        }
    }
}

/// Measures things in turns, each at its size; those of one name are one line.
pub fn lines<M: Measured>(rounds: Rounds, step: &Step<'_>, all: &[(u32, M)]) -> Result<Vec<Line>> {
    let measured: Vec<&dyn Measured> = all.iter().map(|(_, measured)| measured as _).collect();
    let found = measure::interleaved(&measured, rounds, step)?;
    let mut lines = Vec::new();
    for ((size, measured), rounds) in all.iter().zip(found) {
        let values = rounds.into_iter().flatten().collect();
        add(&mut lines, measured.name(), *size, values);
    }
    Ok(lines)
}

/// Adds a point to the line of this name.
pub fn add(lines: &mut Vec<Line>, name: &str, size: u32, values: Vec<f64>) {
    let point = Point::new(size.into(), values);
    match lines.iter_mut().find(|line| line.name == name) {
        Some(line) => line.points.push(point),
        None => lines.push(Line {
            name: name.to_owned(),
            points: vec![point],
        }),
    }
}
