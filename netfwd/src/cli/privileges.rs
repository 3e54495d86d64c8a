//! Whether this process may do what netfwd does.

use std::fs;

use super::Failed;

/// Numbers of capabilities, include/uapi/linux/capability.h.
const NET_ADMIN: u32 = 12;
const SYS_ADMIN: u32 = 21;
const PERFMON: u32 = 38;
const BPF: u32 = 39;

/// Fails where the process is not root, or a root without what eBPF and interfaces take, as in a
/// container; the kernel's own refusals would read as if the kernel lacked something.
pub fn require() -> Result<(), Failed> {
    if !nix::unistd::geteuid().is_root() {
        return Err(Failed::new(
            "netfwd needs root to work with eBPF and interfaces; run it as root or with sudo",
        ));
    }
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    match missing(&status) {
        None => Ok(()),
        Some(name) => Err(Failed::new(format!(
            "netfwd lacks the capability {name}, which it needs to work with eBPF and interfaces; \
             grant it to the service or container that netfwd runs in"
        ))),
    }
}

/// The first capability that a process with this status lacks.
fn missing(status: &str) -> Option<&'static str> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))?;
    let effective = u64::from_str_radix(line.trim(), 16).ok()?;
    let has = |number: u32| effective >> number & 1 == 1;
    // CAP_SYS_ADMIN stands in for what was split off it (Linux 5.8, commit 2c78ee898d8f).
    let needed = [
        ("CAP_NET_ADMIN", has(NET_ADMIN)),
        ("CAP_BPF", has(BPF) || has(SYS_ADMIN)),
        ("CAP_PERFMON", has(PERFMON) || has(SYS_ADMIN)),
    ];
    needed.iter().find(|(_, has)| !has).map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(missing("Name:\tx\nCapEff:\t000001ffffffffff\n"), None);
        assert_eq!(
            missing("CapEff:\t000001ffffffefff\n"),
            Some("CAP_NET_ADMIN")
        );
        assert_eq!(missing("CapEff:\t0000017fffdfffff\n"), Some("CAP_BPF"));
        assert_eq!(missing("CapEff:\t000001bfffdfffff\n"), Some("CAP_PERFMON"));
        assert_eq!(
            missing("CapEff:\t0000003fffffffff\n"),
            None,
            "an older kernel"
        );
    }
}
