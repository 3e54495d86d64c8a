//! Where `cargo xtask build` leaves what the tests run.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};

/// The loader: `NETFWD_BIN`, or `release/netfwd` in the target directory that this test is in.
pub fn netfwd() -> Result<PathBuf> {
    find("NETFWD_BIN", "release/netfwd", "the loader")
}

/// The BPF object: `NETFWD_EBPF_OBJECT`, or `bpf/netfwd-ebpf` in the target directory.
pub fn object() -> Result<PathBuf> {
    find("NETFWD_EBPF_OBJECT", "bpf/netfwd-ebpf", "the BPF object")
}

fn find(variable: &str, below: &str, what: &str) -> Result<PathBuf> {
    let path = match env::var_os(variable) {
        Some(path) => PathBuf::from(path),
        None => target_directory()?.join(below),
    };
    ensure!(
        path.is_file(),
        "{what} is not at {}; build it with `cargo xtask build`, or name it in {variable}",
        path.display()
    );
    Ok(path)
}

/// Test binaries lie in `<target>/<profile>/deps`.
fn target_directory() -> Result<PathBuf> {
    let test = env::current_exe()?;
    let target = test.ancestors().nth(3).map(Path::to_path_buf);
    target.context("a test binary lies three directories deep in the target directory")
}
