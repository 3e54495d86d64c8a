//! What the wires alone would take: frames redirected from interface to interface, nothing looked up.

use std::os::fd::OwnedFd;

use anyhow::Result;

use super::bpf;
use crate::run::netns::Netns;

/// The helpers `bpf_redirect` and `bpf_redirect_peer`.
pub const REDIRECT: i32 = 23;
pub const REDIRECT_PEER: i32 = 155;

/// Has the kernel send what comes in by a host's port out of its uplink, and hand what comes in by its
/// uplink to the port's other end, for as long as the descriptors are open. Programs of four
/// instructions do it, at the hooks and with the helpers that netfwd has: what is between the two is
/// what netfwd does.
pub fn between(host: &Netns, port: &str, uplink: &str) -> Result<[OwnedFd; 2]> {
    Ok([
        bpf::redirect(host, port, uplink, REDIRECT)?,
        bpf::redirect(host, uplink, port, REDIRECT_PEER)?,
    ])
}
