//! Two containers on two hosts that an underlay joins: netfwd, and the kernel's bridge and vxlan.

mod bulk;
mod hosts;
mod nic;
mod packets;

use std::path::Path as File;

use anyhow::Result;

use super::measure::Rounds;

/// What the others are compared with.
const KERNEL: &str = "kernel bridge + vxlan";

/// Measures and prints.
pub fn run(loader: &File, prefix: &str, rounds: Rounds) -> Result<()> {
    hosts::make_folder(prefix)?;
    packets::run(loader, prefix, rounds)?;
    bulk::run(loader, prefix, rounds)?;
    nic::run(loader, prefix, rounds)
}
