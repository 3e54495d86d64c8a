//! Decapsulation in the fast path: known unicast to a local port. All else is the companion's.

use netfwd_common::{
    addr::{self, Addr, from_v4},
    ecn,
    limits::{ENCAP_V4, STAMP_INTERVAL_NS},
    maps::{Config, ConfigFlags, FdbEntry, FdbFlags, MemberKey, Network},
    nat::proto,
    verdict::DropReason,
    vxlan,
};
use network_types::udp::UdpHdr;

use crate::{
    bridge,
    frame::Frame,
    maps::{self, MEMBERS},
    parse::{ETH_LEN, Ethernet, IP_LEN, Ipv4, Ipv6, ether_type},
    source::Source,
};

/// Octets of a UDP header.
const UDP_LEN: usize = UdpHdr::LEN;
/// Where the UDP header of a packet without IP options starts.
const UDP: usize = ETH_LEN + IP_LEN;

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

/// The inner frame's headers.
pub struct Inner {
    /// Ethernet.
    pub eth: Ethernet,
    /// Protocol of an IPv4 packet, next header of an IPv6 one.
    pub proto: u8,
}

/// Whether the packet is VXLAN for this host.
#[inline(always)]
pub fn is_vxlan(frame: &impl Frame, config: &Config, ip: &Ipv4) -> bool {
    if ip.proto != proto::UDP || ip.fragment || from_v4(ip.dst) != config.vtep {
        return false;
    }
    ip.header_len == IP_LEN
        && frame.read::<2>(UDP + 2).map(u16::from_be_bytes) == Some(config.vxlan_port)
}

/// Whether the packet may be VXLAN for this host and is not read here: options are legal and rare, and
/// fragments are the stack's to put together. The companion receives it.
#[inline(always)]
pub fn is_unread(config: &Config, ip: &Ipv4) -> bool {
    let unread = ip.fragment || ip.header_len != IP_LEN;
    unread && ip.proto == proto::UDP && from_v4(ip.dst) == config.vtep
}

/// Checks the outer headers: lengths that agree, the I flag, a VNI that is known, a sender that may.
#[inline(always)]
pub fn admit(
    frame: &impl Frame,
    config: &Config,
    ip: &Ipv4,
    now: u64,
) -> Result<Tunnel, DropReason> {
    let udp: [u8; UDP_LEN + vxlan::HEADER_LEN] = frame.read(UDP).ok_or(DropReason::Malformed)?;
    let udp_len = usize::from(u16::from_be_bytes([udp[4], udp[5]]));
    let whole = ip.fits(frame, ETH_LEN) && udp_len + IP_LEN == usize::from(ip.total_len);
    if !whole || udp_len < UDP_LEN + vxlan::HEADER_LEN + ETH_LEN {
        return Err(DropReason::Malformed);
    }
    let header = [
        udp[8], udp[9], udp[10], udp[11], udp[12], udp[13], udp[14], udp[15],
    ];
    let vni = vxlan::vni(&header).ok_or(DropReason::VxlanFlags)?;
    sender(config, vni, from_v4(ip.src), now)
}

/// The network of a VNI and the standing of a sender in it.
#[inline(always)]
pub fn sender(config: &Config, vni: u32, peer: Addr, now: u64) -> Result<Tunnel, DropReason> {
    let network_id = *maps::vni(&vni).ok_or(DropReason::UnknownVni)?;
    let network = maps::network(&network_id).ok_or(DropReason::NoNetwork)?;
    let slot = match MEMBERS.get_ptr_mut(MemberKey {
        network: network_id,
        peer,
    }) {
        Some(member) => {
            // SAFETY: the element stays valid until this program's RCU section ends; CPUs may race
            // to write a stamp, and any of theirs will do.
            let member = unsafe { &mut *member };
            if now.wrapping_sub(member.last_seen_ns) > STAMP_INTERVAL_NS {
                member.last_seen_ns = now;
            }
            member.slot
        }
        None if config.flags.has(ConfigFlags::UNKNOWN_SOURCES) => network.slot,
        None => return Err(DropReason::UnknownPeer),
    };
    Ok(Tunnel {
        network_id,
        network,
        peer,
        slot,
    })
}

/// The inner headers, where the fast path may take the frame: unicast IP, whole, and without news in
/// the outer ECN field (RFC 6040 §4.2), which the companion's kernel code applies.
#[inline(always)]
pub fn inner(frame: &impl Frame, outer: &Ipv4) -> Option<Inner> {
    const IP: usize = ENCAP_V4 + ETH_LEN;
    let eth = Ethernet::read(frame, ENCAP_V4)?;
    if addr::is_group(&eth.dst) {
        return None;
    }
    let (tos, proto, end) = match eth.ether_type {
        ether_type::IPV4 => {
            let ip = Ipv4::read(frame, IP)?;
            (ip.tos, ip.proto, IP + usize::from(ip.total_len))
        }
        ether_type::IPV6 => {
            let ip = Ipv6::read(frame, IP)?;
            (ip.traffic_class, ip.next_header, IP + ip.total_len)
        }
        _ => return None,
    };
    let unmarked = ecn::decapsulate(outer.tos, tos) == Some(tos);
    (unmarked && end <= frame.octets()).then_some(Inner { eth, proto })
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
