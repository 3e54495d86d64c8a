//! How long the loader takes to start, to apply a file again and to list, as what it holds grows.

use anyhow::Result;

use super::curve::{self, Sketch};
use super::loader::Loader;
use crate::bench::report::{Curve, Line, Unit};
use crate::bench::session::Session;

/// From this size on once is enough: what a machine does beside it is small against it.
const LARGE: u32 = 50_000;
/// How often it is done below.
const TIMES: u32 = 3;

/// The lines of a curve.
pub struct Times {
    lines: Vec<Line>,
    quick: bool,
}

impl Times {
    /// Nothing is measured yet.
    pub fn new(session: &Session<'_>) -> Self {
        let quick = session.quick;
        let lines = Vec::new();
        Self { lines, quick }
    }

    /// Notes how long something took.
    pub fn note(&mut self, what: &str, size: u32, seconds: f64) {
        curve::add(&mut self.lines, what, size, vec![seconds]);
    }

    /// Does something as often as its size allows, and notes how long it took.
    pub fn repeat(
        &mut self,
        what: &str,
        size: u32,
        mut work: impl FnMut() -> Result<f64>,
    ) -> Result<()> {
        let once = self.quick || size >= LARGE;
        let times = if once { 1 } else { TIMES };
        let seconds: Result<Vec<f64>> = (0..times).map(|_| work()).collect();
        curve::add(&mut self.lines, what, size, seconds?);
        Ok(())
    }

    /// Starts a loader, has it apply its file again, unchanged and with a change, and list what it has.
    pub fn of(
        &mut self,
        loader: &mut Loader<'_>,
        size: u32,
        [whole, changed]: [&str; 2],
        list: &str,
    ) -> Result<()> {
        let started = loader.start()?;
        self.note("start", size, started);
        self.repeat("reload, unchanged", size, || loader.reload())?;
        let reload = |text| {
            loader.write(text)?;
            loader.reload()
        };
        let there_and_back = vec![reload(changed)?, reload(whole)?];
        curve::add(&mut self.lines, "reload, one changed", size, there_and_back);
        self.repeat(&format!("{list} show"), size, || {
            loader.list(&format!("{list} show"), size)
        })
    }

    /// The curve.
    pub fn curve(self, id: &str, size: &str) -> Curve {
        let sketch = Sketch {
            id,
            title: &format!("growth: the loader's times with many {size}"),
            size,
            unit: Unit::Seconds,
        };
        sketch.of(self.lines)
    }
}
