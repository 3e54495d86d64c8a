//! What the kernel can do, found by asking it and not by its version, which distributions patch.

use std::{fs, path::Path};

use aya::{
    programs::{ProgramType, SchedClassifier, TcAttachType},
    sys::{BpfHelper, is_helper_supported, is_program_supported},
};

use super::DataplaneError;

/// The kernel's description of its own types.
const KERNEL_BTF: &str = "/sys/kernel/btf/vmlinux";

/// What netfwd uses where it is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// TC programs attach as links (Linux 6.6, commit e420bed02507).
    pub tcx: bool,
    /// `bpf_skb_adjust_room` can change the L3 protocol while it removes headers (Linux 6.3, commit
    /// d219df60a70e).
    pub decap_l3: bool,
    /// The kernel describes its types, and takes descriptions of ours.
    pub btf: bool,
}

impl Features {
    /// Asks the kernel.
    pub fn probe() -> Self {
        Self {
            tcx: tcx(),
            decap_l3: decap_l3(),
            btf: Path::new(KERNEL_BTF).exists(),
        }
    }
}

/// Fails with what is missing, where netfwd cannot work without it.
pub fn require() -> Result<(), DataplaneError> {
    let has = |kind| is_program_supported(kind).unwrap_or(false);
    if !has(ProgramType::SchedClassifier) {
        return Err(DataplaneError::Missing("BPF programs in traffic control"));
    }
    if !has(ProgramType::Xdp) {
        return Err(DataplaneError::Missing("XDP"));
    }
    let helpers = [
        (BpfHelper::BPF_FUNC_redirect_peer, "bpf_redirect_peer"),
        (BpfHelper::BPF_FUNC_fib_lookup, "bpf_fib_lookup"),
    ];
    for (helper, name) in helpers {
        if !is_helper_supported(ProgramType::SchedClassifier, helper).unwrap_or(false) {
            return Err(DataplaneError::Missing(name));
        }
    }
    Ok(())
}

/// A kernel without TCX does not know the attach type and refuses the question with EINVAL. Every
/// network namespace has a loopback to ask about.
fn tcx() -> bool {
    SchedClassifier::query_tcx("lo", TcAttachType::Ingress).is_ok()
}

/// The flags of `bpf_skb_adjust_room` are looked at when a program runs, not when it is verified, so
/// the kernel's own list of them is read. Without it the companion does what the flag would.
fn decap_l3() -> bool {
    const FLAG: &[u8] = b"BPF_F_ADJ_ROOM_DECAP_L3_IPV4\0";
    fs::read(KERNEL_BTF).is_ok_and(|btf| contains(&btf, FLAG))
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    let first = needle[0];
    haystack
        .windows(needle.len())
        .any(|window| window[0] == first && window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_found_wherever_it_stands() {
        assert!(contains(b"abc\0def\0", b"def\0"));
        assert!(contains(b"def\0abc\0", b"def\0"));
        assert!(!contains(b"abc\0de", b"def\0"));
    }
}
