//! Privileges and the kernel.

use super::{Finding, Severity};
use crate::dataplane::{Features, Pins, probe};

/// What is found of the host itself.
pub(super) fn findings() -> Vec<Finding> {
    let mut findings = Vec::new();
    if !nix::unistd::geteuid().is_root() {
        let remedy = "run it as root or with sudo";
        let finding = "not root: nothing can be loaded, and the kernel cannot be asked";
        findings.push(Finding::new(Severity::Error, "user", finding, remedy));
        return findings;
    }
    if let Err(error) = probe::require() {
        let remedy = "boot Linux 6.1 or newer, built with BPF";
        findings.push(Finding::new(
            Severity::Error,
            "kernel",
            error.to_string(),
            remedy,
        ));
    }
    findings.extend(features(Features::probe()));
    if !Pins::mounted() {
        let finding = "no BPF file system at /sys/fs/bpf; netfwd mounts one when it starts";
        findings.push(Finding::fine("bpffs", finding));
    }
    findings
}

fn features(features: Features) -> Vec<Finding> {
    let of = |has, with: &str, without: &str, remedy: &str| {
        if has {
            Finding::fine("kernel", with)
        } else {
            Finding::new(Severity::Info, "kernel", without, remedy)
        }
    };
    vec![
        of(
            features.tcx,
            "TCX: programs attach as links (mode tcx)",
            "no TCX: programs attach by the clsact qdisc (mode clsact), 0.93 times as fast",
            "Linux 6.6 or newer has it",
        ),
        of(
            features.decap_l3,
            "packets are decapsulated across IP versions in the fast path",
            "packets that change their IP version when decapsulated take the companion device",
            "Linux 6.3 or newer has it",
        ),
        of(
            features.btf,
            "BTF: bpftool shows field names",
            "no BTF: bpftool shows the maps as raw bytes",
            "use a kernel built with CONFIG_DEBUG_INFO_BTF",
        ),
    ]
}
