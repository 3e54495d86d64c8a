//! A packet that has made as many hops as it may becomes the error that its sender is told (RFC 792, RFC 4443 §3.3).

use aya_ebpf::programs::TcContext;
use netfwd_common::{
    addr::Addr,
    icmp::{
        TooBig, V4_HEADERS, V4_LEN, V4_QUOTE, V6_HEADERS, V6_LEN, V6_QUOTE, may_tell_v4,
        may_tell_v6, time_exceeded_v4, time_exceeded_v6,
    },
};
use network_types::ip::Ipv6Hdr;

use super::{
    noted,
    too_big::{
        AT_ONCE, header_sum, in_wire_order, octets, partial, put, sum, teller_v4, teller_v6,
    },
};
use crate::{
    frame::Frame,
    icmpv6, maps,
    parse::{ETH_LEN, Ethernet, IP_LEN},
    skb,
};

/// Hops that the error may make: as many as Linux gives what it sends.
const HOPS: u8 = 64;
/// What the sum goes by.
const WORD: usize = 4;

/// Whether one more error may be sent.
#[inline(always)]
pub fn may_tell() -> bool {
    maps::scratch().is_some_and(|scratch| scratch.errors.take(maps::now()))
}

/// Makes the error of an IPv4 packet; says whether its sender may be told.
#[inline(never)]
pub fn tell_v4(ctx: &TcContext, eth: &Ethernet) -> bool {
    let ip: [u8; IP_LEN] = octets(ctx, ETH_LEN);
    let l4 = ETH_LEN + usize::from(ip[0] & 0x0f) * 4;
    let [kind] = octets(ctx, l4);
    // No size is told: any that may be.
    if ip[0] >> 4 != 4 || l4 < ETH_LEN + IP_LEN || !may_tell_v4(&ip, kind, V4_LEN as u32) {
        return false;
    }
    // What is behind the packet fills a short frame up.
    let total = usize::from(u16::from_be_bytes([ip[2], ip[3]]));
    let octets = quoted(ctx, total.min(V4_QUOTE));
    let Some(quote) = quote::<IP_LEN>(ctx, (ip[9], l4), octets) else {
        return false;
    };
    let from = teller_v4(&noted(ctx).1, &ip);
    let to = [ip[12], ip[13], ip[14], ip[15]];
    let mut headers = [0; V4_HEADERS];
    time_exceeded_v4(&error(eth, quote), from, to, octets as u16, &mut headers);
    put(ctx, &headers)
}

/// The same of an IPv6 packet.
#[inline(never)]
pub fn tell_v6(ctx: &TcContext, eth: &Ethernet) -> bool {
    let src = Addr::new(octets(ctx, ETH_LEN + 8));
    let dst = Addr::new(octets(ctx, ETH_LEN + 24));
    let Some(l4) = icmpv6::locate(ctx) else {
        return false;
    };
    let [kind] = octets(ctx, l4.offset);
    if !may_tell_v6(&src, &dst, l4.proto, kind, V6_LEN as u32) {
        return false;
    }
    let octets = quoted(ctx, V6_QUOTE);
    let Some(quote) = quote::<{ Ipv6Hdr::LEN }>(ctx, (l4.proto, l4.offset), octets) else {
        return false;
    };
    let (_, router) = noted(ctx);
    let from = teller_v6(&router, &dst);
    let mut headers = [0; V6_HEADERS];
    time_exceeded_v6(&error(eth, quote), from, &src, octets as u16, &mut headers);
    put(ctx, &headers)
}

#[inline(always)]
fn error(eth: &Ethernet, quote: u32) -> TooBig<'_> {
    TooBig {
        to_mac: &eth.src,
        from_mac: &eth.dst,
        mtu: 0,
        ttl: HOPS,
        quote,
    }
}

/// Octets of the packet that are quoted: as many as every host takes in one piece (RFC 1812 §4.3.2.3, RFC 4443 §2.4 c), in
/// whole words.
#[inline(always)]
fn quoted(ctx: &TcContext, most: usize) -> usize {
    let octets = (ctx.len() as usize).saturating_sub(ETH_LEN);
    octets.min(most) & !(WORD - 1)
}

/// Cuts the frame to what is quoted of it, and gives the sum of that.
#[inline(always)]
fn quote<const L3: usize>(ctx: &TcContext, (proto, l4): (u8, usize), octets: usize) -> Option<u32> {
    let partial = partial::<L3>(ctx, proto, l4);
    if !skb::resize(ctx, ETH_LEN + octets) {
        return None;
    }
    match partial {
        0 => whole(ctx, octets),
        pseudo => Some(header_sum::<L3>(ctx)? + u32::from(!pseudo)),
    }
}

/// The sum of so many octets behind the Ethernet header, in pieces whose sizes are powers of two: the
/// verifier wants constants.
#[inline(always)]
fn whole(ctx: &TcContext, octets: usize) -> Option<u32> {
    let (start, end) = ctx.linear();
    let mut left = Left {
        at: start + ETH_LEN,
        end,
        sum: 0,
    };
    if octets & (2 * AT_ONCE) != 0 {
        left.take::<AT_ONCE>()?;
        left.take::<AT_ONCE>()?;
    }
    left.take_if::<AT_ONCE>(octets)?;
    left.take_if::<256>(octets)?;
    left.take_if::<128>(octets)?;
    left.take_if::<64>(octets)?;
    left.take_if::<32>(octets)?;
    left.take_if::<16>(octets)?;
    left.take_if::<8>(octets)?;
    left.take_if::<WORD>(octets)?;
    Some(in_wire_order(left.sum))
}

/// What is left to be summed up.
struct Left {
    at: usize,
    end: usize,
    sum: u32,
}

impl Left {
    #[inline(always)]
    fn take<const N: usize>(&mut self) -> Option<()> {
        if self.at + N > self.end {
            return None;
        }
        self.sum = sum(self.at, N, self.sum)?;
        self.at += N;
        Some(())
    }

    /// Where a number of octets has this power of two.
    #[inline(always)]
    fn take_if<const N: usize>(&mut self, octets: usize) -> Option<()> {
        if octets & N == 0 {
            return Some(());
        }
        self.take::<N>()
    }
}
