//! What the programs must know of the host.

use super::{flags, plain};
use crate::addr::Addr;

flags! {
    /// Switches of the instance.
    ConfigFlags: u32 {
        /// VXLAN from an address that is no peer is accepted.
        UNKNOWN_SOURCES = 1;
        /// The outer TOS is inherited from the inner header.
        TOS_INHERIT = 1 << 1;
        /// Outer UDP checksums are sent; such frames take the companion device.
        UDP_CHECKSUM = 1 << 2;
        /// VXLAN with reserved bits set is refused, as Linux does by default.
        STRICT = 1 << 3;
        /// The outer IPv4 header says DF.
        DF = 1 << 4;
        /// The outer IPv4 header says DF where the inner one does, and over an inner IPv6 packet.
        DF_INHERIT = 1 << 5;
        /// The MSS that a TCP SYN to a peer announces is lowered to what fits.
        MSS_CLAMP = 1 << 6;
        /// Packets of one network reach the stations of another through its gateway, where `pairs` does
        /// not say otherwise.
        ROUTE_BETWEEN = 1 << 7;
        /// Whoever sends to an outside l4 port that a station was given reaches that station (RFC 4787
        /// REQ-8); without, only those that it has sent to.
        ENDPOINT_INDEPENDENT_FILTERING = 1 << 8;
        /// There are publishes or floating addresses.
        PUBLISHED = 1 << 10;
        /// Events tell of new sessions: somebody watches.
        SESSION_EVENTS = 1 << 9;
        /// A published l4 port is one that masquerade may use.
        PUBLISHED_IN_POOL = 1 << 11;
    }
}

/// The one value of `config`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Config {
    /// [`crate::limits::LAYOUT`] of the loader that wrote it.
    pub layout: u32,
    /// Switches.
    pub flags: ConfigFlags,
    /// This host's first VTEP; all of them are in `vteps`.
    pub vtep: Addr,
    /// Ifindex of the companion device on `vxlan_port`; 0 without one. Others are in `vxlan_ports`.
    pub companion_ifindex: u32,
    /// UDP port of VXLAN, where a peer has none of its own.
    pub vxlan_port: u16,
    /// Lowest outer UDP source port.
    pub source_port_low: u16,
    /// Highest outer UDP source port.
    pub source_port_high: u16,
    /// Lowest l4 port that masquerade may use.
    pub nat_port_low: u16,
    /// Highest l4 port that masquerade may use.
    pub nat_port_high: u16,
    /// Outer TTL.
    pub ttl: u8,
    /// Outer TOS where it is not inherited.
    pub tos: u8,
    /// The network namespace of the instance, as sockets know it (SO_NETNS_COOKIE).
    pub netns_cookie: u64,
    /// How long sessions live without a packet.
    pub timeouts: Timeouts,
}
plain!(Config, 72);

/// How long sessions live without a packet, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Timeouts {
    /// UDP (RFC 4787 REQ-5).
    pub udp: u32,
    /// Established TCP (RFC 5382 REQ-5).
    pub tcp_established: u32,
    /// TCP that is being opened or closed, or was reset (RFC 5382 REQ-5).
    pub tcp_transitory: u32,
    /// ICMP echo (RFC 5508 REQ-2).
    pub icmp: u32,
    /// SCTP.
    pub sctp: u32,
    /// Protocols that are translated by address alone.
    pub other: u32,
}
plain!(Timeouts, 24);
