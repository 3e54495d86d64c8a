//! `cargo xtask setup`: finds or installs what building and testing need.

mod apt;
pub mod linker;
pub mod packages;
pub mod toolchain;

use std::path::PathBuf;

use anyhow::Result;

use crate::paths::Paths;
use packages::Installer;
use toolchain::Toolchain;

/// What compiles the BPF programs.
#[derive(Debug)]
pub struct BpfTools {
    /// The Rust that compiles them.
    pub toolchain: Toolchain,
    /// The linker that makes one object of them.
    pub linker: PathBuf,
}

/// Everything: what building needs, and the packages that the lab and the tests use.
pub fn everything(paths: &Paths) -> Result<BpfTools> {
    let mut installer = Installer::default();
    installer.ensure(&packages::for_tests())?;
    tools(paths, &mut installer)
}

/// Only what building needs.
pub fn for_build(paths: &Paths) -> Result<BpfTools> {
    tools(paths, &mut Installer::default())
}

fn tools(paths: &Paths, installer: &mut Installer) -> Result<BpfTools> {
    let toolchain = Toolchain::ensure(installer)?;
    let linker = linker::ensure(paths, &toolchain, installer)?;
    Ok(BpfTools { toolchain, linker })
}
