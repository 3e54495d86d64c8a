//! Bridging: ports, networks, FDB, flood lists.

use super::{flags, plain};
use crate::addr::{Addr, Mac};

/// How a frame is handed to an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Deliver {
    /// Transmit on it: tap, physical, or a veth whose other end shares its namespace.
    Transmit = 0,
    /// `bpf_redirect_peer`: a veth whose other end is in another network namespace; the helper drops
    /// where both ends share one (net/core/filter.c, `skb_do_redirect`).
    Peer = 1,
    /// Receive on it: the gateway device, behind which the host's stack stands.
    Receive = 2,
}

impl Deliver {
    /// The mode with this number; an unknown one transmits, which is right for every interface.
    #[inline(always)]
    pub const fn from_number(number: u8) -> Self {
        match number {
            1 => Self::Peer,
            2 => Self::Receive,
            _ => Self::Transmit,
        }
    }
}

flags! {
    /// Properties of a port.
    PortFlags: u32 {
        /// Sources are learned.
        LEARNING = 1;
        /// Reaches only ports that are not isolated.
        ISOLATED = 1 << 1;
        /// Unknown unicast is flooded to this port.
        UNKNOWN_UNICAST = 1 << 2;
        /// The network's end of the gateway's pair: the host's own frames come in here.
        GATEWAY = 1 << 3;
        /// The receiver takes frames redirected by XDP (its other end has GRO or an XDP program).
        XDP_TARGET = 1 << 4;
    }
}

/// Value of `ports`, by ifindex.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Port {
    /// The network it belongs to.
    pub network: u32,
    /// Its counters.
    pub slot: u32,
    /// Its properties.
    pub flags: PortFlags,
    /// How frames reach it: a [`Deliver`].
    pub deliver: u8,
    /// Zero.
    pub pad: u8,
    /// Access VLAN, 0 for none.
    pub vlan: u16,
}
plain!(Port, 16);

flags! {
    /// Properties of a network.
    NetworkFlags: u32 {
        /// Sources from peers are learned.
        LEARNING = 1;
        /// Unknown unicast is flooded to peers.
        UNKNOWN_UNICAST = 1 << 1;
        /// It has a gateway.
        GATEWAY = 1 << 2;
        /// It has a VNI.
        OVERLAY = 1 << 3;
        /// Its subnets are masqueraded.
        MASQUERADE = 1 << 4;
    }
}

/// Value of `networks`, by network id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Network {
    /// How long a learned FDB entry lives unrefreshed, in nanoseconds.
    pub ageing_ns: u64,
    /// VNI where `OVERLAY` is set.
    pub vni: u32,
    /// Its counters.
    pub slot: u32,
    /// Its properties.
    pub flags: NetworkFlags,
    /// Ifindex of the gateway device, 0 without one.
    pub gateway_ifindex: u32,
    /// Octets of the largest IP packet on the network.
    pub mtu: u32,
    /// Flood targets: `flood` holds indexes 0 up to this.
    pub flood_len: u32,
    /// First IPv4 address of the gateway, zero without one.
    pub gateway_v4: [u8; 4],
    /// MAC address of the gateway, the same on every host.
    pub gateway_mac: Mac,
    /// Zero.
    pub pad: [u8; 6],
}
plain!(Network, 48);

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct FdbEntry {
    /// When the station was last heard, CLOCK_MONOTONIC in nanoseconds.
    pub last_seen_ns: u64,
    /// The peer, or zero.
    pub peer: Addr,
    /// The port's interface, or 0. For the gateway it is the gateway device.
    pub ifindex: u32,
    /// Counters of the port or the peer.
    pub slot: u32,
    /// Its properties.
    pub flags: FdbFlags,
    /// How frames reach the port: a [`Deliver`].
    pub deliver: u8,
    /// Zero.
    pub pad: [u8; 3],
}
plain!(FdbEntry, 40);

/// Key of `flood`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(C)]
pub struct FloodKey {
    /// The network.
    pub network: u32,
    /// 0 up to the network's `flood_len`.
    pub index: u32,
}
plain!(FloodKey, 8);

/// Value of `flood`: a port (`ifindex` not 0) or a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct FloodTarget {
    /// The peer, or zero.
    pub peer: Addr,
    /// The interface to deliver to, or 0. For the gateway it is the gateway device.
    pub ifindex: u32,
    /// The interface that counts as this target's ingress: the same, but for the gateway, whose
    /// frames come in at the network's end of its pair.
    pub ingress_ifindex: u32,
    /// Counters of the port or the peer.
    pub slot: u32,
    /// Properties of the port; for a peer, whether it takes unknown unicast.
    pub flags: PortFlags,
    /// How frames reach the port: a [`Deliver`].
    pub deliver: u8,
    /// Zero.
    pub pad: [u8; 3],
}
plain!(FloodTarget, 36);
