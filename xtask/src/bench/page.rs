//! A run as a page of Markdown.

use std::fmt::Write as _;

use super::document::Document;
use super::measure::PARTS;
use super::report::{Comparison, Curve, Report, Series};
use super::table::{sizes, value};
use super::{plot, targets};

/// What the README says: where and when, and which targets are reached.
pub fn summary(document: &Document) -> String {
    let mut page = format!("{}\n\n", place(document));
    reached(&mut page, &document.report);
    page
}

/// The page beside the plots.
pub fn whole(document: &Document) -> String {
    let report = &document.report;
    let mut page = format!(
        "# Benchmarks\n\n{}\n\nWritten by `cargo xtask bench --publish` from [results.json](results.json), \
         which has the values of all rounds.\n`cargo xtask bench --compare docs/benchmarks/results.json` \
         measures anew and tells what differs.\n\n{}\n\n## Targets\n\n",
        place(document),
        method(document)
    );
    reached(&mut page, report);
    for case in plot::cases(report) {
        comparisons(&mut page, report, &case);
    }
    growth(&mut page, report);
    programs(&mut page, report);
    code(&mut page, report);
    memory(&mut page, report);
    page
}

fn place(document: &Document) -> String {
    let date = document.date.replace('T', " ").replace('Z', " UTC");
    let tools = ["commit", "rustc", "iperf3", "nft", "ip"].map(|tool| {
        let version = document
            .versions
            .get(tool)
            .map_or("unknown", String::as_str);
        if tool == "commit" {
            format!("commit {version}")
        } else {
            version.to_owned()
        }
    });
    format!(
        "Measured on {date} ({:.1} minutes): {}.\n{}.",
        document.seconds / 60.0,
        document.machine.words(),
        tools.join("; ")
    )
}

fn method(document: &Document) -> String {
    let asked = &document.options;
    format!(
        "{} rounds of {} ms for each subject, in turns, those of frames in {PARTS} parts that take turns as well. \
         Ratios are taken round\nby round, so that what else the machine does falls on both alike; in brackets stand the \
         lowest and the highest. Rounds in\nwhich it did much else were measured again, up to a third of them, and the quietest kept. {}",
        asked.rounds,
        asked.round_milliseconds,
        quiet(&document.report)
    )
}

/// How much of the machine others had.
fn quiet(report: &Report) -> String {
    let around = || {
        report
            .comparisons
            .iter()
            .map(|comparison| &comparison.around)
    };
    let unquiet = around().filter(|around| !around.is_quiet()).count();
    let most = around().map(|around| around.others + around.stolen);
    let most = most.fold(0.0, f64::max) * 100.0;
    let total = report.comparisons.len();
    format!(
        "Other processes and the hypervisor took\nmore than 3 % of its CPU time during {unquiet} of {total} \
         comparisons, and at most {most:.0} %."
    )
}

fn table(page: &mut String, heading: &str, rows: &[String]) {
    let columns = heading.matches('|').count() + 1;
    let rule = vec!["---"; columns].join(" | ");
    let _ = write!(page, "| {heading} |\n| {rule} |\n");
    for row in rows {
        let _ = writeln!(page, "| {row} |");
    }
    page.push('\n');
}

fn reached(page: &mut String, report: &Report) {
    let row = |one: &targets::Reached| {
        let (mark, id, subject) = (one.mark(), one.target.id, &one.subject);
        let (ratio, wanted, against) = (one.ratio, one.wanted(), &one.against);
        format!("{mark} | `{id}` | {subject} | {ratio:.2} | {wanted} | {against}")
    };
    let rows: Vec<_> = targets::reached(report).iter().map(row).collect();
    table(page, " | load | subject | ratio | target | to", &rows);
}

fn comparisons(page: &mut String, report: &Report, case: &str) {
    let _ = write!(page, "## {case}\n\n![{case}]({case}.svg)\n\n");
    let all = report.comparisons.iter();
    let own = all.filter(|comparison| comparison.id.split('/').next() == Some(case));
    let rows: Vec<_> = own.flat_map(comparison).collect();
    table(
        page,
        "load | subject | median | | ratio to the kernel | ",
        &rows,
    );
}

fn comparison(comparison: &Comparison) -> Vec<String> {
    let row = |(number, series): (usize, &Series)| {
        let load = format!("`{}`, {}", comparison.id, comparison.unit.label());
        let load = if number == 0 { load } else { String::new() };
        let [low, high] = series.figures.spread.map(|end| value(end, comparison.unit));
        let median = value(series.figures.median, comparison.unit);
        let ratio = series.ratios.as_ref().map_or_else(
            || " | ".to_owned(),
            |ratios| {
                let [low, high] = ratios.spread;
                format!("{:.2} | ({low:.2}–{high:.2})", ratios.median)
            },
        );
        format!(
            "{load} | {} | {median} | ({low}–{high}) | {ratio}",
            series.name
        )
    };
    comparison.series.iter().enumerate().map(row).collect()
}

fn growth(page: &mut String, report: &Report) {
    if !report.curves.is_empty() {
        page.push_str("## Growth\n\n");
    }
    for curve in &report.curves {
        let name = curve.id.replace('/', "-");
        let _ = write!(page, "![{}]({name}.svg)\n\n", curve.title);
        let names: Vec<_> = curve.lines.iter().map(|line| line.name.as_str()).collect();
        let heading = format!(
            "{}, {} | {}",
            curve.size,
            curve.unit.label(),
            names.join(" | ")
        );
        table(page, &heading, &points(curve));
    }
}

fn points(curve: &Curve) -> Vec<String> {
    let row = |size: u64| {
        let cells = curve.lines.iter().map(|line| {
            let point = line.points.iter().find(|point| point.size == size);
            point.map_or_else(String::new, |point| value(point.figures.median, curve.unit))
        });
        format!("{size} | {}", cells.collect::<Vec<_>>().join(" | "))
    };
    sizes(&curve.lines).into_iter().map(row).collect()
}

fn programs(page: &mut String, report: &Report) {
    page.push_str(
        "## Time of programs\n\nBy the kernel\'s own statistics (`BPF_ENABLE_STATS`), in rounds of their \
         own; a program\'s time has that of the stages\nthat it calls, and some 20 ns of the clock that takes \
         it. Host 1 is where the load goes in.\n\n",
    );
    let row = |one: &super::report::ProgramTime| {
        format!(
            "`{}` | {} | {} | `{}` | {} | {:.0}",
            one.load, one.subject, one.host, one.program, one.runs, one.nanoseconds
        )
    };
    let rows: Vec<_> = report.programs.iter().map(row).collect();
    table(
        page,
        "load | subject | host | program | runs | ns per run",
        &rows,
    );
}

fn code(page: &mut String, report: &Report) {
    page.push_str("## Length of programs\n\n");
    let row = |one: &super::report::ProgramCode| {
        format!(
            "`{}` | {} | {} | {}",
            one.program, one.verified, one.translated, one.compiled
        )
    };
    let rows: Vec<_> = report.code.iter().map(row).collect();
    let heading =
        "program | instructions that the verifier went through | octets of BPF | of machine code";
    table(page, heading, &rows);
}

/// Holders below a mebibyte tell nothing.
fn memory(page: &mut String, report: &Report) {
    page.push_str(
        "## Memory\n\nThe daemon\'s resident set, and what the kernel holds for maps.\n\n",
    );
    let large = report.memory.iter().filter(|one| one.octets >= 1 << 20);
    let row = |one: &super::report::Memory| {
        let mebibytes = one.octets as f64 / f64::from(1 << 20);
        format!("`{}` | {} | {mebibytes:.1}", one.load, one.holder)
    };
    table(
        page,
        "load | holder | MiB",
        &large.map(row).collect::<Vec<_>>(),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::document::tests::sample;

    #[test]
    fn the_page_tells_all_parts() {
        let page = whole(&sample(1.5));
        for part in [
            "| ✓ | `local/packets-64` | netfwd | 1.50 | ≥ 1.40 | kernel bridge |",
            "![local](local.svg)",
            "|  | kernel bridge | 100 | (98–102) |  |  |",
            "| 1000000 | 135 |",
            "| `local/packets-64` | netfwd | 1 | `port_ingress` | 1000 | 67 |",
            "| `port_ingress` | 4000 | 8000 | 5000 |",
            "| `local/packets-64` | daemon | 8.0 |",
        ] {
            assert!(page.contains(part), "{part} is missing in\n{page}");
        }
    }

    #[test]
    fn the_summary_tells_where_and_what_was_reached() {
        let text = summary(&sample(1.3));
        assert!(text.starts_with("Measured on 2026-11-22 03:05:00 UTC"));
        assert!(text.contains("✗ | `local/packets-64`"));
    }

    #[test]
    fn rows_have_as_many_columns_as_their_heading() {
        let mut page = String::new();
        table(&mut page, "a | b", &["1 | 2".to_owned()]);
        assert_eq!(page, "| a | b |\n| --- | --- |\n| 1 | 2 |\n\n");
    }
}
