//! Encapsulation in the fast path.

use aya_ebpf::{
    bindings::{
        BPF_F_ADJ_ROOM_ENCAP_L2_ETH, BPF_F_ADJ_ROOM_ENCAP_L3_IPV4, BPF_F_ADJ_ROOM_ENCAP_L3_IPV6,
        BPF_F_ADJ_ROOM_ENCAP_L4_UDP, BPF_F_ADJ_ROOM_FIXED_GSO, BPF_F_ADJ_ROOM_NO_CSUM_RESET,
        bpf_adj_room_mode,
    },
    helpers::{bpf_get_hash_recalc, bpf_get_prandom_u32},
    programs::TcContext,
};
use netfwd_common::{
    addr::{self, Addr},
    ecn, flow,
    limits::{ENCAP_V4, ENCAP_V6},
    maps::{Config, ConfigFlags, FdbEntry, Network, Peer, PeerFlags, Wrap},
    nat::proto,
    outer::{self, Outer, Own},
    verdict::DropReason,
};

use super::companion;
use crate::{
    count,
    exit::Outcome,
    frame::{Frame, Octets},
    maps::{self, PEERS},
    mtu,
    parse::{ETH_LEN, Ethernet, IP_LEN, Ipv4, ether_type},
    route, skb,
};

/// The flags without which TCP stalls or loses its offloads: the ENCAP ones tell segmentation where
/// the inner headers are, FIXED_GSO keeps the segment size, and the inner checksum stays as valid as it was.
const FLAGS: u64 = BPF_F_ADJ_ROOM_ENCAP_L4_UDP as u64
    | BPF_F_ADJ_ROOM_ENCAP_L2_ETH as u64
    | BPF_F_ADJ_ROOM_FIXED_GSO as u64
    | BPF_F_ADJ_ROOM_NO_CSUM_RESET as u64
    | encap_l2(ETH_LEN as u64);

/// `BPF_F_ADJ_ROOM_ENCAP_L2(len)`, include/uapi/linux/bpf.h.
const fn encap_l2(len: u64) -> u64 {
    (len & 0xff) << 56
}

/// The IP version of the outer header.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// IPv4.
    V4 = 4,
    /// IPv6.
    V6 = 6,
}

impl Version {
    /// Of a peer's address.
    #[inline(always)]
    pub fn of(address: &Addr) -> Self {
        if addr::is_v4(address) {
            Self::V4
        } else {
            Self::V6
        }
    }

    /// Octets in front of the inner frame.
    #[inline(always)]
    pub const fn octets(self) -> usize {
        match self {
            Self::V4 => ENCAP_V4,
            Self::V6 => ENCAP_V6,
        }
    }
}

/// Sends a frame to a peer: encapsulated here where it can be, else by the companion. `wrap` holds the outer
/// headers afterwards, and says whether the next frame may go by them.
#[inline(never)]
pub fn to_peer(
    ctx: &TcContext,
    network: &Network,
    eth: &Ethernet,
    entry: &FdbEntry,
    wrap: &mut Wrap,
) -> Outcome {
    wrap.ifindex = 0;
    let version = Version::of(&entry.peer);
    // Looked at once: of two looks the compiler makes a pointer into the context, which is refused.
    let tagged = skb::vlan_present(ctx) != 0;
    let peer = next_hop(ctx, &entry.peer);
    let path = peer.map_or(0, |peer| peer.next_hop.mtu);
    wrap.limit = mtu::limit(network.mtu, path, version.octets() as u32, tagged);
    if let Err(refused) = mtu::admit(ctx, eth, wrap.limit) {
        return refused;
    }
    count::tx(entry.slot, ctx.len() as usize);
    if !tagged
        && is_fast(ctx, eth)
        && let Some(peer) = peer
    {
        prepare(peer, network, eth, &entry.peer, wrap);
        return send(ctx, wrap, version, eth.ether_type);
    }
    companion::to_peer(ctx, network, &entry.peer)
}

/// Whether an untagged frame can be encapsulated here. The companion takes what is not IP (adjust_room
/// refuses it), what is tagged (the tag would end up outside), frames that need an outer checksum,
/// super-packets that outgrow the outer length field, and those of SCTP, which adjust_room refuses as well
/// (net/core/filter.c, `bpf_skb_net_grow`).
#[inline(always)]
pub fn is_fast(ctx: &TcContext, eth: &Ethernet) -> bool {
    let plain = maps::config().is_some_and(|c| !c.flags.has(ConfigFlags::UDP_CHECKSUM));
    plain && is_wrappable(ctx, eth.ether_type)
}

/// The same, of a frame to a peer that others went to.
#[inline(always)]
pub fn is_wrappable(ctx: &TcContext, ether_type: u16) -> bool {
    let is_ip = matches!(ether_type, ether_type::IPV4 | ether_type::IPV6);
    let fits = u16::try_from(ctx.len() as usize + ENCAP_V6 - ETH_LEN).is_ok();
    is_ip && fits && skb::gso_size(ctx) != skb::BY_FRAGS
}

/// Writes what the outer headers of frames between two stations have in common.
#[inline(never)]
fn prepare(peer: &Peer, network: &Network, eth: &Ethernet, address: &Addr, wrap: &mut Wrap) {
    let Some(config) = maps::config() else {
        return;
    };
    let outer = Outer {
        src_mac: &peer.next_hop.src_mac,
        dst_mac: &peer.next_hop.dst_mac,
        src: &peer.source,
        dst: address,
        dst_port: peer.port,
        ttl: config.ttl,
        vni: network.vni,
    };
    if addr::is_v4(address) {
        outer::common_v4(wrap, &outer);
        outer::stations(wrap, ENCAP_V4, &eth.dst, &eth.src);
    } else {
        outer::common_v6(wrap, &outer);
        outer::stations(wrap, ENCAP_V6, &eth.dst, &eth.src);
    }
    wrap.ifindex = peer.next_hop.ifindex;
    wrap.uplink_slot = maps::uplink(&wrap.ifindex).map_or(0, |uplink| uplink.slot);
}

/// The peer with a next hop that the FIB named within the last second.
#[inline(never)]
fn next_hop(ctx: &TcContext, address: &Addr) -> Option<&'static Peer> {
    let entry = PEERS.get_ptr_mut(address)?;
    // SAFETY: the element stays valid until this program's RCU section ends; CPUs that race to
    // refresh the next hop write what the FIB told them both.
    let entry = unsafe { maps::value(entry) };
    // From which address a learned one is sent to is the kernel's choice.
    if entry.flags.has(PeerFlags::LEARNED) {
        return None;
    }
    let now = maps::now();
    if route::is_fresh(&entry.next_hop, now) {
        return Some(entry);
    }
    let config = maps::config()?;
    // The companion stands for the input interface: it is ours, so forwarding can be on there.
    route::ask(config.companion_ifindex, &entry.source, address);
    route::lookup(ctx, now, &mut entry.next_hop).then_some(entry)
}

/// Puts prepared outer headers in front of a frame, completed with its own fields, and sends it.
#[inline(never)]
pub fn send(ctx: &TcContext, wrap: &mut Wrap, version: Version, ether_type: u16) -> Outcome {
    wrapped(ctx, wrap, version, ether_type)
        .and_then(|()| {
            if wrap.uplink_slot != 0 {
                // Counted here, for the program there has nothing else to do with it.
                count::tx(wrap.uplink_slot, ctx.len() as usize);
                skb::set_finished(ctx);
            }
            skb::transmit(wrap.ifindex)
        })
        .into()
}

#[inline(always)]
fn wrapped(
    ctx: &TcContext,
    wrap: &mut Wrap,
    version: Version,
    ether_type: u16,
) -> Result<(), DropReason> {
    let config = maps::config().ok_or(DropReason::EncapFailed)?;
    let inner = Inner::read(ctx, ether_type).ok_or(DropReason::Malformed)?;
    let own = inner.own(ctx, config, ether_type);
    // The room is made behind the Ethernet header, which the outer one overwrites; the inner one is
    // written again in front of the packet.
    let mode = bpf_adj_room_mode::BPF_ADJ_ROOM_MAC;
    let done = if version == Version::V4 {
        outer::own_v4(wrap, &own);
        let flags = FLAGS | u64::from(BPF_F_ADJ_ROOM_ENCAP_L3_IPV4);
        ctx.adjust_room(ENCAP_V4 as i32, mode, flags).is_ok()
            && skb::write(ctx, 0, &wrap.bytes[..outer::LEN_V4], 0)
    } else {
        outer::own_v6(wrap, &own);
        let flags = FLAGS | u64::from(BPF_F_ADJ_ROOM_ENCAP_L3_IPV6);
        ctx.adjust_room(ENCAP_V6 as i32, mode, flags).is_ok()
            && skb::write(ctx, 0, &wrap.bytes[..outer::LEN_V6], 0)
    };
    if done {
        Ok(())
    } else {
        Err(DropReason::EncapFailed)
    }
}

/// What the outer headers take from the inner packet.
struct Inner {
    hash: u32,
    tos: u8,
    df: bool,
}

impl Inner {
    /// `None` where the frame is not IP, or is cut off.
    #[inline(always)]
    fn read(ctx: &TcContext, ether_type: u16) -> Option<Self> {
        if ether_type == ether_type::IPV4 {
            if let Some(inner) = Self::usual(ctx) {
                return Some(inner);
            }
            let ip = Ipv4::read(ctx, ETH_LEN)?;
            return Some(Self {
                hash: ipv4_hash(ctx, &ip),
                tos: ip.tos,
                df: ip.df,
            });
        }
        let [a, b] = ctx.read::<2>(ETH_LEN)?;
        // SAFETY: the context is the program's own.
        let hash = unsafe { bpf_get_hash_recalc(ctx.skb.skb) };
        Some(Self {
            // The kernel's hash is not mixed to its top bits, which the port range is scaled by.
            hash: flow::mix(0, hash),
            tos: (a << 4) | (b >> 4),
            df: true,
        })
    }

    /// Of an IPv4 packet of TCP or UDP without options, whole and in the linear part: what most are.
    #[inline(always)]
    fn usual(ctx: &TcContext) -> Option<Self> {
        const DF: u16 = 0x4000;
        let o = Octets::of(ctx, ETH_LEN + IP_LEN + 4)?;
        let (flags, proto) = (u16::from_be(o.u16(20)), o.u8(23));
        let usual =
            o.u8(14) == 0x45 && flags & !DF == 0 && matches!(proto, proto::TCP | proto::UDP);
        if !usual {
            return None;
        }
        let mut hash = u32::from(proto);
        for at in [26, 30, 34] {
            hash = flow::mix(hash, u32::from_be(o.u32(at)));
        }
        Some(Self {
            hash,
            tos: o.u8(15),
            df: flags & DF != 0,
        })
    }

    #[inline(always)]
    fn own(&self, ctx: &TcContext, config: &Config, ether_type: u16) -> Own {
        let inherits = config.flags.has(ConfigFlags::DF_INHERIT);
        let df = config.flags.has(ConfigFlags::DF) || (inherits && self.df);
        Own {
            inner_len: ctx.len() as u16,
            ether_type,
            tos: outer_tos(config, self.tos),
            hash: self.hash,
            src_port: flow::scale(self.hash, config.source_port_low, config.source_port_high),
            df,
            id: if df { 0 } else { random() },
        }
    }
}

#[inline(always)]
fn random() -> u16 {
    // SAFETY: the helper takes no argument.
    unsafe { bpf_get_prandom_u32() as u16 }
}

#[inline(always)]
fn outer_tos(config: &Config, inner: u8) -> u8 {
    let fixed = (!config.flags.has(ConfigFlags::TOS_INHERIT)).then_some(config.tos);
    ecn::encapsulate(inner, fixed)
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
