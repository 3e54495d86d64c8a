//! Debian packages: which are needed and why, which are missing, and installing those.

use std::{
    collections::BTreeSet, fs, io::Write as _, os::unix::fs::PermissionsExt as _, path::Path,
    process::Command,
};

use anyhow::{Context as _, Result, bail};
use nix::unistd::Uid;

use super::apt::{self, Backports};
use crate::process;

/// A package and what it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Debian's name for it.
    pub name: String,
    /// What the project does with it.
    pub reason: &'static str,
}

impl Package {
    /// A package of this name, needed for this reason.
    pub fn new(name: impl Into<String>, reason: &'static str) -> Self {
        Self {
            name: name.into(),
            reason,
        }
    }
}

/// What the lab, the tests and the virtual machines call.
const TESTS: &[(&str, &str)] = &[
    ("bind9-dnsutils", "asks name servers through NAT"),
    ("bpftool", "reads the pinned maps back, with field names"),
    (
        "busybox-static",
        "is the user space of the virtual machines, and small clients and servers",
    ),
    ("conntrack", "empties the kernel twin's table of sessions"),
    ("cpio", "packs the virtual machines' initramfs"),
    (
        "curl",
        "talks to the control socket and the metrics listener",
    ),
    ("dhcpcd-base", "asks for leases through the switch"),
    ("dnsmasq-base", "serves leases behind the switch"),
    ("ethtool", "switches offloads on and off"),
    ("iperf3", "measures bulk TCP and UDP"),
    (
        "iproute2",
        "makes namespaces, links and the kernel's own VXLAN peer",
    ),
    ("iputils-ping", "checks reachability, sizes and losses"),
    ("isc-dhcp-client", "asks for leases through the switch"),
    ("kmod", "orders the virtual machines' modules"),
    ("lldpd", "sees its neighbour at both ends of a port"),
    ("netcat-openbsd", "is the server behind a published port"),
    ("nftables", "is the kernel twin's masquerade"),
    ("openssh-client", "holds sessions that stay idle behind NAT"),
    (
        "openssh-server",
        "serves sessions that stay idle behind NAT",
    ),
    ("openvswitch-switch", "is the VLAN-aware switch beside ours"),
    ("procps", "reads and sets the test namespaces' sysctls"),
    ("qemu-system-x86", "boots the older kernels"),
    ("socat", "sends and receives single datagrams"),
    ("tcpdump", "captures what is on the underlay"),
    ("traceroute", "finds its way through NAT"),
    ("tshark", "decodes the captures"),
    ("xz-utils", "unpacks the virtual machines' modules"),
];

/// The packages that the lab and the tests need.
pub fn for_tests() -> Vec<Package> {
    TESTS
        .iter()
        .map(|&(name, reason)| Package::new(name, reason))
        .collect()
}

/// Installs packages, refreshing the package lists at most once.
#[derive(Debug, Default)]
pub struct Installer {
    refreshed: bool,
}

impl Installer {
    /// Installs those of `wanted` that are missing, saying so first.
    pub fn ensure(&mut self, wanted: &[Package]) -> Result<()> {
        if !process::exists("dpkg-query") {
            eprintln!(
                "setup: this is no Debian system, so these are taken to be here: {}",
                names(wanted).join(" ")
            );
            return Ok(());
        }
        let missing = missing(wanted, &installed(wanted)?);
        if missing.is_empty() {
            return Ok(());
        }
        announce(&missing);
        self.install(&names(&missing))
    }

    /// Refreshes the package lists, unless that has been done.
    pub fn refresh(&mut self) -> Result<()> {
        if !self.refreshed {
            process::capture(apt::get().args(["-qq", "update"]))
                .context("the package lists cannot be refreshed: check this machine's network")?;
            self.refreshed = true;
        }
        Ok(())
    }

    fn install(&mut self, names: &[&str]) -> Result<()> {
        if !Uid::effective().is_root() {
            bail!(
                "packages cannot be installed without root: run `cargo xtask setup` as root, or \
                `apt-get install {}`",
                names.join(" ")
            );
        }
        self.refresh()?;
        let _idle = NoServices::hold();
        install(names).with_context(|| format!("cannot install {}", names.join(" ")))
    }
}

/// Installs packages without removing any: what apt would remove is upgraded with them, and where
/// that cannot be, what it stands against comes from the backports.
fn install(names: &[&str]) -> Result<()> {
    let removed = apt::removed_by(names)?;
    let kept: Vec<&str> = removed.iter().map(String::as_str).collect();
    let together = [names, &kept].concat();
    if kept.is_empty() || apt::removed_by(&together).is_ok_and(|removed| removed.is_empty()) {
        return apt::install(&together);
    }
    let (backported, others): (Vec<&str>, Vec<&str>) = names
        .iter()
        .partition(|&&name| apt::removed_by(&[name]).is_ok_and(|removed| !removed.is_empty()));
    eprintln!(
        "setup: {} from the backports, where {} is from",
        backported.join(" "),
        kept.join(" ")
    );
    Backports::open()?.install(&backported)?;
    apt::install(&others)
}

/// While it lives, packages that are installed start no service of theirs: the tests run daemons in
/// namespaces of their own, and this machine is to go on as it was.
struct NoServices(Option<&'static Path>);

impl NoServices {
    /// Debian's way to say so (invoke-rc.d(8)); a policy that is there already stays as it is.
    fn hold() -> Self {
        const FORBIDDEN: &str = "#!/bin/sh\nexit 101\n";
        let policy = Path::new("/usr/sbin/policy-rc.d");
        let made = fs::File::create_new(policy).and_then(|mut file| {
            file.write_all(FORBIDDEN.as_bytes())?;
            file.set_permissions(fs::Permissions::from_mode(0o755))
        });
        Self(made.is_ok().then_some(policy))
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if let Some(policy) = self.0 {
            let _ = fs::remove_file(policy);
        }
    }
}

/// Whether the package lists know a package of this name.
pub fn available(name: &str) -> bool {
    process::output(Command::new("apt-cache").args(["show", name]))
        .is_ok_and(|output| output.status.success() && !output.stdout.is_empty())
}

fn announce(missing: &[Package]) {
    eprintln!("setup: installing Debian packages:");
    for package in missing {
        eprintln!("  {:<18} {}", package.name, package.reason);
    }
}

fn names(packages: &[Package]) -> Vec<&str> {
    packages
        .iter()
        .map(|package| package.name.as_str())
        .collect()
}

fn installed(wanted: &[Package]) -> Result<String> {
    // dpkg-query exits with 1 when it knows none or only some of the names; what it knows it prints.
    let output = process::output(
        Command::new("dpkg-query")
            .args(["-W", "-f", "${Package} ${db:Status-Status}\n"])
            .args(names(wanted)),
    )?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Those of `wanted` that `listing` (lines of "package status") does not show as installed.
fn missing(wanted: &[Package], listing: &str) -> Vec<Package> {
    let here: BTreeSet<&str> = listing
        .lines()
        .filter_map(|line| line.strip_suffix(" installed"))
        .collect();
    wanted
        .iter()
        .filter(|package| !here.contains(package.name.as_str()))
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> Vec<Package> {
        ["cpio", "kmod", "socat"]
            .map(|name| Package::new(name, "a test"))
            .to_vec()
    }

    #[test]
    fn only_what_is_not_installed_is_missing() {
        let missing = missing(&wanted(), "cpio installed\nkmod not-installed\n");
        assert_eq!(names(&missing), ["kmod", "socat"]);
    }

    #[test]
    fn removed_with_its_configuration_left_is_missing() {
        let missing = missing(
            &wanted(),
            "cpio config-files\nkmod installed\nsocat installed\n",
        );
        assert_eq!(names(&missing), ["cpio"]);
    }

    #[test]
    fn the_table_is_sorted_and_names_each_package_once() {
        assert!(TESTS.is_sorted_by(|a, b| a.0 < b.0));
    }
}
