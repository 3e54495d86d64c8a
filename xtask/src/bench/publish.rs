//! A run as it is published: plots, a page, and the results beside them.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::document::Document;
use super::{page, plot};

/// Where the figures of the README begin and end.
const BEGIN: &str = "<!-- figures of `cargo xtask bench --publish` begin -->";
const END: &str = "<!-- figures end -->";

/// Writes plots, page and results into a folder.
pub fn write(document: &Document, folder: &Path) -> Result<()> {
    plot::write(&document.report, folder)?;
    document.write(&folder.join("results.json"))?;
    let page_file = folder.join("README.md");
    fs::write(&page_file, page::whole(document))
        .with_context(|| format!("{} cannot be written", page_file.display()))
}

/// Puts the figures into the README, between its marks.
pub fn into_readme(document: &Document, readme: &Path) -> Result<()> {
    let cannot = || format!("{} cannot be changed", readme.display());
    let text = fs::read_to_string(readme).with_context(cannot)?;
    let new = between(&text, &page::summary(document))
        .with_context(|| format!("{} lacks the lines `{BEGIN}` and `{END}`", readme.display()))?;
    fs::write(readme, new).with_context(cannot)
}

/// The text with other figures between its marks.
fn between(text: &str, figures: &str) -> Option<String> {
    let (head, rest) = text.split_once(BEGIN)?;
    let (_, tail) = rest.split_once(END)?;
    Some(format!("{head}{BEGIN}\n{figures}{END}{tail}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_go_between_the_marks() {
        let text = format!("a\n{BEGIN}\nold\n{END}\nb\n");
        let new = between(&text, "new\n").expect("marks");
        assert_eq!(new, format!("a\n{BEGIN}\nnew\n{END}\nb\n"));
        assert_eq!(between(&new, "new\n"), Some(new));
        assert_eq!(between("no marks", "new\n"), None);
    }
}
