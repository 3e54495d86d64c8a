//! A Rust that compiles for BPF: the target has no prebuilt core, so it takes core's sources and
//! the unstable flag that builds them.

use std::{path::Path, process::Command};

use anyhow::{Context as _, Result, bail};

use super::packages::{Installer, Package};
use crate::process;

const CORE: &str = "lib/rustlib/src/rust/library/core/Cargo.toml";

/// Where the BPF-capable Rust comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// The user's rustup has a nightly with rust-src.
    Nightly,
    /// Debian's rustc-web, which sits under /usr beside rustup without disturbing it.
    Debian,
}

/// A Rust that compiles for BPF, and the LLVM it was made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toolchain {
    route: Route,
    /// LLVM's major version: the linker must read this one's bitcode.
    pub llvm: u32,
}

impl Toolchain {
    /// The toolchain that is here already, the user's own first.
    pub fn find() -> Option<Self> {
        [Route::Nightly, Route::Debian]
            .into_iter()
            .find_map(Self::by)
    }

    /// Finds a toolchain, or installs Debian's.
    pub fn ensure(installer: &mut Installer) -> Result<Self> {
        if let Some(toolchain) = Self::find() {
            return Ok(toolchain);
        }
        installer.ensure(&debian())?;
        Self::find().context(
            "no Rust here compiles for BPF: run `rustup toolchain install nightly --component \
             rust-src`, or install Debian's rustc-web, cargo-web and rust-web-src",
        )
    }

    fn by(route: Route) -> Option<Self> {
        let sysroot = process::capture(rustc(route).args(["--print", "sysroot"])).ok()?;
        if !Path::new(sysroot.trim()).join(CORE).exists()
            || !process::succeeds(cargo(route).arg("-V"))
        {
            return None;
        }
        let version = process::capture(rustc(route).arg("-vV")).ok()?;
        Some(Self {
            route,
            llvm: llvm_major(&version).ok()?,
        })
    }

    /// This toolchain's cargo.
    pub fn cargo(&self) -> Command {
        cargo(self.route)
    }

    /// This toolchain's compiler.
    pub fn rustc(&self) -> Command {
        rustc(self.route)
    }

    /// The toolchain as a person calls it.
    pub fn name(&self) -> &'static str {
        match self.route {
            Route::Nightly => "rustup's nightly",
            Route::Debian => "Debian's rustc-web",
        }
    }
}

/// Debian's packages of the second route.
fn debian() -> Vec<Package> {
    vec![
        Package::new(
            "cargo-web",
            "builds the BPF programs (no nightly with rust-src is here)",
        ),
        Package::new(
            "rust-web-src",
            "has core's sources, which the BPF target is built from",
        ),
        Package::new("rustc-web", "compiles the BPF programs"),
    ]
}

fn cargo(route: Route) -> Command {
    tool(route, "cargo")
}

fn rustc(route: Route) -> Command {
    tool(route, "rustc")
}

fn tool(route: Route, name: &str) -> Command {
    let mut command = match route {
        Route::Nightly => {
            let mut command = Command::new("rustup");
            // Looking for a nightly must not install one.
            command
                .args(["run", "nightly", name])
                .env("RUSTUP_AUTO_INSTALL", "0");
            command
        }
        Route::Debian => {
            let mut command = Command::new(format!("/usr/bin/{name}"));
            command
                .env("RUSTC", "/usr/bin/rustc")
                .env("RUSTC_BOOTSTRAP", "1");
            command
        }
    };
    isolate(&mut command, route);
    command
}

/// Cargo runs us with its own toolchain in the environment; none of it may reach another one.
fn isolate(command: &mut Command, route: Route) {
    for key in [
        "CARGO",
        "CARGO_BUILD_RUSTFLAGS",
        "CARGO_BUILD_TARGET",
        "CARGO_ENCODED_RUSTFLAGS",
        "LD_LIBRARY_PATH",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTC_WRAPPER",
        "RUSTFLAGS",
        "RUSTUP_TOOLCHAIN",
    ] {
        command.env_remove(key);
    }
    if route == Route::Nightly {
        command.env_remove("RUSTC").env_remove("RUSTC_BOOTSTRAP");
    }
}

/// LLVM's major version in what `rustc -vV` prints.
fn llvm_major(version: &str) -> Result<u32> {
    let Some(llvm) = version
        .lines()
        .find_map(|line| line.strip_prefix("LLVM version: "))
    else {
        bail!("rustc names no LLVM version");
    };
    let major = llvm.split('.').next().unwrap_or(llvm);
    major
        .parse()
        .with_context(|| format!("LLVM version `{llvm}` has no major number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_of_llvm_is_read() {
        let text = "rustc 1.96.0\nbinary: rustc\nrelease: 1.96.0\nLLVM version: 22.1.8\n";
        assert_eq!(llvm_major(text).unwrap(), 22);
    }

    #[test]
    fn a_rustc_without_llvm_is_an_error() {
        assert!(llvm_major("rustc 1.96.0\n").is_err());
    }
}
