//! A run as a file: what was found, with where, when and how.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::machine::Machine;
use super::report::Report;

/// The shape of the file; whoever changes it so that older ones are misread counts on.
const FORMAT: u64 = 1;

/// What the file holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// The shape of the file.
    pub format: u64,
    /// When it began, in UTC.
    pub date: String,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Where.
    pub machine: Machine,
    /// What was measured, and with what.
    pub versions: BTreeMap<String, String>,
    /// How.
    pub options: Asked,
    /// What was found.
    #[serde(flatten)]
    pub report: Report,
}

/// What the command line asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The cases.
    pub cases: Vec<String>,
    /// What steps had to have in their ids.
    pub only: String,
    /// Whether all had to be over in two minutes.
    pub quick: bool,
    /// Rounds of each comparison.
    pub rounds: u32,
    /// How long a round lasts, in milliseconds.
    pub round_milliseconds: u64,
}

impl Document {
    /// The shape that this version writes.
    pub const fn format() -> u64 {
        FORMAT
    }

    /// What files of it are called: its date, without what names of files had better not have.
    pub fn stem(&self) -> String {
        self.date.replace(':', "-")
    }

    /// Reads a file.
    pub fn read(file: &Path) -> Result<Self> {
        let text = fs::read_to_string(file)
            .with_context(|| format!("{} cannot be read", file.display()))?;
        parse(&text).with_context(|| {
            format!(
                "{} is no result of this version's `cargo xtask bench`: name a file that it wrote, or \
                 measure anew",
                file.display()
            )
        })
    }

    /// Writes a file, and the folder for it.
    pub fn write(&self, file: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        let cannot = || format!("{} cannot be written", file.display());
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).with_context(cannot)?;
        }
        fs::write(file, compact(&text) + "\n").with_context(cannot)
    }
}

fn parse(text: &str) -> Result<Document> {
    let value: Value = serde_json::from_str(text).context("it is no JSON")?;
    match value.get("format").and_then(Value::as_u64) {
        Some(FORMAT) => Ok(serde_json::from_value(value)?),
        Some(other) => bail!("it has format {other}, and {FORMAT} is what can be read"),
        None => bail!("it has no `format`"),
    }
}

/// Puts arrays of numbers on a line each, so that a file can be read and its changes be seen.
fn compact(pretty: &str) -> String {
    let mut out = String::new();
    let mut lines = pretty.lines().peekable();
    while let Some(line) = lines.next() {
        out.push_str(line);
        let is_number = |line: &str| line.trim_end_matches(',').trim().parse::<f64>().is_ok();
        if line.ends_with('[') && lines.peek().is_some_and(|next| is_number(next)) {
            while let Some(number) = lines.next_if(|next| is_number(next)) {
                let space = if number.ends_with(',') { " " } else { "" };
                out.push_str(number.trim());
                out.push_str(space);
            }
            out.push_str(lines.next().unwrap_or_default().trim());
        }
        out.push('\n');
    }
    out.trim_end().to_owned()
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::bench::report::{
        Comparison, Curve, Line, Memory, Point, ProgramCode, ProgramTime, Series, Unit,
    };
    use crate::bench::surroundings::Surroundings;

    /// A run in which netfwd is `ratio` times as fast as the kernel.
    pub fn sample(ratio: f64) -> Document {
        let kernel = [100.0, 102.0, 98.0];
        let ours = kernel.map(|value| value * ratio).to_vec();
        Document {
            format: FORMAT,
            date: "2026-11-22T03:05:00Z".to_owned(),
            seconds: 1.5,
            machine: Machine::default(),
            versions: BTreeMap::from([("netfwd".to_owned(), "netfwd 0.1.0".to_owned())]),
            options: Asked::default(),
            report: Report {
                comparisons: vec![comparison(vec![
                    Series::new("netfwd", ours.clone()),
                    Series::new("kernel bridge", kernel.to_vec()),
                ])],
                curves: vec![curve(&ours)],
                programs: vec![program(100.0 / ratio)],
                code: vec![ProgramCode {
                    program: "port_ingress".to_owned(),
                    verified: 4000,
                    translated: 8000,
                    compiled: 5000,
                }],
                memory: vec![Memory {
                    load: "local/packets-64".to_owned(),
                    holder: "daemon".to_owned(),
                    octets: 1 << 23,
                }],
            },
        }
    }

    fn comparison(series: Vec<Series>) -> Comparison {
        let comparison = Comparison {
            id: "local/packets-64".to_owned(),
            title: "local: 64-byte frames".to_owned(),
            unit: Unit::FramesPerSecond,
            reference: "kernel bridge".to_owned(),
            around: Surroundings::default(),
            series,
        };
        comparison.with_ratios()
    }

    fn curve(values: &[f64]) -> Curve {
        Curve {
            id: "growth/fdb".to_owned(),
            title: "growth: FDB entries".to_owned(),
            size: "FDB entries".to_owned(),
            unit: Unit::FramesPerSecond,
            around: Surroundings::default(),
            lines: vec![Line {
                name: "netfwd".to_owned(),
                points: vec![
                    Point::new(10, values.to_vec()),
                    Point::new(1_000_000, values.iter().map(|value| value * 0.9).collect()),
                ],
            }],
        }
    }

    fn program(nanoseconds: f64) -> ProgramTime {
        ProgramTime {
            load: "local/packets-64".to_owned(),
            subject: "netfwd".to_owned(),
            host: 1,
            program: "port_ingress".to_owned(),
            runs: 1000,
            nanoseconds,
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let document = sample(1.5);
        let text = serde_json::to_string_pretty(&document).expect("JSON");
        assert_eq!(parse(&compact(&text)).expect("a document"), document);
    }

    #[test]
    fn numbers_of_an_array_stand_on_one_line() {
        let pretty = "{\n  \"values\": [\n    1.0,\n    2.5\n  ],\n  \"none\": []\n}";
        assert_eq!(
            compact(pretty),
            "{\n  \"values\": [1.0, 2.5],\n  \"none\": []\n}"
        );
    }

    #[test]
    fn files_of_another_shape_are_refused() {
        let refused = |text: &str| format!("{:#}", parse(text).expect_err("another shape"));
        assert!(refused("[1]").contains("no `format`"));
        assert!(refused("{\"format\": 9}").contains("format 9"));
        assert!(refused("{\"format\": 1}").contains("missing field"));
        assert!(refused("text").contains("no JSON"));
    }
}
