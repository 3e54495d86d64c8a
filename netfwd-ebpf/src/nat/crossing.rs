//! The way of a session's packets between a station behind a port and an uplink, remembered per CPU as in
//! [`crate::express`]: TCP and UDP over IPv4. What may change a session or needs an answer takes the other way: SYN, FIN
//! and RST, fragments, options, what is at its last hop or does not fit.

use aya_ebpf::programs::TcContext;
use netfwd_common::{
    addr::{self, mac_word},
    maps::{Crossing, PortFlags, Session},
    nat::proto,
    tcp,
};

use super::{Packet, rewrite, session};
use crate::{
    count,
    exit::{Outcome, Stage},
    express::{jiffies, stands},
    features,
    frame::{Frame as _, Octets},
    maps, mtu,
    parse::{ETH_LEN, Ethernet, L4, MF_AND_OFFSET, ether_type},
    skb,
};

/// Headers up to the l4 ports and, of UDP, its end.
const HEADERS: usize = L4 + 8;
/// TCP flags that may change a session.
const NEWS: u8 = tcp::SYN | tcp::FIN | tcp::RST;

/// The place of a flow's packets: flows differ in their l4 ports, or else in whom they are with.
#[inline(always)]
fn place(src: u32, dst: u32, ports: u32) -> u32 {
    features::place(u64::from(src) | (u64::from(dst) << 32), u64::from(ports))
}

/// Sends a packet where the last of its flow went; `slot` is whose it is then.
#[inline(never)]
pub fn take(ctx: &TcContext, ifindex: u32, slot: &mut u32) -> Option<Outcome> {
    const IPV4: u16 = ether_type::IPV4.to_be();
    let o = Octets::of(ctx, HEADERS)?;
    if o.u16(ETH_LEN - 2) != IPV4 || o.u8(ETH_LEN) != 0x45 {
        return None;
    }
    let [ttl, proto] = o.u16(ETH_LEN + 8).to_ne_bytes();
    let total = u16::from_be(o.u16(ETH_LEN + 2));
    let whole = o.u16(ETH_LEN + 6) & MF_AND_OFFSET.to_be() == 0;
    // First, because it touches nothing but the packet: what opens or closes a flow is not remembered.
    if !whole || ttl <= 1 || !is_usual(ctx, proto, total) {
        return None;
    }
    let (src, dst, ports) = (o.u32(ETH_LEN + 12), o.u32(ETH_LEN + 16), o.u32(L4));
    let way = maps::crossing(place(src, dst, ports))?;
    let same = way.head == o.u64(0)
        && way.tail == o.u32(8)
        && way.ifindex == ifindex
        && way.src == src
        && way.dst == dst
        && way.ports == ports
        && way.proto == u32::from(proto);
    if !same || !stands(way.epoch, way.since, maps::epoch()) {
        return None;
    }
    if !mtu::fits(ctx, way.mtu) {
        return None;
    }
    *slot = way.rx_slot;
    Some(send(ctx, way, total).into())
}

/// Whether the packet is as long as it says, and says nothing that its session has not heard.
#[inline(always)]
fn is_usual(ctx: &TcContext, proto: u8, total: u16) -> bool {
    const FLAGS: usize = L4 + 13;
    if skb::vlan_present(ctx) != 0 || ETH_LEN + usize::from(total) > ctx.octets() {
        return false;
    }
    if proto == proto::UDP {
        return total >= 28;
    }
    let flags = Octets::of(ctx, FLAGS + 1).map(|o| o.u8(FLAGS));
    total >= 40 && flags.is_some_and(|flags| flags & NEWS == 0)
}

#[inline(always)]
fn send(ctx: &TcContext, way: &mut Crossing, total: u16) -> Stage {
    let octets = ctx.octets();
    count::rx(way.rx_slot, octets);
    way.packets += 1;
    way.bytes += u64::from(total);
    let (target, deliver, slot) = (way.target, way.deliver as u8, way.tx_slot);
    if way.network == 0 {
        rewrite::cross(ctx, way)?;
        return skb::deliver(ctx, target, deliver, slot);
    }
    count::tx(slot, octets);
    skb::set_finished(ctx);
    rewrite::cross(ctx, way)?;
    skb::transmit(target)
}

/// Remembers the way of a packet that has just gone it, unless another has the place.
#[inline(never)]
pub fn remember(packet: &Packet<'_>, session: &Session, eth: &Ethernet) {
    if !lasts(packet, session) {
        return;
    }
    let key = &packet.flow.key;
    let ([.., from], [.., to]) = (addr::words(&key.src), addr::words(&key.dst));
    let ports = both(key.src_port, key.dst_port);
    let Some(way) = maps::crossing(place(from, to, ports)) else {
        return;
    };
    let same = way.src == from && way.dst == to && way.ports == ports;
    if !same && stands(way.epoch, way.since, session.epoch) {
        return;
    }
    settle(way);
    let ([.., new_src], [.., new_dst]) = (addr::words(&session.src), addr::words(&session.dst));
    let (dst, src) = (eth.dst, eth.src);
    way.head = u64::from_ne_bytes([
        dst[0], dst[1], dst[2], dst[3], dst[4], dst[5], src[0], src[1],
    ]);
    way.tail = u32::from_ne_bytes([src[2], src[3], src[4], src[5]]);
    way.ifindex = skb::ifindex(packet.ctx);
    way.src = from;
    way.dst = to;
    way.ports = ports;
    way.proto = key.proto.into();
    way.epoch = session.epoch;
    way.since = jiffies();
    way.created_ns = session.created_ns;
    way.dst_mac = mac_word(session.next_hop.dst_mac);
    way.src_mac = mac_word(session.next_hop.src_mac);
    way.new_src = new_src;
    way.new_dst = new_dst;
    way.new_ports = both(session.src_port, session.dst_port);
    way.network = key.network;
    way.rx_slot = packet.source.slot;
    way.tx_slot = session.slot;
    way.target = session.next_hop.ifindex;
    way.deliver = session.deliver.into();
    way.mtu = session.next_hop.mtu;
}

/// Both l4 ports in memory order.
#[inline(always)]
const fn both(src: u16, dst: u16) -> u32 {
    let ([a, b], [c, d]) = (src.to_be_bytes(), dst.to_be_bytes());
    u32::from_ne_bytes([a, b, c, d])
}

/// Whether the next packets of a flow need not be looked at as this one was: for VXLAN of a station's own, for what its
/// session keeps of TCP, for a tag, or for a way that is not known. What a port's guard asks of them, their MAC and IP
/// sources and that they have no tag, [`take`] compares itself.
#[inline(always)]
fn lasts(packet: &Packet<'_>, session: &Session) -> bool {
    const LOOKED_AT: PortFlags = PortFlags::OUTSIDE.with(PortFlags::GATEWAY);
    let (flow, source) = (packet.flow, packet.source);
    let is_known = session.epoch != 0 && session.next_hop.ifindex != 0;
    let is_plain = flow.is_plain() && source.stated == 0 && source.tci == 0;
    if !is_known || !is_plain || source.flags.has_any(LOOKED_AT) {
        return false;
    }
    if flow.key.proto == proto::TCP {
        return flow.tcp_flags & NEWS == 0 && !tcp::is_news(session.tcp_flags, tcp::ACK);
    }
    maps::config().is_some_and(|config| !maps::is_vxlan_port(config, flow.key.dst_port))
}

/// Has the session count what it has not counted yet, where it still is.
#[inline(always)]
fn settle(way: &mut Crossing) {
    if way.packets == 0 {
        return;
    }
    if let Some(session) = session::get(&way.session())
        && session.created_ns == way.created_ns
    {
        session.packets += way.packets;
        session.bytes += way.bytes;
    }
    way.packets = 0;
    way.bytes = 0;
}
