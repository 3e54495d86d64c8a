//! What a run of the benchmarks found, as it is written to and read from JSON.

use serde::{Deserialize, Serialize};

use super::statistics::{median, ratios, span};
use super::surroundings::Surroundings;

/// Everything that one run measured.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Things measured in turns, with their ratios.
    pub comparisons: Vec<Comparison>,
    /// Things measured as something grows.
    pub curves: Vec<Curve>,
    /// What each program took, by the kernel's own statistics.
    pub programs: Vec<ProgramTime>,
    /// How long the programs are.
    pub code: Vec<ProgramCode>,
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
    /// What else the machine did meanwhile.
    pub around: Surroundings,
    /// Who was measured, in the order of measurement.
    pub series: Vec<Series>,
}

impl Comparison {
    /// Takes the ratios to the reference, round by round.
    pub fn with_ratios(mut self) -> Self {
        let reference = self.series.iter().find(|one| one.name == self.reference);
        let Some(to) = reference.map(|reference| reference.figures.values.clone()) else {
            return self;
        };
        for one in &mut self.series {
            if one.name != self.reference {
                one.ratios = Some(Figures::new(ratios(&one.figures.values, &to)));
            }
        }
        self
    }
}

/// What was achieved, round by round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Whose it is.
    pub name: String,
    /// The value of each round.
    #[serde(flatten)]
    pub figures: Figures,
    /// Of each round to the same round of the reference; none for the reference itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratios: Option<Figures>,
}

impl Series {
    /// What rounds gave.
    pub fn new(name: &str, values: Vec<f64>) -> Self {
        Self {
            name: name.to_owned(),
            figures: Figures::new(values),
            ratios: None,
        }
    }
}

/// Values of several rounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// The middle one.
    pub median: f64,
    /// The lowest and the highest.
    pub spread: [f64; 2],
    /// All, in the order of the rounds.
    pub values: Vec<f64>,
}

impl Figures {
    /// Sums them up.
    pub fn new(values: Vec<f64>) -> Self {
        let (low, high) = span(&values);
        Self {
            median: median(&values),
            spread: [low, high],
            values,
        }
    }
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
    /// What else the machine did meanwhile.
    pub around: Surroundings,
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
    #[serde(flatten)]
    pub figures: Figures,
}

impl Point {
    /// What rounds gave at this size.
    pub fn new(size: u64, values: Vec<f64>) -> Self {
        Self {
            size,
            figures: Figures::new(values),
        }
    }
}

/// The time that a program took on a path, with the stages that it calls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProgramTime {
    /// The load: a comparison's `id`.
    pub load: String,
    /// Whose instance of netfwd: a series' name.
    pub subject: String,
    /// Which host of the path, from 1 where the load goes in.
    pub host: usize,
    /// The program's name.
    pub program: String,
    /// How often it ran.
    pub runs: u64,
    /// What a run took on average, in nanoseconds.
    pub nanoseconds: f64,
}

/// How much there is of a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramCode {
    /// The program's name.
    pub program: String,
    /// Instructions that the verifier went through.
    pub verified: u32,
    /// Octets of BPF that remained.
    pub translated: u32,
    /// Octets of machine code.
    pub compiled: u32,
}

/// Memory of the daemon or of a map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// When: a comparison's or a curve's `id`, with a size behind it where one grows.
    pub load: String,
    /// Whose: `daemon`, or a map's name.
    pub holder: String,
    /// How much, in octets.
    pub octets: u64,
}
