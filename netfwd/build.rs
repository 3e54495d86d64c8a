//! Puts the BPF object where the crate embeds it from: `$OUT_DIR/netfwd-ebpf`.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

fn main() -> ExitCode {
    println!("cargo:rerun-if-changed=build.rs");
    let object = object();
    println!("cargo:rerun-if-changed={}", object.display());
    let embedded = Path::new(&variable("OUT_DIR")).join("netfwd-ebpf");
    match fs::copy(&object, &embedded) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!(
                "the BPF programs cannot be embedded, {} is not readable ({error}): run \
                 `cargo xtask build` first",
                object.display()
            );
            ExitCode::FAILURE
        }
    }
}

/// Where `cargo xtask build` puts the object, unless the builder names another.
fn object() -> PathBuf {
    for name in ["NETFWD_EBPF_OBJECT", "CARGO_TARGET_DIR"] {
        println!("cargo:rerun-if-env-changed={name}");
    }
    if let Some(object) = env::var_os("NETFWD_EBPF_OBJECT") {
        return object.into();
    }
    let root = Path::new(&variable("CARGO_MANIFEST_DIR")).join("..");
    let target = env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    root.join(target).join("bpf/netfwd-ebpf")
}

/// A variable that cargo sets for every build script.
fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("cargo sets {name} for build scripts"))
}
