//! The overlay: peers, their next hops, and which network they belong to.

use super::{flags, plain};
use crate::addr::{Addr, Mac};

/// Where a packet goes next; a cache that the programs refresh from the kernel's FIB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct NextHop {
    /// When the FIB was last asked, CLOCK_MONOTONIC in nanoseconds; 0 for never.
    pub resolved_ns: u64,
    /// The interface to send on; 0 while unresolved.
    pub ifindex: u32,
    /// MTU of the route in octets.
    pub mtu: u32,
    /// MAC address of the interface.
    pub src_mac: Mac,
    /// MAC address of the neighbour.
    pub dst_mac: Mac,
    /// Zero.
    pub pad: [u8; 4],
}
plain!(NextHop, 32);

flags! {
    /// Properties of a peer.
    PeerFlags: u16 {
        /// A multicast group: whoever has joined it.
        GROUP = 1;
        /// Not configured: a program learned it from its traffic.
        LEARNED = 1 << 1;
        /// The loader's prober heard it lately.
        UP = 1 << 2;
        /// The loader's prober missed it: it is left out of the flood lists.
        DOWN = 1 << 3;
    }
}

/// Value of `peers`, by address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Peer {
    /// Where encapsulated frames to it go.
    pub next_hop: NextHop,
    /// This host's VTEP towards it, of the same family.
    pub source: Addr,
    /// Ifindex of the companion device on its UDP port.
    pub companion_ifindex: u32,
    /// Its counters.
    pub slot: u32,
    /// UDP port it listens on.
    pub port: u16,
    /// Its properties.
    pub flags: PeerFlags,
    /// Zero.
    pub pad: [u8; 4],
}
plain!(Peer, 64);

flags! {
    /// Properties of an address that VXLAN arrives at.
    VtepFlags: u32 {
        /// A multicast group.
        GROUP = 1;
    }
}

/// Value of `vteps`, by address: where VXLAN for this host arrives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Vtep {
    /// The uplink that has the address or has joined the group.
    pub ifindex: u32,
    /// Its properties.
    pub flags: VtepFlags,
}
plain!(Vtep, 8);

/// Key of `members`: a peer takes part in a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(C)]
pub struct MemberKey {
    /// The network.
    pub network: u32,
    /// The peer's address.
    pub peer: Addr,
}
plain!(MemberKey, 20);

/// Value of `members`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Member {
    /// When a frame of this network last came from the peer, CLOCK_MONOTONIC in nanoseconds.
    pub last_seen_ns: u64,
    /// The peer's counters.
    pub slot: u32,
    /// Zero.
    pub pad: u32,
}
plain!(Member, 16);
