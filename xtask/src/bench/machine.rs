//! The machine, its kernel, and the versions of what was measured with.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::process;

/// Where a run took place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The model of its CPUs.
    pub cpu: String,
    /// How many of them this process may use.
    pub cores: usize,
    /// Memory in octets.
    pub memory: u64,
    /// What it is a guest of, where the firmware or the CPU tells.
    pub virtualisation: Option<String>,
    /// The release of the kernel.
    pub kernel: String,
}

impl Machine {
    /// This one.
    pub fn this() -> Result<Self> {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").context("/proc/cpuinfo")?;
        let meminfo = fs::read_to_string("/proc/meminfo").context("/proc/meminfo")?;
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").context("osrelease")?;
        let cores = std::thread::available_parallelism()?.get();
        Ok(Self {
            cpu: field(&cpuinfo, "model name")
                .unwrap_or(std::env::consts::ARCH)
                .to_owned(),
            cores,
            memory: memory(&meminfo).context("/proc/meminfo tells no MemTotal")?,
            virtualisation: virtualisation(&cpuinfo),
            kernel: kernel.trim().to_owned(),
        })
    }

    /// In one line.
    pub fn words(&self) -> String {
        let gibibytes = self.memory as f64 / f64::from(1 << 30);
        let guest = self.virtualisation.as_ref();
        let guest = guest.map_or_else(String::new, |host| format!(", a guest of {host}"));
        format!(
            "{}, {} cores, {gibibytes:.0} GiB{guest}; Linux {}",
            self.cpu, self.cores, self.kernel
        )
    }
}

/// The first value of a name in a table of `name: value`.
fn field<'text>(table: &'text str, name: &str) -> Option<&'text str> {
    table.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then_some(value.trim())
    })
}

fn memory(meminfo: &str) -> Option<u64> {
    let kibibytes = field(meminfo, "MemTotal")?.strip_suffix("kB")?;
    Some(kibibytes.trim().parse::<u64>().ok()? * 1024)
}

/// The firmware's vendor and product of a guest; a guest's CPU has the flag `hypervisor`.
fn virtualisation(cpuinfo: &str) -> Option<String> {
    let flags = field(cpuinfo, "flags").unwrap_or_default();
    if !flags.split_whitespace().any(|flag| flag == "hypervisor") {
        return None;
    }
    let told = |file: &str| fs::read_to_string(Path::new("/sys/class/dmi/id").join(file)).ok();
    let words = ["sys_vendor", "product_name"].into_iter().filter_map(told);
    let words: Vec<_> = words.map(|word| word.trim().to_owned()).collect();
    let product = words.join(" ");
    Some(if product.is_empty() {
        "an unnamed hypervisor".to_owned()
    } else {
        product
    })
}

/// What each tool says of itself; one that is missing says so.
pub fn versions(loader: &Path, root: &Path) -> BTreeMap<String, String> {
    let git = ["describe", "--always", "--dirty", "--tags"];
    let tools: [(&str, &OsStr, &[&str]); 6] = [
        ("netfwd", loader.as_os_str(), &["--version"]),
        ("commit", OsStr::new("git"), &git),
        ("rustc", OsStr::new("rustc"), &["--version"]),
        ("iperf3", OsStr::new("iperf3"), &["--version"]),
        ("nft", OsStr::new("nft"), &["--version"]),
        ("ip", OsStr::new("ip"), &["-V"]),
    ];
    let said = |program: &OsStr, words: &[&str]| {
        let mut command = Command::new(program);
        process::capture(command.current_dir(root).args(words)).unwrap_or_default()
    };
    let version = |(name, program, words): (&str, &OsStr, &[&str])| {
        (name.to_owned(), short(&said(program, words)))
    };
    tools.map(version).into()
}

/// The first line of what a program says.
fn short(said: &str) -> String {
    let line = said.lines().next().unwrap_or("unknown").trim();
    line.to_owned()
}

/// The time now in UTC, as ISO 8601 has it.
pub fn now() -> Result<String> {
    let date = process::capture(Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%SZ"]))?;
    Ok(date.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_in_octets() {
        assert_eq!(
            memory("MemTotal:  2048 kB\nMemFree: 1 kB\n"),
            Some(2_097_152)
        );
    }

    #[test]
    fn a_machine_without_the_flag_is_no_guest() {
        assert_eq!(virtualisation("flags : fpu vme\n"), None);
        assert!(virtualisation("flags : fpu hypervisor\n").is_some());
    }

    #[test]
    fn this_machine_is_known() {
        let machine = Machine::this().expect("/proc can be read");
        assert!(machine.cores > 0 && machine.memory > 0 && !machine.kernel.is_empty());
    }
}
