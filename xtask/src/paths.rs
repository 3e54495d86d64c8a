//! Where things are: the workspace, and the target directory that everything made goes into.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

/// The places every task works in.
#[derive(Debug, Clone)]
pub struct Paths {
    /// The workspace's root.
    pub root: PathBuf,
    /// Cargo's target directory: `CARGO_TARGET_DIR` where it is set, else `target/` in the root.
    pub target: PathBuf,
}

impl Paths {
    /// Finds the workspace this task was started from.
    pub fn find() -> Result<Self> {
        // Cargo names the package of the worktree at hand when it runs us; the compiled-in path may
        // be another worktree's where both share a target directory.
        let manifest = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = manifest
            .parent()
            .with_context(|| format!("{} has no parent directory", manifest.display()))?
            .to_path_buf();
        let target = match env::var_os("CARGO_TARGET_DIR") {
            Some(dir) => env::current_dir()?.join(dir),
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }

    /// The BPF object that the loader embeds.
    pub fn object(&self) -> PathBuf {
        self.target.join("bpf/netfwd-ebpf")
    }

    /// The loader, programs embedded.
    pub fn loader(&self) -> PathBuf {
        self.target.join("release/netfwd")
    }

    /// Tools that `setup` builds for this project alone.
    pub fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }

    /// A path as a person reads it: relative to the root where it is inside.
    pub fn shown<'a>(&self, path: &'a Path) -> std::path::Display<'a> {
        path.strip_prefix(&self.root).unwrap_or(path).display()
    }
}
