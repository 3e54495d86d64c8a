//! The initramfs: busybox, modules, the loader and what the checks call, with their libraries.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};

use super::{kernel::Kernel, modules};
use crate::{paths::Paths, process};

const INIT: &str = include_str!("guest/init");
/// The configurations that a reader is given.
const HOST_A: &str = include_str!("../../../examples/host-a.toml");
const HOST_B: &str = include_str!("../../../examples/host-b.toml");

/// What a machine is booted for.
pub struct Guest {
    /// What its files are called after.
    pub name: &'static str,
    /// The script of its checks, which init sources.
    pub checks: &'static str,
    /// The modules that they need.
    pub modules: &'static [&'static str],
    /// Programs of the host that they call; busybox has what else they need.
    pub programs: &'static [&'static str],
}

/// Packs the initramfs of a kernel and returns its file.
pub fn pack(paths: &Paths, kernel: &Kernel, guest: &Guest) -> Result<PathBuf> {
    let root = kernel.dir.join(guest.name);
    if root.exists() {
        fs::remove_dir_all(&root).with_context(|| format!("cannot remove {}", root.display()))?;
    }
    for dir in [
        "bin", "dev", "etc", "lib64", "modules", "proc", "run", "sys", "tmp", "var/lib",
    ] {
        fs::create_dir_all(root.join(dir))?;
    }
    busybox(&root)?;
    programs(&root, &paths.loader(), guest.programs)?;
    kernel_modules(&root, kernel, guest.modules)?;
    scripts(&root, guest.checks)?;
    let packed = archive(&root, &kernel.dir.join(format!("{}.cpio", guest.name)))?;
    fs::remove_dir_all(&root).with_context(|| format!("cannot remove {}", root.display()))?;
    Ok(packed)
}

fn busybox(root: &Path) -> Result<()> {
    let list = process::capture(Command::new("busybox").arg("--list"))?;
    fs::copy(which("busybox")?, root.join("bin/busybox"))?;
    for applet in list.lines().filter(|applet| *applet != "busybox") {
        symlink("busybox", root.join("bin").join(applet))?;
    }
    Ok(())
}

fn programs(root: &Path, loader: &Path, wanted: &[&str]) -> Result<()> {
    let mut files = vec![loader.to_path_buf()];
    for name in wanted {
        files.push(which(name)?);
    }
    for file in files {
        let name = file
            .file_name()
            .context("a program's path ends with its name")?;
        let to = root.join("bin").join(name);
        // Busybox has lesser ones of the same names.
        if to.is_symlink() {
            fs::remove_file(&to)?;
        }
        fs::copy(&file, &to).with_context(|| format!("cannot copy {}", file.display()))?;
        libraries(root, &file)?;
    }
    Ok(())
}

fn libraries(root: &Path, program: &Path) -> Result<()> {
    let listing = process::capture(Command::new("ldd").arg(program))?;
    for library in library_paths(&listing) {
        let to = root.join(library.trim_start_matches('/'));
        if !to.exists() {
            fs::create_dir_all(to.parent().unwrap_or(root))?;
            fs::copy(library, &to).with_context(|| format!("cannot copy {library}"))?;
        }
    }
    Ok(())
}

/// The files in what ldd prints: `name => /path (address)`, and the loader as `/path (address)`.
fn library_paths(listing: &str) -> impl Iterator<Item = &str> {
    listing
        .lines()
        .flat_map(str::split_whitespace)
        .filter(|word| word.starts_with('/'))
}

/// A program on the host's search path, or where Debian puts what only root calls.
fn which(name: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(PathBuf::from))
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
        .with_context(|| format!("{name} is not installed: run `cargo xtask setup`"))
}

fn kernel_modules(root: &Path, kernel: &Kernel, wanted: &[&str]) -> Result<()> {
    let table = fs::read_to_string(kernel.modules.join("modules.dep"))?;
    let mut order = String::new();
    // What one kernel has as a module another has built in.
    let built_in = fs::read_to_string(kernel.modules.join("modules.builtin"))?;
    let built_in: Vec<_> = built_in.lines().map(modules::name_of).collect();
    let wanted = wanted.iter().filter(|name| !built_in.contains(name));
    let wanted: Vec<_> = wanted.copied().collect();
    for file in modules::load_order(&table, &wanted)? {
        let name = modules::name_of(file);
        fs::write(
            root.join(format!("modules/{name}.ko")),
            plain(&kernel.modules.join(file))?,
        )?;
        order += name;
        order.push('\n');
    }
    Ok(fs::write(root.join("modules/order"), order)?)
}

/// A module's object: busybox's insmod takes it only uncompressed.
fn plain(file: &Path) -> Result<Vec<u8>> {
    if file.extension().is_none_or(|extension| extension != "xz") {
        return fs::read(file).with_context(|| format!("cannot read {}", file.display()));
    }
    let output = process::output(Command::new("xz").arg("-dc").arg(file))?;
    ensure!(
        output.status.success(),
        "xz cannot unpack {}",
        file.display()
    );
    Ok(output.stdout)
}

fn scripts(root: &Path, checks: &str) -> Result<()> {
    for (name, text) in [("init", INIT), ("checks", checks)] {
        let file = root.join(name);
        fs::write(&file, text)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755))?;
    }
    fs::write(root.join("etc/a.toml"), HOST_A)?;
    Ok(fs::write(root.join("etc/b.toml"), HOST_B)?)
}

/// Packs a directory in the kernel's format, uncompressed: it is read once, from memory.
fn archive(root: &Path, to: &Path) -> Result<PathBuf> {
    let names = process::capture(Command::new("find").arg(".").current_dir(root))?;
    let file = fs::File::create(to).with_context(|| format!("cannot make {}", to.display()))?;
    let mut cpio = Command::new("cpio")
        .args(["-o", "-H", "newc", "--quiet", "-R", "0:0"])
        .current_dir(root)
        .stdin(Stdio::piped())
        .stdout(file)
        .spawn()
        .context("cannot start cpio")?;
    cpio.stdin
        .take()
        .context("cpio has no standard input")?
        .write_all(names.as_bytes())?;
    ensure!(
        cpio.wait()?.success(),
        "cpio cannot pack {}",
        root.display()
    );
    Ok(to.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_and_their_loader_are_found() {
        let listing = "\tlinux-vdso.so.1 (0x1)\n\tlibc.so.6 => /lib/libc.so.6 (0x2)\n\
                       \t/lib64/ld-linux-x86-64.so.2 (0x3)\n";
        let found: Vec<_> = library_paths(listing).collect();
        assert_eq!(found, ["/lib/libc.so.6", "/lib64/ld-linux-x86-64.so.2"]);
    }
}
