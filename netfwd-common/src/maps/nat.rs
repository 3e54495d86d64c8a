//! Address translation: uplinks, subnets, publishes, floating addresses, routing between networks.

use super::{flags, plain};
use crate::addr::{Addr, Mac};

/// Value of `uplinks`, by ifindex.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Uplink {
    /// The IPv4 address that masquerade translates to on this uplink; zero while it has none.
    pub address: Addr,
    /// The same of IPv6.
    pub address_v6: Addr,
    /// Its counters.
    pub slot: u32,
    /// MTU in octets.
    pub mtu: u32,
    /// Its MAC: XDP sees frames to others' as well, where the interface is promiscuous.
    pub mac: Mac,
    /// Zero.
    pub pad: u16,
}
plain!(Uplink, 48);

/// Key data of `subnets`, a longest-prefix-match trie over [`Addr`]; an IPv4 prefix is 96 bits longer
/// here.
pub type SubnetKey = Addr;

/// Value of `subnets`: a subnet of a network with a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Subnet {
    /// The first address to translate to, or zero for the uplink's.
    pub source: Addr,
    /// How many addresses from `source` on there are; 0 for the uplink's.
    pub sources: u32,
    /// The network.
    pub network: u32,
    /// 1 where it is masqueraded, 0 where it only is the network's own.
    pub masquerade: u32,
    /// Zero.
    pub pad: u32,
}
plain!(Subnet, 32);

/// Key of `publishes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(C)]
pub struct PublishKey {
    /// The address listened on; `0.0.0.0` or `::` for every address that this host has of the family.
    pub address: Addr,
    /// The l4 port.
    pub port: u16,
    /// IP protocol.
    pub proto: u8,
    /// Zero.
    pub pad: u8,
}
plain!(PublishKey, 20);

flags! {
    /// Properties of a publish.
    PublishFlags: u32 {
        /// A client keeps its target, whatever its l4 port.
        AFFINITY = 1;
    }
}

/// Value of `publishes`: who serves a listener. The ports of a range share a group of targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Publish {
    /// The network of the targets.
    pub network: u32,
    /// The group: `targets` holds its indexes 0 up to `targets`.
    pub group: u32,
    /// Properties.
    pub flags: PublishFlags,
    /// How many targets there are, at most [`crate::limits::TARGETS_PER_PUBLISH`].
    pub targets: u16,
    /// Which port of its range this is, from 0: it is added to the target's l4 port.
    pub offset: u16,
}
plain!(Publish, 16);

/// Key of `targets`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(C)]
pub struct TargetKey {
    /// The group of the publish.
    pub group: u32,
    /// Index in the group.
    pub index: u32,
}
plain!(TargetKey, 8);

flags! {
    /// Properties of a target.
    TargetFlags: u16 {
        /// It does not answer; it gets no new sessions while another does. Noted by the daemon.
        DOWN = 1;
    }
}

/// Value of `targets`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Target {
    /// The container's address.
    pub address: Addr,
    /// Its l4 port, for the first port of a range.
    pub port: u16,
    /// Properties.
    pub flags: TargetFlags,
}
plain!(Target, 20);

/// Key of `floatings`: an address and where it is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(C)]
pub struct FloatingKey {
    /// The external address, or the internal one.
    pub address: Addr,
    /// 0 for the external address, the network for the internal one.
    pub network: u32,
}
plain!(FloatingKey, 20);

/// Value of `floatings`: two entries for each floating address, one each way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Floating {
    /// The other address.
    pub address: Addr,
    /// The network of the internal address.
    pub network: u32,
}
plain!(Floating, 20);

/// Key of `pairs`: packets of the stations of one network to those of another. What the map does not hold
/// is as [`super::ConfigFlags::ROUTE_BETWEEN`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(C)]
pub struct PairKey {
    /// The network that the packet comes from.
    pub from: u32,
    /// The network that it goes to.
    pub to: u32,
}
plain!(PairKey, 8);
