//! What a run of the benchmarks found, as it is written to and read from JSON.

use serde::{Deserialize, Serialize};

/// Everything that one run measured.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Things measured in turns, with their ratios.
    pub comparisons: Vec<Comparison>,
    /// Things measured as something grows.
    pub curves: Vec<Curve>,
    /// What each program took, by the kernel's own statistics.
    pub programs: Vec<ProgramTime>,
    /// What was held in memory.
    pub memory: Vec<Memory>,
}

/// Several subjects under one load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Its stable name, by which runs are compared: `case/load`, in lower case with dashes.
    pub id: String,
    /// What people read above it.
    pub title: String,
    /// The unit of its values.
    pub unit: Unit,
    /// The subject that the others are compared with.
    pub reference: String,
    /// Who was measured, in the order of measurement.
    pub series: Vec<Series>,
}

/// What was achieved, round by round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Whose it is.
    pub name: String,
    /// The value of each round.
    pub values: Vec<f64>,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Frames a second of one CPU's time.
    FramesPerSecond,
    /// Connections a second of one CPU's time.
    ConnectionsPerSecond,
    /// 10⁶ bits a second.
    MegabitsPerSecond,
    /// 10⁶ bits a second of CPU time of both ends.
    MegabitsPerCpuSecond,
    /// Microseconds, of which fewer are better.
    Microseconds,
    /// Nanoseconds, of which fewer are better.
    Nanoseconds,
    /// Seconds, of which fewer are better.
    Seconds,
    /// Octets, of which fewer are better.
    Octets,
}

impl Unit {
    /// Whether less of it is better.
    pub const fn is_cost(self) -> bool {
        matches!(
            self,
            Self::Microseconds | Self::Nanoseconds | Self::Seconds | Self::Octets
        )
    }

    /// As a table's heading and a plot's axis have it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::FramesPerSecond => "frames/s of one CPU",
            Self::ConnectionsPerSecond => "connections/s of one CPU",
            Self::MegabitsPerSecond => "Mbit/s",
            Self::MegabitsPerCpuSecond => "Mbit per CPU second",
            Self::Microseconds => "µs",
            Self::Nanoseconds => "ns",
            Self::Seconds => "s",
            Self::Octets => "octets",
        }
    }
}

/// One or more lines over a size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// Its stable name: `growth/what`.
    pub id: String,
    /// What people read above it.
    pub title: String,
    /// What grows: "FDB entries".
    pub size: String,
    /// The unit of its values.
    pub unit: Unit,
    /// The lines, of netfwd and of what it is compared with.
    pub lines: Vec<Line>,
}

/// The values of one subject as something grows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Whose they are.
    pub name: String,
    /// In the order of their sizes.
    pub points: Vec<Point>,
}

/// What was measured at one size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The size.
    pub size: u64,
    /// The value of each round.
    pub values: Vec<f64>,
}

/// The time that a program took on a path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProgramTime {
    /// The load: a comparison's `id`.
    pub load: String,
    /// The program's name.
    pub program: String,
    /// How often it ran.
    pub runs: u64,
    /// What a run took on average, in nanoseconds.
    pub nanoseconds: f64,
}

/// Memory of the daemon or of a map.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// When: a comparison's or a curve's `id`.
    pub load: String,
    /// Whose: `daemon`, or a map's name.
    pub holder: String,
    /// How much, in octets.
    pub octets: u64,
}
