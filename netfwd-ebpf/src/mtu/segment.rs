//! The segments that a super-packet will be cut into.

use aya_ebpf::programs::TcContext;
use netfwd_common::nat::proto;
use network_types::{ip::Ipv6Hdr, udp::UdpHdr};

use crate::{
    frame::Frame,
    icmpv6,
    parse::{ETH_LEN, IP_LEN, ether_type},
    skb,
};

/// Octets of the IP packet of each segment that carries `size` octets of payload, as
/// net/core/gso.c, `skb_gso_network_seglen`, has it for what is no tunnel. Of a tunnel of somebody
/// inside only the outer headers are counted: those within are not read here.
#[inline(never)]
pub fn octets(ctx: &TcContext, size: u32) -> u32 {
    let (proto, l4) = match u16::from_be(skb::protocol(ctx) as u16) {
        ether_type::IPV4 => ipv4(ctx),
        ether_type::IPV6 => ipv6(ctx),
        _ => return size,
    };
    (l4 - ETH_LEN) as u32 + transport(ctx, proto, l4) + size
}

#[inline(always)]
fn ipv4(ctx: &TcContext) -> (u8, usize) {
    const PROTO: usize = ETH_LEN + 9;
    let first = ctx.read::<1>(ETH_LEN).map_or(0, |[first]| first & 0x0f);
    let proto = ctx.read::<1>(PROTO).map_or(0, |[proto]| proto);
    (proto, ETH_LEN + (usize::from(first) * 4).max(IP_LEN))
}

#[inline(always)]
fn ipv6(ctx: &TcContext) -> (u8, usize) {
    match icmpv6::locate(ctx) {
        Some(l4) => (l4.proto, l4.offset),
        None => (0, ETH_LEN + Ipv6Hdr::LEN),
    }
}

/// Octets of the l4 header, which every segment has.
#[inline(always)]
fn transport(ctx: &TcContext, proto: u8, l4: usize) -> u32 {
    const DATA_OFFSET: usize = 12;
    match proto {
        proto::UDP => UdpHdr::LEN as u32,
        proto::TCP => {
            let word: Option<[u8; 1]> = ctx.load(l4 + DATA_OFFSET).ok();
            word.map_or(0, |[word]| u32::from(word >> 4) * 4)
        }
        _ => 0,
    }
}
