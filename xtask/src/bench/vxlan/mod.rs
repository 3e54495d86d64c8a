//! Two containers on two hosts that an underlay joins: netfwd, and the kernel's bridge and vxlan.

mod bulk;
mod hosts;
mod nic;
mod packets;

use anyhow::Result;

use super::session::Session;

/// What the others are compared with.
const KERNEL: &str = "kernel bridge + vxlan";

/// Its steps.
pub const PLAN: &[&str] = &[
    "vxlan/packets-64",
    "vxlan/tcp-1",
    "vxlan/live-stack",
    "vxlan/live-xdp",
];

/// Measures and prints.
pub fn run(session: &Session<'_>) -> Result<()> {
    hosts::make_folder(session.prefix)?;
    packets::run(session)?;
    bulk::run(session)?;
    nic::run(session)
}
