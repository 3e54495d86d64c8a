//! Address translation: uplinks, subnets, publishes, sessions.

use super::{NextHop, flags, plain};
use crate::addr::{Addr, Mac};

/// Value of `uplinks`, by ifindex.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Uplink {
    /// The address that masquerade translates to on this uplink; zero while it has none.
    pub address: Addr,
    /// Its counters.
    pub slot: u32,
    /// MTU in octets.
    pub mtu: u32,
    /// Its MAC: XDP sees frames to others' as well, where the interface is promiscuous.
    pub mac: Mac,
    /// Zero.
    pub pad: u16,
}
plain!(Uplink, 32);

/// Key data of `subnets`, a longest-prefix-match trie over [`Addr`]; an IPv4 prefix is 96 bits longer
/// here.
pub type SubnetKey = Addr;

/// Value of `subnets`: a subnet of a network with a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Subnet {
    /// The address to translate to, or zero for the uplink's.
    pub source: Addr,
    /// The network.
    pub network: u32,
    /// 1 where it is masqueraded, 0 where it only is the network's own.
    pub masquerade: u32,
}
plain!(Subnet, 24);

/// Key of `publishes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(C)]
pub struct PublishKey {
    /// The address listened on, or zero for every address of this host.
    pub address: Addr,
    /// The l4 port.
    pub port: u16,
    /// IP protocol.
    pub proto: u8,
    /// Zero.
    pub pad: u8,
}
plain!(PublishKey, 20);

/// Value of `publishes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Publish {
    /// The container's address.
    pub address: Addr,
    /// Its network.
    pub network: u32,
    /// The container's l4 port.
    pub port: u16,
    /// Zero.
    pub pad: u16,
}
plain!(Publish, 24);

/// Key of `sessions`: the tuple of one direction as its packets arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(C)]
pub struct SessionKey {
    /// Source address.
    pub src: Addr,
    /// Destination address.
    pub dst: Addr,
    /// The network for packets from inside, 0 for packets from outside; tenants may share addresses.
    pub network: u32,
    /// Source l4 port; the identifier of an ICMP echo.
    pub src_port: u16,
    /// Destination l4 port; the identifier of an ICMP echo.
    pub dst_port: u16,
    /// IP protocol.
    pub proto: u8,
    /// Zero.
    pub pad: [u8; 3],
}
plain!(SessionKey, 44);

/// What made a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum SessionKind {
    /// A masqueraded packet from inside.
    Masquerade = 0,
    /// A packet from outside to a published port.
    Publish = 1,
}

flags! {
    /// Properties of one direction of a session.
    SessionFlags: u8 {
        /// This direction's first packet made the session.
        ORIGINAL = 1;
        /// Packets of this direction come from inside.
        FROM_INSIDE = 1 << 1;
    }
}

/// Value of `sessions`: one direction. Both are made together and removed together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Session {
    /// When the session was made, CLOCK_MONOTONIC in nanoseconds.
    pub created_ns: u64,
    /// When this direction last had a packet, CLOCK_MONOTONIC in nanoseconds.
    pub last_seen_ns: u64,
    /// Packets of this direction.
    pub packets: u64,
    /// Octets of this direction's IP packets.
    pub bytes: u64,
    /// From inside: where they go. From outside it stays empty: the FDB says.
    pub next_hop: NextHop,
    /// Source address that they leave with.
    pub src: Addr,
    /// Destination address that they leave with.
    pub dst: Addr,
    /// The network of the inside.
    pub network: u32,
    /// Source l4 port, or echo identifier, that they leave with.
    pub src_port: u16,
    /// Destination l4 port, or echo identifier, that they leave with.
    pub dst_port: u16,
    /// MAC address of the inside station; all zero until it has been heard.
    pub inside_mac: Mac,
    /// TCP flags that this direction has sent.
    pub tcp_flags: u8,
    /// A [`SessionKind`].
    pub kind: u8,
    /// Properties of this direction.
    pub flags: SessionFlags,
    /// Zero.
    pub pad: [u8; 7],
}
plain!(Session, 120);

impl SessionKey {
    /// The key under which the other direction of this session stands, given what packets of this
    /// direction become.
    #[inline(always)]
    #[must_use]
    pub const fn opposite(&self, session: &Session) -> Self {
        Self {
            src: session.dst,
            dst: session.src,
            network: if session.flags.has(SessionFlags::FROM_INSIDE) {
                0
            } else {
                session.network
            },
            src_port: session.dst_port,
            dst_port: session.src_port,
            proto: self.proto,
            pad: [0; 3],
        }
    }
}
