//! apt-get as setup calls it: what a call would do, and the suite of backports for the packages of
//! which this machine has a part from there.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context as _, Result};
use nix::unistd::mkdtemp;

use crate::process;

/// The list that apt reads besides the files of `sources.list.d` (sources.list(5)).
const SOURCES: &str = "/etc/apt/sources.list";
const INSTALL: [&str; 3] = ["-y", "--no-install-recommends", "install"];

/// apt-get, which asks nothing.
pub fn get() -> Command {
    let mut command = Command::new("apt-get");
    command
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(std::process::Stdio::null());
    command
}

/// Installs packages from the suites that this machine has.
pub fn install(names: &[&str]) -> Result<()> {
    process::capture(get().arg("-qq").args(INSTALL).args(names)).map(drop)
}

/// Installed packages that apt would remove to make room for another version of their dependencies;
/// fails where it finds no way at all.
pub fn removed_by(names: &[&str]) -> Result<Vec<String>> {
    let plan = process::capture(get().arg("-s").args(INSTALL).args(names))?;
    Ok(removals(&plan))
}

fn removals(plan: &str) -> Vec<String> {
    plan.lines()
        .filter_map(|line| line.strip_prefix("Remv "))
        .filter_map(|rest| rest.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

/// The backports of this machine's release (backports.debian.org), known to apt by a list of its own
/// for as long as this lives: the machine's sources stay as they are.
#[derive(Debug)]
pub struct Backports {
    suite: String,
    folder: PathBuf,
}

impl Backports {
    /// Finds the suite beside the release that this machine has, and fetches what it holds.
    pub fn open() -> Result<Self> {
        let fields = ["indextargets", "--format", "$(SITE) $(CODENAME)"];
        let targets = process::capture(get().args(fields).arg("Created-By: Packages"))?;
        let (archive, release) =
            release(&targets).context("apt's sources name no release of Debian's main archive")?;
        let suite = format!("{release}-backports");
        let folder = mkdtemp(&std::env::temp_dir().join("netfwd-setup-XXXXXX"))?;
        let backports = Self { suite, folder };
        let sources = fs::read_to_string(SOURCES).unwrap_or_default();
        let line = format!("{sources}\ndeb {archive} {} main\n", backports.suite);
        fs::write(backports.list(), line)?;
        process::capture(backports.get().args(["-qq", "update"]))?;
        Ok(backports)
    }

    /// Installs packages, and what they need, from this suite where it has them.
    pub fn install(&self, names: &[&str]) -> Result<()> {
        let suite = ["-t", &self.suite];
        process::capture(self.get().arg("-qq").args(suite).args(INSTALL).args(names)).map(drop)
    }

    fn get(&self) -> Command {
        let list = self.list();
        let mut command = get();
        command
            .arg("-o")
            .arg(format!("Dir::Etc::SourceList={}", list.display()));
        command
    }

    fn list(&self) -> PathBuf {
        self.folder.join("sources.list")
    }
}

impl Drop for Backports {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The first archive and release of `targets`, lines of "site codename"; a release's suites of
/// updates and of security have a suffix.
fn release(targets: &str) -> Option<(&str, &str)> {
    targets
        .lines()
        .filter_map(|line| line.split_once(' '))
        .find(|(site, release)| site.ends_with("/debian") && !release.contains('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removals_are_read_from_a_simulation() {
        let plan = "Remv qemu-utils [1:7.2]\nInst cpio (2.13 Debian)\nConf cpio (2.13 Debian)\n";
        assert_eq!(removals(plan), ["qemu-utils"]);
    }

    #[test]
    fn the_release_is_the_first_without_a_suffix() {
        let targets = "http://a.test/other bookworm\nhttp://a.test/debian bookworm-updates\n\
                       http://a.test/debian bookworm\n";
        assert_eq!(release(targets), Some(("http://a.test/debian", "bookworm")));
        assert_eq!(release("http://a.test/other bookworm\n"), None);
    }
}
