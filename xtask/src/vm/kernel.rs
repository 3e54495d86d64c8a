//! Debian's kernels, unpacked into the target directory and never installed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use crate::{paths::Paths, process, setup::packages::Installer};

/// Packages that depend on the newest kernel of a series.
const META: &[&str] = &[
    "linux-image-amd64",
    "linux-image-6.12-amd64",
    "linux-image-6.1-amd64",
];

/// An unpacked kernel.
#[derive(Debug)]
pub struct Kernel {
    /// Its directory, which its initramfs and console log go into as well.
    pub dir: PathBuf,
    /// What `uname -r` says in it.
    pub release: String,
    /// The image to boot.
    pub image: PathBuf,
    /// Its modules, with `modules.dep`.
    pub modules: PathBuf,
}

/// What looking for a kernel ended with.
pub enum Found {
    /// Here it is.
    Kernel(Kernel),
    /// This machine has no way to it, and why.
    Nowhere(String),
}

/// The kernel of a series, from an earlier run or from Debian's archive.
pub fn find_or_fetch(paths: &Paths, series: &str) -> Result<Found> {
    let dir = paths.target.join("vm").join(series);
    if let Some(kernel) = unpacked(&dir)? {
        return Ok(Found::Kernel(kernel));
    }
    if !process::exists("apt-cache") {
        return Ok(Found::Nowhere(
            "this is no Debian system, whose archive has it".to_owned(),
        ));
    }
    // The lists may be absent, or older than the archive, which keeps no superseded kernel.
    if let Ok(Some(kernel)) = fetch(paths, &dir, series) {
        return Ok(Found::Kernel(kernel));
    }
    Installer::default().refresh()?;
    Ok(match fetch(paths, &dir, series)? {
        Some(kernel) => Found::Kernel(kernel),
        None => Found::Nowhere("the package lists have none".to_owned()),
    })
}

/// The kernel in a directory where one was unpacked to the end: `modules.dep` is made last.
fn unpacked(dir: &Path) -> Result<Option<Kernel>> {
    let Ok(entries) = fs::read_dir(dir.join("lib/modules")) else {
        return Ok(None);
    };
    for entry in entries {
        let modules = entry?.path();
        let release = modules
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let image = dir.join(format!("boot/vmlinuz-{release}"));
        if image.exists() && modules.join("modules.dep").exists() {
            return Ok(Some(Kernel {
                dir: dir.to_path_buf(),
                release,
                image,
                modules,
            }));
        }
    }
    Ok(None)
}

fn package_of(series: &str) -> Result<Option<String>> {
    for meta in META {
        let depends = process::output(Command::new("apt-cache").args(["depends", meta]))?;
        let depends = String::from_utf8_lossy(&depends.stdout);
        if let Some(package) = image_in(&depends, series) {
            return Ok(Some(package.to_owned()));
        }
    }
    Ok(None)
}

/// The kernel image of a series among what a package depends on.
fn image_in<'a>(depends: &'a str, series: &str) -> Option<&'a str> {
    let prefix = format!("linux-image-{series}.");
    depends
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Depends: "))
        .find(|name| name.starts_with(&prefix))
}

fn fetch(paths: &Paths, dir: &Path, series: &str) -> Result<Option<Kernel>> {
    let Some(package) = package_of(series)? else {
        return Ok(None);
    };
    eprintln!("vm: downloading {package} into {} (once)", paths.shown(dir));
    // What an interrupted run left half unpacked.
    if dir.exists() {
        fs::remove_dir_all(dir).with_context(|| format!("cannot remove {}", dir.display()))?;
    }
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    process::capture(
        Command::new("apt-get")
            .args(["-q", "download", &package])
            .current_dir(dir),
    )?;
    unpack(dir)?;
    unpacked(dir)?
        .with_context(|| format!("{package} has no kernel image or no modules in it"))
        .map(Some)
}

fn unpack(dir: &Path) -> Result<()> {
    let archive = fs::read_dir(dir)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .with_context(|| format!("apt-get left no package in {}", dir.display()))?;
    process::capture(Command::new("dpkg").arg("-x").args([&archive, dir]))?;
    fs::remove_file(&archive)?;
    for entry in fs::read_dir(dir.join("lib/modules"))? {
        process::capture(
            Command::new("depmod")
                .arg("-b")
                .arg(dir)
                .arg(entry?.file_name()),
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_of_the_series_is_chosen() {
        let depends = "linux-image-6.12-amd64\n  Depends: linux-image-6.12.117+deb12-amd64\n";
        assert_eq!(
            image_in(depends, "6.12"),
            Some("linux-image-6.12.117+deb12-amd64")
        );
        assert_eq!(image_in(depends, "6.1"), None);
    }
}
