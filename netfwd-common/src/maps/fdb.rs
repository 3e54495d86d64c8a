//! Stations: the FDB, and how many of its entries were learned.

use super::{flags, plain};
use crate::addr::{Addr, Mac};

/// Key of `fdb`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(C)]
pub struct FdbKey {
    /// The network.
    pub network: u32,
    /// The VLAN, 0 for none.
    pub vlan: u16,
    /// The station.
    pub mac: Mac,
}
plain!(FdbKey, 12);

impl FdbKey {
    /// A key of three words, which the kernel hashes as words: written in smaller pieces they would
    /// have to leave the store buffer first.
    #[inline(always)]
    pub const fn new(network: u32, vlan: u16, mac: Mac) -> Self {
        let [low, high] = vlan.to_ne_bytes();
        let middle = u32::from_ne_bytes([low, high, mac[0], mac[1]]);
        let tail = u32::from_ne_bytes([mac[2], mac[3], mac[4], mac[5]]);
        // SAFETY: twelve octets of integers, each of which may have any value; `plain!` says that
        // there is no padding, and the fields lie in this order.
        unsafe { core::mem::transmute::<[u32; 3], Self>([network, middle, tail]) }
    }
}

flags! {
    /// Properties of an FDB entry.
    FdbFlags: u32 {
        /// Never ages, never moves.
        STATIC = 1;
        /// Ages, but never moves to another port or peer.
        STICKY = 1 << 1;
        /// The gateway device; always static.
        GATEWAY = 1 << 2;
        /// Behind an isolated port.
        ISOLATED = 1 << 3;
        /// The port takes frames redirected by XDP.
        XDP_TARGET = 1 << 4;
    }
}

/// Value of `fdb`: a port (`ifindex` not 0) or a peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct FdbEntry {
    /// When the station was last heard, CLOCK_MONOTONIC in nanoseconds.
    pub last_seen_ns: u64,
    /// When the station last moved, CLOCK_MONOTONIC in nanoseconds; 0 for never.
    pub moved_ns: u64,
    /// The peer, or zero.
    pub peer: Addr,
    /// The port's interface, or 0. For the gateway it is the gateway device.
    pub ifindex: u32,
    /// Counters of the port or the peer.
    pub slot: u32,
    /// Its properties.
    pub flags: FdbFlags,
    /// How frames reach the port: a [`super::Deliver`].
    pub deliver: u8,
    /// Moves in quick succession, as [`crate::flap`] counts them.
    pub moves: u8,
    /// The 802.1Q tag with which frames to it leave, 0 for none.
    pub tag: u16,
}
plain!(FdbEntry, 48);

/// Value of `learned`, by slot of a port, peer or network. Entries that were learned and are not gone
/// are `inserted` less the same slot of `removed`, which the loader counts: each side has a map of its
/// own, so that neither loses what the other adds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Learned {
    /// Entries that the programs made, less those that moved away.
    pub inserted: u64,
    /// Stations that were not learned because a limit was reached.
    pub refused: u64,
}
plain!(Learned, 16);
