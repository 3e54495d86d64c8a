//! Decapsulation in the fast path: known unicast to a local port. All else is the companion's.

use aya_ebpf::bindings::BPF_NOEXIST;
use netfwd_common::{
    addr::{self, Addr, UNSPECIFIED, from_v4},
    csum, ecn,
    limits::STAMP_INTERVAL_NS,
    maps::{
        Config, ConfigFlags, FdbEntry, FdbFlags, Member, MemberKey, Network, NetworkFlags, NextHop,
        Peer, PeerFlags,
    },
    nat::proto,
    verdict::DropReason,
    vxlan,
};
use network_types::udp::UdpHdr;

use super::encap::Version;
use crate::{
    bridge,
    frame::Frame,
    maps::{self, MEMBERS, PEERS},
    parse::{ETH_LEN, Ethernet, IP_LEN, Ipv4, Ipv6, ether_type},
    source::Source,
};

/// Octets of a UDP header.
const UDP_LEN: usize = UdpHdr::LEN;

/// What of an outer IP header decapsulation needs. It may be no tunnel's at all.
#[derive(Clone, Copy)]
pub struct Outer {
    /// Its version.
    pub version: Version,
    /// TOS, or traffic class.
    pub tos: u8,
    /// What follows the header.
    pub proto: u8,
    /// Whether it can be read here: options and extension headers are legal and rare, and fragments are
    /// the stack's to put together. The companion receives those.
    pub plain: bool,
    /// Whether it is a fragment, of IPv6 one without other extension headers.
    pub fragment: bool,
    /// Octets of the packet.
    pub total_len: usize,
    /// Sender.
    pub src: Addr,
    /// Destination.
    pub dst: Addr,
}

impl Outer {
    /// Reads the header of a packet behind an Ethernet header; says whether it is whole, and IP.
    #[inline(always)]
    pub fn read(&mut self, frame: &impl Frame) -> bool {
        let Some(eth) = Ethernet::read(frame, 0) else {
            return false;
        };
        match eth.ether_type {
            ether_type::IPV4 => self.read_v4(frame),
            ether_type::IPV6 => self.read_v6(frame),
            _ => false,
        }
    }

    #[inline(always)]
    fn read_v4(&mut self, frame: &impl Frame) -> bool {
        let Some(ip) = Ipv4::read(frame, ETH_LEN) else {
            return false;
        };
        self.version = Version::V4;
        self.tos = ip.tos;
        self.proto = ip.proto;
        self.plain = !ip.fragment && ip.header_len == IP_LEN;
        self.fragment = ip.fragment;
        self.total_len = usize::from(ip.total_len);
        self.src = from_v4(ip.src);
        self.dst = from_v4(ip.dst);
        // What is not read here the stack verifies (RFC 1122 §3.2.1.2).
        !self.plain || is_intact(frame)
    }

    #[inline(always)]
    fn read_v6(&mut self, frame: &impl Frame) -> bool {
        const SOURCE: usize = ETH_LEN + 8;
        let Some(ip) = Ipv6::read(frame, ETH_LEN) else {
            return false;
        };
        self.version = Version::V6;
        self.tos = ip.traffic_class;
        self.proto = ip.next_header;
        self.plain = ip.next_header == proto::UDP;
        self.fragment = ip.next_header == FRAGMENT;
        self.total_len = ip.total_len;
        let (Some(src), Some(dst)) = (frame.read(SOURCE), frame.read(SOURCE + 16)) else {
            return false;
        };
        self.src = Addr::new(src);
        self.dst = Addr::new(dst);
        true
    }

    /// Where the UDP header starts.
    #[inline(always)]
    const fn udp(&self) -> usize {
        self.version.octets() - UDP_LEN - vxlan::HEADER_LEN
    }

    /// Whether the packet is VXLAN for this host.
    #[inline(always)]
    pub fn is_vxlan(&self, frame: &impl Frame, config: &Config) -> bool {
        self.plain
            && self.proto == proto::UDP
            && self.is_for_port(frame, config)
            && maps::is_vtep(config, &self.dst)
    }

    #[inline(always)]
    fn is_for_port(&self, frame: &impl Frame, config: &Config) -> bool {
        let port = frame.read::<2>(self.udp() + 2).map(u16::from_be_bytes);
        port.is_some_and(|port| maps::is_vxlan_port(config, port))
    }

    /// Whether the packet may be VXLAN for this host and is not read here. Of fragments, which may be NAT's
    /// as well, only their own stage knows.
    #[inline(always)]
    pub fn is_unread(&self, config: &Config) -> bool {
        let may_be = match self.version {
            Version::V4 => self.proto == proto::UDP,
            Version::V6 => !matches!(self.proto, proto::TCP | proto::UDP | ICMPV6),
        };
        !self.plain && !self.fragment && may_be && maps::is_vtep(config, &self.dst)
    }

    /// Whether the packet is VXLAN to a group that this host has joined.
    #[inline(always)]
    pub fn is_for_group(&self, frame: &impl Frame, config: &Config) -> bool {
        self.plain
            && self.proto == proto::UDP
            && self.is_for_port(frame, config)
            && maps::is_group(&self.dst)
    }
}

const ICMPV6: u8 = 58;
/// The fragment header, likewise.
const FRAGMENT: u8 = 44;

/// Whether the checksum of an IPv4 header without options is right.
#[inline(always)]
fn is_intact(frame: &impl Frame) -> bool {
    let Some(h) = frame.read::<IP_LEN>(ETH_LEN) else {
        return false;
    };
    let word = |at| u32::from_ne_bytes([h[at], h[at + 1], h[at + 2], h[at + 3]]);
    csum::is_intact([0, 4, 8, 12, 16].map(word))
}

/// A packet to this host's VXLAN port, of which only the outer headers have been looked at.
pub struct Tunnel {
    /// The network of its VNI.
    pub network_id: u32,
    /// That network.
    pub network: &'static Network,
    /// The sender.
    pub peer: Addr,
    /// Counters of the sender.
    pub slot: u32,
}

/// The UDP and VXLAN headers of a packet.
pub struct Header {
    /// The VNI.
    pub vni: u32,
    /// Whether reserved bits are set.
    pub reserved: bool,
    /// Whether there is a UDP checksum.
    pub checksum: bool,
}

/// The inner frame's headers.
pub struct Inner {
    /// Ethernet.
    pub eth: Ethernet,
    /// Protocol of an IPv4 packet, next header of an IPv6 one.
    pub proto: u8,
}

/// Checks the outer headers: lengths that agree, the I flag, reserved bits where the instance is strict.
#[inline(always)]
pub fn header(frame: &impl Frame, config: &Config, outer: &Outer) -> Result<Header, DropReason> {
    let b: [u8; UDP_LEN + vxlan::HEADER_LEN] =
        frame.read(outer.udp()).ok_or(DropReason::Malformed)?;
    let udp_len = usize::from(u16::from_be_bytes([b[4], b[5]]));
    let whole = ETH_LEN + outer.total_len <= frame.octets()
        && ETH_LEN + outer.total_len == outer.udp() + udp_len;
    if !whole || udp_len < UDP_LEN + vxlan::HEADER_LEN + ETH_LEN {
        return Err(DropReason::Malformed);
    }
    let header = [b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]];
    let vni = vxlan::vni(&header).ok_or(DropReason::VxlanFlags)?;
    let reserved = vxlan::has_reserved(&header);
    if reserved && config.flags.has(ConfigFlags::STRICT) {
        return Err(DropReason::VxlanReserved);
    }
    Ok(Header {
        vni,
        reserved,
        checksum: b[6] | b[7] != 0,
    })
}

/// The network of a VNI and the standing of a sender in it.
#[inline(always)]
pub fn sender(config: &Config, vni: u32, peer: &Addr, now: u64) -> Result<Tunnel, DropReason> {
    let network_id = *maps::vni(&vni).ok_or(DropReason::UnknownVni)?;
    let network = maps::network(&network_id).ok_or(DropReason::NoNetwork)?;
    let key = MemberKey {
        network: network_id,
        peer: *peer,
    };
    let slot = match MEMBERS.get_ptr_mut(key) {
        Some(member) => {
            // SAFETY: the element stays valid until this program's RCU section ends; CPUs may race
            // to write a stamp, and any of theirs will do.
            let member = unsafe { maps::value(member) };
            if now.wrapping_sub(member.last_seen_ns) > STAMP_INTERVAL_NS {
                member.last_seen_ns = now;
            }
            member.slot
        }
        None if is_open(config, network) => {
            adopt(&key, network.slot, now);
            network.slot
        }
        None => return Err(DropReason::UnknownPeer),
    };
    Ok(Tunnel {
        network_id,
        network,
        peer: *peer,
        slot,
    })
}

/// Whether senders that are not configured may take part in a network.
#[inline(always)]
fn is_open(config: &Config, network: &Network) -> bool {
    config.flags.has(ConfigFlags::UNKNOWN_SOURCES) || network.flags.has(NetworkFlags::ANY_PEER)
}

/// Notes a sender that was not configured, so that it is seen, and found by the ageing sweep. A full
/// table leaves it unnoted; its frames are taken all the same. Which of this host's addresses it should hear from
/// is not known, so that frames to it are the companion's, whose kernel chooses.
#[inline(never)]
fn adopt(key: &MemberKey, slot: u32, now: u64) {
    let member = Member {
        last_seen_ns: now,
        slot,
        pad: 0,
    };
    let _ = MEMBERS.insert(key, member, 0);
    let (Some(config), Some(scratch)) = (maps::config(), maps::scratch()) else {
        return;
    };
    scratch.peer = Peer {
        next_hop: NextHop::default(),
        source: UNSPECIFIED,
        companion_ifindex: config.companion_ifindex,
        slot,
        port: config.vxlan_port,
        flags: PeerFlags::LEARNED,
        pad: [0; 4],
    };
    let _ = PEERS.insert(key.peer, scratch.peer, u64::from(BPF_NOEXIST));
}

/// The inner headers, where the fast path may take the frame: unicast IP, whole, and without news in
/// the outer ECN field, which the companion's kernel code applies. A mark that the inner sender cannot be
/// told of drops the packet (RFC 6040 §4.2).
#[inline(always)]
pub fn inner(frame: &impl Frame, outer: &Outer) -> Result<Option<Inner>, DropReason> {
    // Octets behind the outer packet are none of its, and the stack's to cut off.
    if ETH_LEN + outer.total_len != frame.octets() {
        return Ok(None);
    }
    let start = outer.version.octets();
    let Some(eth) = Ethernet::read(frame, start) else {
        return Ok(None);
    };
    let Some((tos, proto, end)) = packet(frame, &eth, start + ETH_LEN) else {
        return Ok(None);
    };
    let after = ecn::decapsulate(outer.tos, tos).ok_or(DropReason::Ecn)?;
    let fast = !addr::is_group(&eth.dst) && after == tos && end <= frame.octets();
    Ok(fast.then_some(Inner { eth, proto }))
}

/// TOS, protocol and end of an inner packet, where it is IP.
#[inline(always)]
fn packet(frame: &impl Frame, eth: &Ethernet, start: usize) -> Option<(u8, u8, usize)> {
    match eth.ether_type {
        ether_type::IPV4 => {
            let ip = Ipv4::read(frame, start)?;
            Some((ip.tos, ip.proto, start + usize::from(ip.total_len)))
        }
        ether_type::IPV6 => {
            let ip = Ipv6::read(frame, start)?;
            Some((ip.traffic_class, ip.next_header, start + ip.total_len))
        }
        _ => None,
    }
}

/// Where a tunnelled frame came into its network.
#[inline(always)]
pub fn source(tunnel: &Tunnel) -> Source {
    Source::peer(tunnel.network_id, tunnel.network, tunnel.peer, tunnel.slot)
}

/// The local port that an inner frame goes to, if its station is known and is not the gateway.
#[inline(always)]
pub fn local_station(tunnel: &Tunnel, inner: &Inner, now: u64) -> Option<&'static FdbEntry> {
    let key = bridge::key(tunnel.network_id, tunnel.network.vlan, inner.eth.dst);
    let entry = bridge::station(tunnel.network.ageing_ns, key, now)?;
    (entry.ifindex != 0 && !entry.flags.has(FdbFlags::GATEWAY)).then_some(entry)
}
