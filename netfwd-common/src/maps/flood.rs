//! Flood lists.

use super::{PortFlags, plain};
use crate::addr::Addr;

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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
    /// How frames reach the port: a [`super::Deliver`].
    pub deliver: u8,
    /// Zero.
    pub pad: u8,
    /// The VLAN of the network that the target takes; a trunk is a target for each of its VLANs.
    pub vlan: u16,
    /// The 802.1Q tag with which frames leave, 0 for none.
    pub tag: u16,
    /// Zero.
    pub pad2: u16,
}
plain!(FloodTarget, 40);
