//! What goes to standard output and standard error: text, and rows as JSON or as an aligned table.

use std::fmt::Display;
use std::io::{self, BufWriter, Write};

use comfy_table::Table;
use serde::Serialize;
use serde_json::Value;

use super::Failed;

/// A row: an object whose fields keep the order they were declared in.
pub fn rows<T: Serialize>(items: &[T]) -> Result<Vec<Value>, Failed> {
    let rows = items.iter().map(serde_json::to_value);
    rows.collect::<Result<_, _>>().map_err(Failed::new)
}

/// Whether what was written has a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// As far as can be told.
    Reads,
    /// It has seen enough, as `head` has: what ends for that has not failed.
    Gone,
}

/// Writes to standard output, the one place that does: `print!` panics where nothing can be written.
pub fn write(text: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<Reader, Failed> {
    let mut out = BufWriter::new(io::stdout().lock());
    written(text(&mut out).and_then(|()| out.flush()))
}

fn written(done: io::Result<()>) -> Result<Reader, Failed> {
    match done {
        Ok(()) => Ok(Reader::Reads),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Reader::Gone),
        Err(error) => Err(Failed::new(format!(
            "cannot write to standard output: {error}; make room there, or write elsewhere"
        ))),
    }
}

/// Prints a line.
pub fn say(line: impl Display) -> Result<(), Failed> {
    write(|out| writeln!(out, "{line}")).map(drop)
}

/// Prints a line to standard error. Where that cannot be written, nobody is left to be told.
pub fn complain(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Prints rows.
pub fn print<T: Serialize>(items: &[T], json: bool) -> Result<(), Failed> {
    print_columns(items, json, &[])
}

/// Prints rows; a table has these columns, or all where none are named.
pub fn print_columns<T: Serialize>(
    items: &[T],
    json: bool,
    columns: &[&str],
) -> Result<(), Failed> {
    page(items, json, columns, "").map(drop)
}

/// Prints rows behind some text, which JSON has not.
pub fn page<T: Serialize>(
    items: &[T],
    json: bool,
    columns: &[&str],
    head: &str,
) -> Result<Reader, Failed> {
    if json {
        return write(|out| array(out, items));
    }
    let rows = rows(items)?;
    write(|out| writeln!(out, "{head}{}", table(&rows, columns)))
}

/// Written as it goes: a million rows as one text, or as values, are gigabytes.
fn array<T: Serialize>(mut out: &mut dyn Write, items: &[T]) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut out, items)?;
    writeln!(out)
}

/// Rows below the names of their fields, two spaces apart.
fn table(rows: &[Value], columns: &[&str]) -> String {
    let Some(first) = rows.first().and_then(Value::as_object) else {
        return "none".to_owned();
    };
    let mut names: Vec<&str> = first.keys().map(String::as_str).collect();
    if !columns.is_empty() {
        names = columns.to_vec();
    }
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(
        names
            .iter()
            .map(|name| name.replace('_', " ").to_uppercase()),
    );
    for row in rows.iter().filter_map(Value::as_object) {
        table.add_row(
            names
                .iter()
                .map(|name| row.get(*name).map(cell).unwrap_or_default()),
        );
    }
    table.trim_fmt()
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) if text.is_empty() => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "-".to_owned(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_table_has_a_header_and_one_line_a_row() {
        let rows =
            [json!({"interface": "veth-c1", "vlan": null, "isolated": false, "peers": ["a", "b"]})];
        let text = table(&rows, &[]);
        let lines: Vec<Vec<&str>> = text
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(
            lines,
            [
                vec!["INTERFACE", "VLAN", "ISOLATED", "PEERS"],
                vec!["veth-c1", "-", "no", "a,b"]
            ]
        );
    }

    #[test]
    fn a_table_has_the_columns_that_are_asked_for() {
        let rows = [json!({"interface": "p0", "ifindex": 7, "vlan": 10})];
        let text = table(&rows, &["vlan", "interface"]);
        let words: Vec<&str> = text.split_whitespace().collect();
        assert_eq!(words, ["VLAN", "INTERFACE", "10", "p0"]);
    }

    #[test]
    fn who_stops_reading_is_no_failure() {
        assert!(matches!(written(Ok(())), Ok(Reader::Reads)));
        let gone = written(Err(io::ErrorKind::BrokenPipe.into()));
        assert!(matches!(gone, Ok(Reader::Gone)));
        let full = written(Err(io::Error::from_raw_os_error(nix::libc::ENOSPC)));
        let failed = full.expect_err("it is full");
        assert!(failed.sentence.contains("; make room"), "{failed:?}");
        assert_eq!(failed.code, 1);
    }

    #[test]
    fn no_rows_are_said_to_be_none() {
        assert_eq!(table(&[], &[]), "none");
    }
}
