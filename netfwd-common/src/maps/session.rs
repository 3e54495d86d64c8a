//! Translated flows: sessions, one entry a direction, and the mappings that they share.

use super::{NextHop, flags, plain};
use crate::addr::{Addr, Mac};

/// Key of `sessions`: the tuple of one direction as its packets arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(C)]
pub struct SessionKey {
    /// Source address.
    pub src: Addr,
    /// Destination address.
    pub dst: Addr,
    /// The network that packets come from, 0 for packets from outside; tenants may share addresses.
    pub network: u32,
    /// Source l4 port; the identifier of an ICMP echo; 0 where a protocol is translated by address alone.
    pub src_port: u16,
    /// Destination l4 port; the identifier of an ICMP echo; 0 where a protocol is translated by address
    /// alone.
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
    /// A packet to a published port.
    Publish = 1,
    /// A packet to or from an internal address that has a floating one.
    Floating = 2,
}

impl SessionKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Masquerade, Self::Publish, Self::Floating];

    /// The name as users read it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Masquerade => "masquerade",
            Self::Publish => "publish",
            Self::Floating => "floating",
        }
    }
}

flags! {
    /// Properties of one direction of a session.
    SessionFlags: u8 {
        /// This direction's first packet made the session.
        ORIGINAL = 1;
        /// Packets of this direction come from inside.
        FROM_INSIDE = 1 << 1;
        /// Packets of this direction go to this host's own stack: it is the host that uses the l4 port.
        TO_HOST = 1 << 2;
        /// The sender of this direction's packets is an inside endpoint with a mapping, whose l4 port
        /// other sessions may share.
        MAPPED = 1 << 3;
        /// The receiver is.
        TO_MAPPED = 1 << 4;
    }
}

/// Value of `sessions`: one direction. Both are made together and removed together.
///
/// What every packet reads or writes comes first, within two cache lines behind the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Session {
    /// When this direction last had a packet, CLOCK_MONOTONIC in nanoseconds.
    pub last_seen_ns: u64,
    /// Packets of this direction.
    pub packets: u64,
    /// Octets of this direction's IP packets.
    pub bytes: u64,
    /// Source address that they leave with.
    pub src: Addr,
    /// Destination address that they leave with.
    pub dst: Addr,
    /// Source l4 port, or echo identifier, that they leave with.
    pub src_port: u16,
    /// Destination l4 port, or echo identifier, that they leave with.
    pub dst_port: u16,
    /// TCP flags that this direction has sent, as [`crate::tcp`] keeps them.
    pub tcp_flags: u8,
    /// A [`SessionKind`].
    pub kind: u8,
    /// Properties of this direction.
    pub flags: SessionFlags,
    /// Of a way into a network: a [`super::Deliver`].
    pub deliver: u8,
    /// Where they go: out by an uplink, or in a network to the station whose MAC is the destination's there.
    pub next_hop: NextHop,
    /// While this is the epoch, `next_hop.ifindex` is the port of the station that a way into a network leads
    /// to, and `port` that of the station that a way out comes from; 0 when they are not known.
    pub epoch: u64,
    /// The network that they go on in, 0 for those that leave by an uplink.
    pub enter: u32,
    /// Of a way into a network: counters of the station's port.
    pub slot: u32,
    /// The network of the inside: where the station is that the session is for.
    pub network: u32,
    /// MAC of the station that sends this direction's packets; zero from outside, and until one was heard.
    pub station: Mac,
    /// Of a way into a network, while `epoch` stands: 1 where the station's port takes frames that XDP redirects.
    pub xdp: u16,
    /// Of a way out: the port that the station was heard at, while `epoch` stands.
    pub port: u32,
    /// Zero.
    pub pad2: u32,
    /// When the session was made, CLOCK_MONOTONIC in nanoseconds.
    pub created_ns: u64,
}
plain!(Session, 144);

impl SessionKey {
    /// A key of eleven words in memory order: both addresses, the network, both l4 ports, and the protocol with
    /// zeros behind it. Written in smaller pieces it would have to leave the store buffer before it is hashed.
    #[inline(always)]
    #[must_use]
    pub const fn from_words(words: [u32; 11]) -> Self {
        // SAFETY: integers, each of which may have any value; `plain!` says that there is no padding, and the
        // fields lie in this order.
        unsafe { core::mem::transmute::<[u32; 11], Self>(words) }
    }

    /// The key under which the other direction of this session stands, given what packets of this
    /// direction become.
    #[inline(always)]
    #[must_use]
    pub const fn opposite(&self, session: &Session) -> Self {
        Self {
            src: session.dst,
            dst: session.src,
            network: session.enter,
            src_port: session.dst_port,
            dst_port: session.src_port,
            proto: self.proto,
            pad: [0; 3],
        }
    }
}

/// Key of `mappings`: an l4 port of an address, and who sees it so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(C)]
pub struct MappingKey {
    /// The address: a station's, or the outside one that it masquerades as.
    pub address: Addr,
    /// The station's network, 0 for the outside.
    pub network: u32,
    /// The l4 port, or the identifier of an ICMP echo.
    pub port: u16,
    /// IP protocol.
    pub proto: u8,
    /// Zero.
    pub pad: u8,
}
plain!(MappingKey, 24);

flags! {
    /// Properties of a mapping.
    MappingFlags: u8 {
        /// A TCP session of it has been established: the endpoint may be idle for as long as those may.
        ESTABLISHED = 1;
    }
}

/// Value of `mappings`: what an inside endpoint is seen as by everybody outside (RFC 4787 REQ-1). Two
/// entries, one each way; the inside's has the stamp and the flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Mapping {
    /// When a session of the mapping last had a packet, CLOCK_MONOTONIC in nanoseconds.
    pub last_seen_ns: u64,
    /// The address on the other side.
    pub address: Addr,
    /// The network of the inside.
    pub network: u32,
    /// The l4 port on the other side.
    pub port: u16,
    /// Properties.
    pub flags: MappingFlags,
    /// Zero.
    pub pad: u8,
}
plain!(Mapping, 32);

impl MappingKey {
    /// The key under which the other side of this mapping stands.
    #[inline(always)]
    #[must_use]
    pub const fn opposite(&self, mapping: &Mapping) -> Self {
        Self {
            address: mapping.address,
            network: if self.network == 0 {
                mapping.network
            } else {
                0
            },
            port: mapping.port,
            proto: self.proto,
            pad: 0,
        }
    }
}
