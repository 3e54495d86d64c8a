//! bpf-linker: one that reads the toolchain's bitcode, built into the target directory where there
//! is none.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use super::{
    packages::{self, Installer, Package},
    toolchain::Toolchain,
};
use crate::{paths::Paths, process};

/// One version for everybody: it takes LLVM 21, 22 and 23, and Rust 1.95 builds it.
const VERSION: &str = "0.13.0";

/// The least program whose bitcode shows whether a linker understands the compiler.
const PROBE: &str = "#![no_std]\n#[unsafe(no_mangle)]\npub extern \"C\" fn probe() -> u64 { 7 }\n";

/// Finds a linker that works with `toolchain`, or builds one.
pub fn ensure(paths: &Paths, toolchain: &Toolchain, installer: &mut Installer) -> Result<PathBuf> {
    let probe = Probe::compile(paths, toolchain)?;
    if let Some(linker) = find(paths, &probe) {
        return Ok(linker);
    }
    build(paths, toolchain.llvm, installer)?;
    find(paths, &probe).with_context(|| {
        format!(
            "bpf-linker {VERSION} was built but does not link what {} compiles",
            toolchain.name()
        )
    })
}

/// The project's own linker first, then one on the path.
fn find(paths: &Paths, probe: &Probe) -> Option<PathBuf> {
    let own = paths.tools().join("bin/bpf-linker");
    [own, PathBuf::from("bpf-linker")]
        .into_iter()
        .find(|linker| probe.links_with(linker))
}

/// Bitcode that the toolchain at hand made.
struct Probe {
    bitcode: PathBuf,
    object: PathBuf,
}

impl Probe {
    fn compile(paths: &Paths, toolchain: &Toolchain) -> Result<Self> {
        let dir = paths.tools().join("probe");
        fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let source = dir.join("probe.rs");
        fs::write(&source, PROBE)?;
        let probe = Self {
            bitcode: dir.join("probe.bc"),
            object: dir.join("probe.o"),
        };
        process::capture(
            toolchain
                .rustc()
                .args([
                    "--crate-type",
                    "lib",
                    "--emit",
                    "llvm-bc",
                    "-Cpanic=abort",
                    "-o",
                ])
                .args([&probe.bitcode, &source]),
        )?;
        Ok(probe)
    }

    fn links_with(&self, linker: &Path) -> bool {
        process::succeeds(
            Command::new(linker)
                .args(["--target", "bpfel-unknown-none", "--btf", "-o"])
                .args([&self.object, &self.bitcode]),
        )
    }
}

fn build(paths: &Paths, llvm: u32, installer: &mut Installer) -> Result<()> {
    installer.ensure(&llvm_packages(llvm)?)?;
    let tools = paths.tools();
    eprintln!(
        "setup: building bpf-linker {VERSION} with LLVM {llvm} into {} (once, about a minute)",
        paths.shown(&tools)
    );
    let scratch = tools.join("build");
    let feature = format!("llvm-{llvm}");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    process::run(
        Command::new(cargo)
            .args([
                "install",
                "bpf-linker",
                "--version",
                VERSION,
                "--locked",
                "--force",
                "--quiet",
            ])
            .args(["--no-default-features", "--features", &feature, "--root"])
            .arg(&tools)
            .arg("--target-dir")
            .arg(&scratch)
            .env("LLVM_PREFIX", format!("/usr/lib/llvm-{llvm}"))
            .current_dir(&tools),
    )?;
    fs::remove_dir_all(&scratch).with_context(|| format!("cannot remove {}", scratch.display()))
}

fn llvm_packages(llvm: u32) -> Result<[Package; 2]> {
    let dev = format!("llvm-{llvm}-dev");
    if !Path::new(&format!("/usr/lib/llvm-{llvm}/bin/llvm-config")).exists()
        && !packages::available(&dev)
    {
        bail!(
            "no bpf-linker here reads LLVM {llvm} and Debian has no {dev} to build one with: put a \
             bpf-linker {VERSION} or newer made with LLVM {llvm} on the PATH"
        );
    }
    Ok([
        Package::new(dev, "bpf-linker is built with it"),
        Package::new(
            format!("libpolly-{llvm}-dev"),
            "LLVM's own linker flags name it",
        ),
    ])
}
