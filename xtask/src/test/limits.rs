//! Limits on the size of files and functions, for readers' sake.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

/// The most lines a source file may have.
const FILE_LINES: usize = 500;
/// The most lines a function may have, its signature included.
const FUNCTION_LINES: usize = 60;

/// Every excess in the sources under `root`, as a sentence each.
pub fn excesses(root: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for file in sources(root)? {
        let text =
            fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let name = file
            .strip_prefix(root)
            .unwrap_or(&file)
            .display()
            .to_string();
        found.extend(in_file(&name, &text));
    }
    Ok(found)
}

/// Rust files in the workspace: everything but what is hidden or built.
fn sources(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let entries = fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()))?;
    for entry in entries {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if name.starts_with('.') || name == "target" {
            continue;
        }
        if entry.file_type()?.is_dir() {
            files.extend(sources(&path)?);
        } else if name.ends_with(".rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn in_file(name: &str, text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    if lines.len() > FILE_LINES {
        found.push(format!(
            "{name} has {} lines, more than {FILE_LINES}: split it by subject",
            lines.len()
        ));
    }
    for function in functions(&lines).filter(|function| function.lines > FUNCTION_LINES) {
        found.push(format!(
            "{name}:{}: `{}` has {} lines, more than {FUNCTION_LINES}: split it by step",
            function.first, function.name, function.lines
        ));
    }
    found
}

#[derive(Debug, PartialEq, Eq)]
struct Function<'a> {
    name: &'a str,
    first: usize,
    lines: usize,
}

fn functions<'a>(lines: &'a [&'a str]) -> impl Iterator<Item = Function<'a>> {
    lines.iter().enumerate().filter_map(|(index, line)| {
        let name = name_of_function(line)?;
        let lines = length(&lines[index..])?;
        Some(Function {
            name,
            first: index + 1,
            lines,
        })
    })
}

/// The name of the function that a line begins.
fn name_of_function(line: &str) -> Option<&str> {
    let (before, after) = match line.trim_start().strip_prefix("fn ") {
        Some(after) => ("", after),
        None => line.split_once(" fn ")?,
    };
    let qualifiers = ["const", "async", "unsafe", "extern", "\"C\"", "default"];
    let is_item = before
        .split_whitespace()
        .all(|word| word.starts_with("pub") || word.ends_with(')') || qualifiers.contains(&word));
    let name = after
        .split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .next()?;
    (is_item && !name.is_empty()).then_some(name)
}

/// Lines from a function's first to its last. The sources are rustfmt's, so a body ends at the
/// first brace with the indentation of its first line.
fn length(lines: &[&str]) -> Option<usize> {
    let indentation = indentation(lines.first()?);
    for (index, line) in lines
        .iter()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        if self::indentation(line) != indentation {
            continue;
        }
        let ends_declaration = line.ends_with(';');
        let ends_body = if index == 0 {
            line.ends_with('}')
        } else {
            line.trim() == "}"
        };
        if ends_body {
            return Some(index + 1);
        }
        if ends_declaration {
            return None;
        }
    }
    None
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "\
trait T {
    fn declared(&self);
    fn wide(
        &self,
    ) -> u8;
}

pub(crate) const fn short() -> u8 { 7 }

impl T for U {
    pub async fn body(
        &self,
    ) -> u8
    where
        U: Copy,
    {
        if true {
            7
        }

    }
}
";

    #[test]
    fn bodies_are_measured_and_declarations_are_not() {
        let lines: Vec<&str> = SOURCE.lines().collect();
        let found: Vec<_> = functions(&lines)
            .map(|f| (f.name, f.first, f.lines))
            .collect();
        assert_eq!(found, [("short", 8, 1), ("body", 11, 11)]);
    }

    #[test]
    fn a_long_function_is_named_with_its_place() {
        let text = format!(
            "fn long() {{\n{}}}\n",
            "    step();\n".repeat(FUNCTION_LINES)
        );
        let found = in_file("a.rs", &text);
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with("a.rs:1: `long` has 62 lines"),
            "{found:?}"
        );
    }

    #[test]
    fn a_long_file_is_named() {
        let found = in_file("a.rs", &"\n".repeat(FILE_LINES + 1));
        assert!(found[0].starts_with("a.rs has 501 lines"), "{found:?}");
        assert!(in_file("a.rs", &"\n".repeat(FILE_LINES)).is_empty());
    }

    #[test]
    fn a_function_pointer_in_a_line_begins_no_function() {
        assert_eq!(name_of_function("    let f: Option<fn ()> = None;"), None);
        assert_eq!(name_of_function("// a fn of ours"), None);
        assert_eq!(
            name_of_function("pub unsafe extern \"C\" fn probe() -> u64 {"),
            Some("probe")
        );
    }
}
