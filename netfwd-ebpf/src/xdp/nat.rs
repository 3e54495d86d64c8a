//! Packets of sessions, from outside into a network. Whether a packet is a tunnel's, and whose session it
//! belongs to, TC has said: a session is taken by XDP while the way that TC found for it holds, and packets that
//! say something new of a session go on to TC, where its state is kept.

use aya_ebpf::programs::XdpContext;
use netfwd_common::{
    addr::{MAC_WORD, mac_word},
    limits::STAMP_INTERVAL_NS,
    maps::{Session, SessionFlags, SessionKey},
    nat::proto,
    tcp,
};

use super::{is_taken, redirect};
use crate::{
    count,
    frame::{Frame as _, Octets, Room},
    maps,
    nat::{
        session,
        way::{self, Found},
    },
    parse::{ETH_LEN, IP_LEN, L4, MF_AND_OFFSET, ether_type},
    route,
};

mod rewrite;

/// What stands in front of an IPv4 address that is mapped into IPv6's (RFC 4291 §2.5.5.2), in memory order.
const V4: u32 = u32::from_ne_bytes([0, 0, 0xff, 0xff]);
/// Octets of an IPv6 header.
const IP6_LEN: usize = 40;
/// Where the l4 header of an IPv6 packet without extension headers starts.
const L4_V6: usize = ETH_LEN + IP6_LEN;
/// Octets of a UDP header, and of a TCP header without options.
const UDP_LEN: usize = 8;
const TCP_LEN: usize = 20;
/// Where the flags stand in a TCP header.
const FLAGS: usize = 13;

/// A packet that may be a session's.
struct Packet<'a> {
    key: &'a SessionKey,
    /// The MAC that the frame is for.
    mac: u64,
    /// Octets of the frame.
    octets: usize,
    /// Octets of the IP packet.
    total_len: usize,
    /// TCP flags; 0 of UDP.
    tcp_flags: u8,
}

/// Translates and redirects a packet of a session; 0 for what is left to the rest.
#[inline(always)]
pub fn take(ctx: &XdpContext, ifindex: u32) -> u32 {
    const IPV4: u16 = ether_type::IPV4.to_be();
    const IPV6: u16 = ether_type::IPV6.to_be();
    match Octets::of(ctx, ETH_LEN).map(|o| o.u16(12)) {
        Some(IPV4) => v4(ctx, ifindex),
        Some(IPV6) => v6(ctx, ifindex),
        _ => 0,
    }
}

#[inline(never)]
fn v4(ctx: &XdpContext, ifindex: u32) -> u32 {
    take_v4(ctx, ifindex).unwrap_or(0)
}

#[inline(always)]
fn take_v4(ctx: &XdpContext, ifindex: u32) -> Option<u32> {
    let room = Room::of(ctx, L4 + UDP_LEN)?;
    let header = header_v4(ctx, &room)?;
    let key = key_v4(&room, header.proto);
    let packet = Packet::new(ctx, &room, &header, &key)?;
    let session = admitted(ctx, &packet, ifindex)?;
    rewrite::v4(ctx, &room, &key, session);
    Some(redirect(session.next_hop.ifindex))
}

#[inline(never)]
fn v6(ctx: &XdpContext, ifindex: u32) -> u32 {
    take_v6(ctx, ifindex).unwrap_or(0)
}

/// The same over IPv6. The key does not stand on the stack: asking for the way needs what is left of it.
#[inline(always)]
fn take_v6(ctx: &XdpContext, ifindex: u32) -> Option<u32> {
    let room = Room::of(ctx, L4_V6 + UDP_LEN)?;
    let header = header_v6(ctx, &room)?;
    let key = &mut maps::scratch()?.flow.key;
    *key = key_v6(&room, header.proto);
    let packet = Packet::new(ctx, &room, &header, key)?;
    let session = admitted(ctx, &packet, ifindex)?;
    rewrite::v6(ctx, &room, key, session);
    Some(redirect(session.next_hop.ifindex))
}

/// What IP and l4 headers say of a packet that has a hop to go, beside its key.
struct Header {
    proto: u8,
    /// TCP flags; 0 of UDP.
    tcp_flags: u8,
    /// Octets of the IP packet.
    total_len: usize,
}

/// Reads a whole packet of TCP or UDP without options.
#[inline(always)]
fn header_v4(ctx: &XdpContext, o: &Octets) -> Option<Header> {
    let [ttl, proto] = o.u16(ETH_LEN + 8).to_ne_bytes();
    let whole = o.u16(ETH_LEN + 6) & MF_AND_OFFSET.to_be() == 0;
    if o.u8(ETH_LEN) != 0x45 || !whole || ttl <= 1 {
        return None;
    }
    let total_len = usize::from(u16::from_be(o.u16(ETH_LEN + 2)));
    Some(Header {
        proto,
        tcp_flags: plain(ctx, L4, proto, total_len.wrapping_sub(IP_LEN))?,
        total_len,
    })
}

#[inline(always)]
fn header_v6(ctx: &XdpContext, o: &Octets) -> Option<Header> {
    let [proto, hops] = o.u16(ETH_LEN + 6).to_ne_bytes();
    if o.u8(ETH_LEN) >> 4 != 6 || hops <= 1 {
        return None;
    }
    let payload = usize::from(u16::from_be(o.u16(ETH_LEN + 4)));
    Some(Header {
        proto,
        tcp_flags: plain(ctx, L4_V6, proto, payload)?,
        total_len: IP6_LEN + payload,
    })
}

#[inline(always)]
fn key_v4(o: &Octets, proto: u8) -> SessionKey {
    let (src, dst) = (o.u32(ETH_LEN + 12), o.u32(ETH_LEN + 16));
    let [ports, last] = tail(o, L4, proto);
    SessionKey::from_words([0, 0, V4, src, 0, 0, V4, dst, 0, ports, last])
}

#[inline(always)]
fn key_v6(o: &Octets, proto: u8) -> SessionKey {
    const ADDRESSES: usize = ETH_LEN + 8;
    let word = |index: usize| o.u32(ADDRESSES + index * 4);
    let [ports, last] = tail(o, L4_V6, proto);
    SessionKey::from_words([
        word(0),
        word(1),
        word(2),
        word(3),
        word(4),
        word(5),
        word(6),
        word(7),
        0,
        ports,
        last,
    ])
}

/// The TCP flags of a whole l4 header, 0 of UDP; `None` for what says something new of a session, or is of
/// another protocol.
#[inline(always)]
fn plain(ctx: &XdpContext, l4: usize, proto: u8, payload: usize) -> Option<u8> {
    const NEWS: u8 = tcp::SYN | tcp::FIN | tcp::RST;
    // One that is too short is more than any packet has.
    let is_whole = |least: usize| payload >= least && u16::try_from(payload).is_ok();
    match proto {
        proto::TCP if is_whole(TCP_LEN) => {
            let flags = Octets::of(ctx, l4 + TCP_LEN)?.u8(l4 + FLAGS);
            (flags & NEWS == 0).then_some(flags)
        }
        proto::UDP if is_whole(UDP_LEN) => Some(0),
        _ => None,
    }
}

/// The last two words of a key: l4 ports in host order, and the protocol.
#[inline(always)]
fn tail(o: &Octets, l4: usize, proto: u8) -> [u32; 2] {
    let [src, dst] = [l4, l4 + 2].map(|at| u16::from_be(o.u16(at)).to_ne_bytes());
    let ports = u32::from_ne_bytes([src[0], src[1], dst[0], dst[1]]);
    [ports, u32::from_ne_bytes([proto, 0, 0, 0])]
}

impl<'a> Packet<'a> {
    /// `None` where the frame ends within the packet.
    #[inline(always)]
    fn new(ctx: &XdpContext, o: &Octets, header: &Header, key: &'a SessionKey) -> Option<Self> {
        let octets = ctx.octets();
        (ETH_LEN + header.total_len <= octets).then_some(Self {
            key,
            mac: o.u64(0) & MAC_WORD,
            octets,
            total_len: header.total_len,
            tcp_flags: header.tcp_flags,
        })
    }
}

/// The session of a packet, which has been counted; `None` where TC has to look at it.
#[inline(always)]
fn admitted(ctx: &XdpContext, packet: &Packet<'_>, ifindex: u32) -> Option<&'static mut Session> {
    let uplink = maps::uplink(&ifindex)?;
    if packet.mac != mac_word(uplink.mac) {
        return None;
    }
    let session = session::get(packet.key)?;
    let now = maps::now();
    if !is_usual(packet, session, now) || !knows_way(ctx, session, now) {
        return None;
    }
    let fits = packet.octets <= session.next_hop.mtu as usize + ETH_LEN;
    if session.xdp == 0 || !fits || !is_taken(ctx, session.deliver.into(), packet.octets) {
        return None;
    }
    if now.wrapping_sub(session.last_seen_ns) > STAMP_INTERVAL_NS {
        session::stamp(session, packet.key, now);
    }
    session.packets += 1;
    session.bytes += packet.total_len as u64;
    count::rx(uplink.slot, packet.octets);
    count::tx(session.slot, packet.octets);
    Some(session)
}

/// Whether a packet changes nothing of a session that leads into a network, and that cannot be over.
#[inline(always)]
fn is_usual(packet: &Packet<'_>, session: &Session, now: u64) -> bool {
    let lives = now.saturating_sub(session.last_seen_ns) <= session::LEAST_LIFETIME_NS;
    let news = packet.key.proto == proto::TCP && tcp::is_news(session.tcp_flags, packet.tcp_flags);
    session.enter != 0 && !session.flags.has(SessionFlags::TO_HOST) && lives && !news
}

/// Whether the way that TC found for a session holds. In the same epoch it may be asked for again: that
/// the packet is no tunnel's has not changed since.
#[inline(always)]
fn knows_way(ctx: &XdpContext, session: &mut Session, now: u64) -> bool {
    let epoch = maps::epoch();
    if session.epoch != epoch {
        return false;
    }
    if route::is_fresh(&session.next_hop, now) {
        return true;
    }
    let found = way::locate(ctx, now, session) == Found::Port && session.epoch == epoch;
    if !found {
        session.epoch = 0;
    }
    found
}
