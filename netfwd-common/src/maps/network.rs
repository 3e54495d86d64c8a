//! Networks.

use super::{flags, plain};
use crate::addr::{Addr, Mac};

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
        /// ARP and ND are answered from `neighbours`, and kept from peers.
        SUPPRESSION = 1 << 5;
        /// IP multicast goes to members and routers alone.
        SNOOPING = 1 << 6;
        /// Its ports have VLANs: frames of peers carry tags but for the network's own VLAN.
        VLAN = 1 << 7;
        /// VXLAN for it is accepted from any sender: its group has members that are not configured.
        ANY_PEER = 1 << 8;
    }
}

/// Value of `networks`, by network id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
    /// First IPv6 address of the gateway that is not link-local, zero without one.
    pub gateway_v6: Addr,
    /// MAC address of the gateway, the same on every host.
    pub gateway_mac: Mac,
    /// The network's own VLAN: its gateway's, and the one that goes over the overlay untagged.
    pub vlan: u16,
    /// Learned FDB entries that it may have, 0 for any number.
    pub max_learned: u32,
}
plain!(Network, 64);
