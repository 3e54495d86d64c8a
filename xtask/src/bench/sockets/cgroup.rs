//! A control group of this process and what it starts, so that programs see no sockets but theirs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// The group; this process goes back to where it was when the value is dropped.
pub struct Cgroup {
    folder: PathBuf,
    before: PathBuf,
}

impl Cgroup {
    /// Makes one below that of this process, and enters it.
    pub fn enter(name: &str) -> Result<Self> {
        let before = own()?;
        let folder = before.join(name);
        fs::create_dir(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        let group = Self { folder, before };
        hold_this_process(&group.folder)?;
        Ok(group)
    }

    /// Where it stands.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // What fails leaves an empty folder, which harms nobody.
        let _ = hold_this_process(&self.before);
        let _ = fs::remove_dir(&self.folder);
    }
}

fn hold_this_process(folder: &Path) -> Result<()> {
    let file = folder.join("cgroup.procs");
    fs::write(&file, "0").with_context(|| format!("{} takes no process", file.display()))
}

/// The folder of this process in the version 2 hierarchy.
fn own() -> Result<PathBuf> {
    let mounts = fs::read_to_string("/proc/mounts").context("/proc/mounts")?;
    let mount = mounts
        .lines()
        .filter_map(|line| line.split(' ').nth(1).zip(line.split(' ').nth(2)))
        .find_map(|(folder, kind)| (kind == "cgroup2").then_some(folder))
        .context("no cgroup2 hierarchy is mounted, where programs could see sockets")?;
    let groups = fs::read_to_string("/proc/self/cgroup").context("/proc/self/cgroup")?;
    let path = groups.lines().find_map(|line| line.strip_prefix("0::/"));
    Ok(Path::new(mount).join(path.context("this process is in no group of version 2")?))
}
