//! `cargo xtask run`: the lab.

use anyhow::{Result, bail};

use crate::paths::Paths;

/// Lays out the lab, checks it, and shows it live until Ctrl-C, or ends after the checks.
pub fn lab(paths: &Paths, once: bool) -> Result<()> {
    let mode = if once { "--once" } else { "" };
    bail!(
        "the lab has not landed for {} {mode}",
        paths.loader().display()
    )
}
