//! Reading an error, and the packet that it quotes.

use aya_ebpf::programs::TcContext;
use netfwd_common::{
    addr::{self, from_v4},
    icmp_error::{HEADER_LEN, QUOTED, is_error_v4, is_error_v6, ports, turn_round},
    nat::proto,
};
use network_types::ip::Ipv6Hdr;

use super::Error;
use crate::{
    icmpv6,
    parse::{ETH_LEN, IP_LEN},
    skb,
};

/// IPv6's fragment header, as the header before it names it, and its octets.
const FRAGMENT: u8 = 44;
const FRAGMENT_LEN: usize = 8;

/// Reads an ICMP error; says whether there is one, and it quotes what its receiver can have sent.
#[inline(never)]
pub fn read_v4(ctx: &TcContext, error: &mut Error) -> bool {
    let mut ip = [0; IP_LEN];
    let mut kind = [0; 1];
    let read = skb::read_into(ctx, ETH_LEN, &mut ip);
    let icmp = ETH_LEN + header_len(ip[0]);
    if !read || !skb::read_into(ctx, icmp, &mut kind) || ip[9] != proto::ICMP {
        return false;
    }
    error.v4 = 1;
    error.ttl = u32::from(ip[8]);
    error.src = from_v4([ip[12], ip[13], ip[14], ip[15]]);
    error.dst = from_v4([ip[16], ip[17], ip[18], ip[19]]);
    error.icmp = icmp as u32;
    error.end = (ETH_LEN + usize::from(u16::from_be_bytes([ip[2], ip[3]]))) as u32;
    is_error_v4(kind[0]) && error.end <= ctx.len() && quoted_v4(ctx, error)
}

/// Octets of an IPv4 header, options included.
#[inline(always)]
const fn header_len(first: u8) -> usize {
    (first & 0x0f) as usize * 4
}

#[inline(always)]
fn quoted_v4(ctx: &TcContext, error: &mut Error) -> bool {
    const OFFSET: u16 = 0x1fff;
    let quote = error.icmp as usize + HEADER_LEN;
    let mut ip = [0; IP_LEN];
    let read = skb::read_into(ctx, quote, &mut ip);
    let later = u16::from_be_bytes([ip[6], ip[7]]) & OFFSET != 0;
    if !read || ip[0] >> 4 != 4 || header_len(ip[0]) < IP_LEN || later {
        return false;
    }
    error.quote = quote as u32;
    error.key.src = from_v4([ip[12], ip[13], ip[14], ip[15]]);
    error.key.dst = from_v4([ip[16], ip[17], ip[18], ip[19]]);
    quoted_l4(ctx, error, quote + header_len(ip[0]), ip[9])
}

/// The same of ICMPv6.
#[inline(never)]
pub fn read_v6(ctx: &TcContext, error: &mut Error) -> bool {
    let mut kind = [0; 1];
    let Some(icmp) = icmpv6::locate(ctx) else {
        return false;
    };
    if icmp.proto != proto::ICMPV6 || !skb::read_into(ctx, icmp.offset, &mut kind) {
        return false;
    }
    error.v4 = 0;
    error.icmp = icmp.offset as u32;
    let read = outer_v6(ctx, error);
    read && is_error_v6(kind[0]) && error.end <= ctx.len() && quoted_v6(ctx, error)
}

#[inline(always)]
fn outer_v6(ctx: &TcContext, error: &mut Error) -> bool {
    let mut len_and_hops = [0; 4];
    let read = skb::read_into(ctx, ETH_LEN + 4, &mut len_and_hops);
    let [high, low, _, hops] = len_and_hops;
    error.ttl = u32::from(hops);
    error.end = (ETH_LEN + Ipv6Hdr::LEN) as u32 + u32::from(u16::from_be_bytes([high, low]));
    read && skb::read_into(ctx, ETH_LEN + 8, &mut error.src.octets)
        && skb::read_into(ctx, ETH_LEN + 24, &mut error.dst.octets)
}

#[inline(always)]
fn quoted_v6(ctx: &TcContext, error: &mut Error) -> bool {
    let quote = error.icmp as usize + HEADER_LEN;
    let mut version = [0; 1];
    let read = skb::read_into(ctx, quote, &mut version)
        && skb::read_into(ctx, quote + 8, &mut error.key.src.octets)
        && skb::read_into(ctx, quote + 24, &mut error.key.dst.octets);
    if !read || version[0] >> 4 != 6 {
        return false;
    }
    error.quote = quote as u32;
    let Some(l4) = icmpv6::locate_at(ctx, quote) else {
        return false;
    };
    if l4.proto != FRAGMENT {
        return quoted_l4(ctx, error, l4.offset, l4.proto);
    }
    let mut fragment = [0; 4];
    let read = skb::read_into(ctx, l4.offset, &mut fragment);
    let [next, _, offset @ ..] = fragment;
    let later = u16::from_be_bytes(offset) & !7 != 0;
    read && !later && quoted_l4(ctx, error, l4.offset + FRAGMENT_LEN, next)
}

/// Reads what tells the flow, and turns it round. An error goes to who has sent what it quotes, or it is
/// forged.
#[inline(always)]
fn quoted_l4(ctx: &TcContext, error: &mut Error, l4: usize, protocol: u8) -> bool {
    let mut header = [0; QUOTED];
    let within = (l4 + QUOTED) as u32 <= error.end;
    if !within || !skb::read_into(ctx, l4, &mut header) {
        return false;
    }
    let Some((src_port, dst_port)) = ports(protocol, &header) else {
        return false;
    };
    error.l4 = l4 as u32;
    error.key.proto = protocol;
    error.key.pad = [0; 3];
    (error.key.src_port, error.key.dst_port) = (src_port, dst_port);
    let to_its_sender = addr::words(&error.dst) == addr::words(&error.key.src);
    turn_round(&mut error.key);
    to_its_sender
}
