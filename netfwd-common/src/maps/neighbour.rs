//! Neighbours: who has which IP address.

use super::{flags, plain};
use crate::addr::{Addr, Mac};

/// Key of `neighbours`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(C)]
pub struct NeighbourKey {
    /// The network.
    pub network: u32,
    /// The VLAN, 0 for the network's untagged frames.
    pub vlan: u16,
    /// Zero.
    pub pad: u16,
    /// The IP address.
    pub ip: Addr,
}
plain!(NeighbourKey, 24);

flags! {
    /// Properties of a neighbour.
    NeighbourFlags: u16 {
        /// Given by configuration or command: never ages, never changes.
        STATIC = 1;
        /// An address of the network's gateway; always static.
        GATEWAY = 1 << 1;
    }
}

/// Value of `neighbours`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Neighbour {
    /// When it was last heard, CLOCK_MONOTONIC in nanoseconds.
    pub last_seen_ns: u64,
    /// Its MAC.
    pub mac: Mac,
    /// Its properties.
    pub flags: NeighbourFlags,
}
plain!(Neighbour, 16);
