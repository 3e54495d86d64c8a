//! `cargo xtask build`: the BPF object first, then the loader that embeds it.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs, io,
    path::Path,
    process::Command,
};

use anyhow::{Context as _, Result};

use crate::{
    paths::Paths,
    process,
    setup::{self, BpfTools},
};

/// Builds the programs and the loader.
pub fn build(paths: &Paths) -> Result<()> {
    let tools = setup::for_build(paths)?;
    build_with(paths, &tools)
}

/// Builds the programs and the loader with tools found before.
pub fn build_with(paths: &Paths, tools: &BpfTools) -> Result<()> {
    programs(paths, tools)?;
    process::run(cargo(paths).args(["build", "--release", "--package", "netfwd"]))?;
    eprintln!("build: {}", paths.shown(&paths.loader()));
    Ok(())
}

/// The host's cargo, in the workspace.
pub fn cargo(paths: &Paths) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .current_dir(&paths.root)
        .env("CARGO_TARGET_DIR", &paths.target);
    command
}

fn programs(paths: &Paths, tools: &BpfTools) -> Result<()> {
    let out = paths.target.join("bpf-build");
    process::run(
        tools
            .toolchain
            .cargo()
            .args([
                "build",
                "--release",
                "--package",
                "netfwd-ebpf",
                "--bins",
                "--locked",
            ])
            .args(["-Z", "build-std=core", "--target", triple(), "--target-dir"])
            .arg(&out)
            .current_dir(&paths.root)
            .env("CARGO_ENCODED_RUSTFLAGS", rustflags(env::consts::ARCH))
            .env("PATH", path_with(&tools.linker)?),
    )?;
    let built = out.join(triple()).join("release/netfwd-ebpf");
    replace_if_changed(&built, &paths.object())
}

/// The programs run in this kernel, so they have this machine's endianness.
const fn triple() -> &'static str {
    if cfg!(target_endian = "big") {
        "bpfeb-unknown-none"
    } else {
        "bpfel-unknown-none"
    }
}

/// Flags in cargo's encoding, as aya-build passes them: aya-ebpf chooses its bindings by
/// `bpf_target_arch`, and BTF is made from debug info. aya-build itself is for build scripts; it
/// knows toolchains by their rustup names only.
fn rustflags(arch: &str) -> String {
    // aya-ebpf's bindings know one riscv64, whatever its extensions.
    let arch = if arch.starts_with("riscv64") {
        "riscv64"
    } else {
        arch
    };
    [
        &format!("--cfg=bpf_target_arch=\"{arch}\""),
        "-Cdebuginfo=2",
        // 32-bit registers and jumps, which every kernel we support knows (from 5.1 on).
        "-Ctarget-cpu=v3",
        "-Clink-arg=--btf",
        // bpf-linker's default turns every memset, of three octets too, into a call of a loop that
        // stores octet by octet: the verifier walks each of its rounds.
        "-Clink-arg=--disable-expand-memcpy-in-order",
    ]
    .join("\x1f")
}

/// The search path with the linker's directory in front: rustc asks for `bpf-linker` by name.
fn path_with(linker: &Path) -> Result<OsString> {
    let path = env::var_os("PATH").unwrap_or_default();
    let first = linker
        .parent()
        .filter(|dir| *dir != OsStr::new(""))
        .map(Path::to_path_buf);
    env::join_paths(first.into_iter().chain(env::split_paths(&path)))
        .context("the directory of bpf-linker cannot stand in PATH")
}

/// Copies `from` over `to` unless they are the same, so that the loader is rebuilt only for new
/// programs.
fn replace_if_changed(from: &Path, to: &Path) -> Result<()> {
    let new = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    if fs::read(to).is_ok_and(|old| old == new) {
        return Ok(());
    }
    write_whole(to, &new).with_context(|| format!("cannot write {}", to.display()))
}

fn write_whole(to: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(to.parent().unwrap_or_else(|| Path::new(".")))?;
    let new = to.with_extension("new");
    fs::write(&new, bytes)?;
    fs::rename(new, to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_name_the_architecture_and_ask_for_btf() {
        let flags = rustflags("x86_64");
        assert!(flags.starts_with("--cfg=bpf_target_arch=\"x86_64\"\x1f"));
        assert!(flags.split('\x1f').any(|flag| flag == "-Clink-arg=--btf"));
        assert!(rustflags("riscv64gc").contains("\"riscv64\""));
    }

    #[test]
    fn the_linkers_directory_comes_first() {
        let path = path_with(Path::new("/x/bin/bpf-linker")).unwrap();
        assert_eq!(env::split_paths(&path).next().unwrap(), Path::new("/x/bin"));
    }
}
