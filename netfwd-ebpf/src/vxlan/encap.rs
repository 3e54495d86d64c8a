//! Encapsulation in the fast path.

use aya_ebpf::{
    bindings::{
        BPF_F_ADJ_ROOM_ENCAP_L2_ETH, BPF_F_ADJ_ROOM_ENCAP_L3_IPV4, BPF_F_ADJ_ROOM_ENCAP_L4_UDP,
        BPF_F_ADJ_ROOM_FIXED_GSO, BPF_F_ADJ_ROOM_NO_CSUM_RESET, bpf_adj_room_mode,
    },
    helpers::bpf_get_hash_recalc,
    programs::TcContext,
};
use netfwd_common::{
    addr::{Addr, from_v4, low_v4},
    ecn, flow,
    limits::{ENCAP_V4, MTU_OVERHEAD_V4},
    maps::{Config, ConfigFlags, FdbEntry, Network, Peer},
    nat::proto,
    verdict::DropReason,
    vxlan::{Outer, outer_v4},
};

use super::companion;
use crate::{
    count,
    exit::Outcome,
    frame::Frame,
    maps::{self, PEERS},
    mtu,
    parse::{ETH_LEN, Ethernet, IP_LEN, Ipv4, ether_type},
    route, skb,
};

/// The flags without which TCP stalls or loses its offloads: the ENCAP ones tell segmentation where the inner headers are, FIXED_GSO keeps the segment size, and
/// the inner checksum stays as valid as it was.
const FLAGS: u64 = BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 as u64
    | BPF_F_ADJ_ROOM_ENCAP_L4_UDP as u64
    | BPF_F_ADJ_ROOM_ENCAP_L2_ETH as u64
    | BPF_F_ADJ_ROOM_FIXED_GSO as u64
    | BPF_F_ADJ_ROOM_NO_CSUM_RESET as u64
    | encap_l2(ETH_LEN as u64);

/// `BPF_F_ADJ_ROOM_ENCAP_L2(len)`, include/uapi/linux/bpf.h.
const fn encap_l2(len: u64) -> u64 {
    (len & 0xff) << 56
}

/// Octets of outer IPv4, UDP and VXLAN headers: what the total length has beside the inner frame.
const OUTER_LEN: usize = ENCAP_V4 - ETH_LEN;

/// Sends a frame to a peer: encapsulated here where it can be, else by the companion.
#[inline(never)]
pub fn to_peer(
    ctx: &TcContext,
    network: &Network,
    eth: &Ethernet,
    entry: &FdbEntry,
    now: u64,
) -> Outcome {
    let len = ctx.len() as usize;
    let peer = next_hop(ctx, &entry.peer, now);
    let path = peer.map_or(0, |peer| peer.next_hop.mtu);
    let limit = mtu::limit(ctx, network.mtu, path, MTU_OVERHEAD_V4);
    if let Err(refused) = mtu::admit(ctx, eth, limit) {
        return refused;
    }
    let stage = match peer {
        Some(peer) if is_fast(ctx, eth, len) => {
            count::tx(entry.slot, len);
            encapsulate(ctx, network, eth, &entry.peer, peer).into()
        }
        _ => companion::to_peer(ctx, network, &entry.peer, entry.slot),
    };
    stage.into()
}

/// Whether the frame can be encapsulated here. The companion takes what is not IP (adjust_room
/// refuses it), what is tagged (the tag would end up outside), frames that need an outer checksum,
/// and super-packets that outgrow the outer length field.
#[inline(always)]
fn is_fast(ctx: &TcContext, eth: &Ethernet, len: usize) -> bool {
    let is_ip = matches!(eth.ether_type, ether_type::IPV4 | ether_type::IPV6);
    let fits = u16::try_from(len + OUTER_LEN).is_ok();
    let plain = maps::config().is_some_and(|c| !c.flags.has(ConfigFlags::UDP_CHECKSUM));
    is_ip && fits && plain && skb::vlan_present(ctx) == 0
}

/// The peer with a next hop that the FIB named within the last second.
#[inline(never)]
fn next_hop(ctx: &TcContext, address: &Addr, now: u64) -> Option<&'static Peer> {
    let entry = PEERS.get_ptr_mut(address)?;
    // SAFETY: the element stays valid until this program's RCU section ends; CPUs that race to
    // refresh the next hop write what the FIB told them both.
    let entry = unsafe { &mut *entry };
    if route::is_fresh(&entry.next_hop, now) {
        return Some(entry);
    }
    let config = maps::config()?;
    // The companion stands for the input interface: it is ours, so forwarding can be on there.
    let query = route::Query {
        ifindex: config.companion_ifindex,
        src: low_v4(&config.vtep),
        dst: low_v4(address),
    };
    route::lookup(ctx, &query, now, &mut entry.next_hop).then_some(entry)
}

#[inline(always)]
fn outer_tos(config: &Config, inner: u8) -> u8 {
    let fixed = (!config.flags.has(ConfigFlags::TOS_INHERIT)).then_some(config.tos);
    ecn::encapsulate(inner, fixed)
}

/// The inner flow's hash and TOS; `None` where the frame is not IP.
#[inline(always)]
fn inner(ctx: &TcContext, eth: &Ethernet) -> Option<(u32, u8)> {
    match eth.ether_type {
        ether_type::IPV4 => {
            let ip = Ipv4::read(ctx, ETH_LEN)?;
            Some((ipv4_hash(ctx, &ip), ip.tos))
        }
        ether_type::IPV6 => {
            let [a, b] = ctx.read::<2>(ETH_LEN)?;
            // SAFETY: the context is the program's own.
            let hash = unsafe { bpf_get_hash_recalc(ctx.skb.skb) };
            // The kernel's hash is not mixed to its top bits, which the port range is scaled by.
            Some((flow::mix(0, hash), (a << 4) | (b >> 4)))
        }
        _ => None,
    }
}

/// Hashes addresses and, but for fragments, whose later ones have none, the l4 ports.
#[inline(always)]
fn ipv4_hash(ctx: &TcContext, ip: &Ipv4) -> u32 {
    let hash = flow::mix(u32::from(ip.proto), u32::from_be_bytes(ip.src));
    let hash = flow::mix(hash, u32::from_be_bytes(ip.dst));
    let has_ports = matches!(ip.proto, proto::TCP | proto::UDP) && ip.header_len == IP_LEN;
    if ip.fragment || !has_ports {
        return hash;
    }
    match ctx.read::<4>(ETH_LEN + IP_LEN) {
        Some(ports) => flow::mix(hash, u32::from_be_bytes(ports)),
        None => hash,
    }
}

#[inline(never)]
fn encapsulate(
    ctx: &TcContext,
    network: &Network,
    eth: &Ethernet,
    address: &Addr,
    peer: &Peer,
) -> Outcome {
    wrap(ctx, network, eth, address, peer)
        .and_then(|()| skb::transmit(peer.next_hop.ifindex))
        .into()
}

#[inline(always)]
fn wrap(
    ctx: &TcContext,
    network: &Network,
    eth: &Ethernet,
    address: &Addr,
    peer: &Peer,
) -> Result<(), DropReason> {
    let config = maps::config().ok_or(DropReason::EncapFailed)?;
    let scratch = maps::scratch().ok_or(DropReason::EncapFailed)?;
    let (hash, tos) = inner(ctx, eth).ok_or(DropReason::Malformed)?;
    let outer = Outer {
        src_mac: &peer.next_hop.src_mac,
        dst_mac: &peer.next_hop.dst_mac,
        src: &config.vtep,
        dst: address,
        src_port: flow::scale(hash, config.source_port_low, config.source_port_high),
        dst_port: peer.port,
        tos: outer_tos(config, tos),
        ttl: config.ttl,
        inner_len: ctx.len() as u16,
        vni: network.vni,
    };
    outer_v4(&mut scratch.outer, &outer);
    scratch.inner = eth.bytes();
    // The room is made behind the Ethernet header, which the outer one overwrites; the inner one is
    // written again in front of the packet.
    ctx.adjust_room(ENCAP_V4 as i32, bpf_adj_room_mode::BPF_ADJ_ROOM_MAC, FLAGS)
        .and_then(|()| ctx.store(0, &scratch.outer, 0))
        .and_then(|()| ctx.store(ENCAP_V4, &scratch.inner, 0))
        .map_err(|_| DropReason::EncapFailed)
}

/// Whether somebody inside sends VXLAN to a peer, which would take it for this host's and let it into any
/// network. The host's own addresses may; nobody inside can use them, the stack drops them as martians
/// (net/ipv4/fib_frontend.c, __fib_validate_source).
#[inline(always)]
pub fn is_injected(ctx: &TcContext, config: &Config, ip: &Ipv4) -> bool {
    if ip.proto != proto::UDP {
        return false;
    }
    let port = ctx.load::<[u8; 2]>(ETH_LEN + ip.header_len + 2);
    port.is_ok_and(|port| u16::from_be_bytes(port) == config.vxlan_port)
        && is_peer(&from_v4(ip.dst))
        && maps::local(&from_v4(ip.src)).is_none()
}

/// Whether an address is a peer's.
#[inline(always)]
pub fn is_peer(address: &Addr) -> bool {
    PEERS.get_ptr(address).is_some()
}

/// Whether an address is this host's VTEP.
#[inline(always)]
pub fn is_vtep(config: &Config, address: [u8; 4]) -> bool {
    config.vtep == from_v4(address)
}
