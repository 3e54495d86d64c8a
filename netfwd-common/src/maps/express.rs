//! The way of a frame as the last one took it: what spares the next of its kind all lookups.

use super::{SessionKey, flags, plain};
use crate::{addr::from_v4, outer::LEN_V6};

/// The one value of `epoch`: what makes everything remembered void. Whoever changes what a remembered
/// way follows from counts here, *after* the change; what was looked up before was remembered with the
/// count before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(8))]
pub struct Epoch {
    /// Changes by programs.
    pub programs: u32,
    /// Changes by the loader. It writes both and may undo a program's count; that change was before its own.
    pub loader: u32,
}
plain!(Epoch, 8);

/// The outer headers of frames to a station behind a peer, and what sending them takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Wrap {
    /// The headers, 64 octets over IPv4, the inner Ethernet header included; see [`crate::outer`].
    pub bytes: [u8; LEN_V6],
    /// Sum of the words of the IPv4 header that all frames have in common.
    pub sum: u32,
    /// The uplink to send on; 0 where the fast path cannot.
    pub ifindex: u32,
    /// Octets of the largest IP packet that may go this way.
    pub limit: u32,
    /// The uplink's counters; 0 where it is not one of ours.
    pub uplink_slot: u32,
}
plain!(Wrap, 100);

impl Default for Wrap {
    fn default() -> Self {
        Self {
            bytes: [0; LEN_V6],
            sum: 0,
            ifindex: 0,
            limit: 0,
            uplink_slot: 0,
        }
    }
}

flags! {
    /// What a port's guard and its network's listeners leave to a remembered way: the frames that they would let pass as
    /// they did the one that it was remembered of. Without any, all between the two stations.
    Terms: u8 {
        /// Without an 802.1Q tag.
        UNTAGGED = 1;
        /// A whole packet of TCP or UDP over IPv4 without options, and no DHCP server's.
        USUAL = 1 << 1;
        /// With the source that was bound to the port.
        BOUND = 1 << 2;
    }
}

/// Value of `express`, per CPU, by a hash of `ifindex` and both stations: a known station that sends to
/// a known one, from a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Express {
    /// The first 8 octets of the frame, in memory order: the destination and the start of the source.
    pub head: u64,
    /// The next 4: the rest of the source.
    pub tail: u32,
    /// The port's interface; 0 in an element that was never written.
    pub ifindex: u32,
    /// The epoch in which it was looked up.
    pub epoch: u64,
    /// When it was looked up, in jiffies.
    pub since: u64,
    /// The port's counters.
    pub rx_slot: u32,
    /// The destination's counters.
    pub tx_slot: u32,
    /// The destination's interface; 0 for a peer.
    pub target: u32,
    /// How it takes frames: a [`super::Deliver`]; for a peer, 4 or 6, the IP version of the outer header.
    pub deliver: u8,
    /// What frames must be to go this way.
    pub terms: Terms,
    /// Zero.
    pub pad: u16,
    /// How frames to a peer are wrapped.
    pub wrap: Wrap,
    /// The IPv4 source of frames that go this way, in memory order, where `terms` says so.
    pub source: u32,
}
plain!(Express, 152);

/// Value of `arrivals`, per CPU, by a hash of `ifindex` and the inner stations: a known peer's known
/// station that sends to a known one behind a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Arrival {
    /// Outer source and destination, in memory order: over IPv4 the first word alone.
    pub outer: [u64; 4],
    /// Outer destination MAC address, as [`crate::addr::mac_word`] has it.
    pub mac: u64,
    /// The first 8 octets of the inner frame, in memory order.
    pub head: u64,
    /// The next 4.
    pub tail: u32,
    /// The word of the VXLAN header that holds the VNI, in memory order.
    pub vni: u32,
    /// The epoch in which it was looked up.
    pub epoch: u64,
    /// When it was looked up, in jiffies.
    pub since: u64,
    /// The uplink; 0 in an element that was never written.
    pub ifindex: u32,
    /// UDP destination port, in memory order, and above it the outer IP version.
    pub port: u32,
    /// The uplink's counters.
    pub uplink_slot: u32,
    /// The peer's counters.
    pub rx_slot: u32,
    /// The destination's counters.
    pub tx_slot: u32,
    /// The destination's interface.
    pub target: u32,
    /// How it takes frames: a [`super::Deliver`].
    pub deliver: u32,
    /// Whether it takes frames redirected by XDP.
    pub xdp: u32,
}
plain!(Arrival, 104);

/// Value of `crossings`, per CPU, by a hash of the tuple: TCP or UDP over IPv4 of a session, from a known station
/// out by an uplink, or from an uplink to a known station.
///
/// What has crossed it counts itself, until the session is looked at again or another flow takes its place: the
/// session's own counts are behind by `packets` and `bytes`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Crossing {
    /// The first 8 octets of the frame, in memory order: the destination and the start of the source.
    pub head: u64,
    /// The next 4: the rest of the source.
    pub tail: u32,
    /// The port's interface, or the uplink; 0 in an element that was never written.
    pub ifindex: u32,
    /// Source address, in memory order.
    pub src: u32,
    /// Destination address, in memory order.
    pub dst: u32,
    /// Both l4 ports, in memory order.
    pub ports: u32,
    /// IP protocol.
    pub proto: u32,
    /// The epoch in which it was looked up.
    pub epoch: u64,
    /// When it was looked up, in jiffies.
    pub since: u64,
    /// Packets that the session has not counted yet.
    pub packets: u64,
    /// Octets of their IP packets.
    pub bytes: u64,
    /// When the session was made: a later one with the same tuple is another.
    pub created_ns: u64,
    /// Destination MAC address that they leave with, as [`crate::addr::mac_word`] has it.
    pub dst_mac: u64,
    /// Source MAC address that they leave with.
    pub src_mac: u64,
    /// Source address that they leave with, in memory order.
    pub new_src: u32,
    /// Destination address that they leave with, in memory order.
    pub new_dst: u32,
    /// Both l4 ports that they leave with, in memory order.
    pub new_ports: u32,
    /// The network that they come from, 0 for packets from outside.
    pub network: u32,
    /// Counters of the port or uplink that they come in by.
    pub rx_slot: u32,
    /// Counters of the uplink or port that they go out by.
    pub tx_slot: u32,
    /// The uplink, or the port.
    pub target: u32,
    /// Of a port, how it takes frames: a [`super::Deliver`].
    pub deliver: u32,
    /// Octets of the largest IP packet that may go this way.
    pub mtu: u32,
    /// Zero.
    pub pad: u32,
}
plain!(Crossing, 128);

impl Crossing {
    /// The session that this is of.
    #[inline(always)]
    #[must_use]
    pub const fn session(&self) -> SessionKey {
        let [a, b, c, d] = self.ports.to_ne_bytes();
        SessionKey {
            src: from_v4(self.src.to_ne_bytes()),
            dst: from_v4(self.dst.to_ne_bytes()),
            network: self.network,
            src_port: u16::from_be_bytes([a, b]),
            dst_port: u16::from_be_bytes([c, d]),
            proto: self.proto as u8,
            pad: [0; 3],
        }
    }
}
