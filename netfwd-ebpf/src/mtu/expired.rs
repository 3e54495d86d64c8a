//! An IPv6 packet that has made as many hops as it may becomes the error that its sender is told
//! (RFC 4443 §3.3).

use aya_ebpf::programs::TcContext;
use netfwd_common::{
    addr::Addr,
    icmp::{TooBig, V6_HEADERS, V6_LEN, V6_QUOTE, may_tell_v6, time_exceeded_v6},
};
use network_types::ip::Ipv6Hdr;

use super::{
    noted,
    too_big::{AT_ONCE, header_sum, in_wire_order, octets, partial, put, sum},
};
use crate::{
    frame::Frame,
    icmpv6,
    parse::{ETH_LEN, Ethernet},
    skb,
};

/// Hops that the error may make: as many as Linux gives what it sends.
const HOPS: u8 = 64;
/// What the sum goes by.
const WORD: usize = 4;

/// Makes the error of the packet; says whether its sender may be told.
#[inline(never)]
pub fn tell(ctx: &TcContext, eth: &Ethernet) -> bool {
    let src = Addr::new(octets(ctx, ETH_LEN + 8));
    let dst = Addr::new(octets(ctx, ETH_LEN + 24));
    let Some(l4) = icmpv6::locate(ctx) else {
        return false;
    };
    let [kind] = octets(ctx, l4.offset);
    // No size is told: any that may be.
    if !may_tell_v6(&src, &dst, l4.proto, kind, V6_LEN as u32) {
        return false;
    }
    let octets = quoted(ctx);
    let Some(quote) = quote(ctx, l4, octets) else {
        return false;
    };
    let (_, router) = noted(ctx);
    let error = TooBig {
        to_mac: &eth.src,
        from_mac: &eth.dst,
        mtu: 0,
        ttl: HOPS,
        quote,
    };
    let mut headers = [0; V6_HEADERS];
    time_exceeded_v6(&error, &router, &src, octets as u16, &mut headers);
    put(ctx, &headers)
}

/// Octets of the packet that are quoted: as many as the least MTU of any link leaves (RFC 4443 §2.4 c), in
/// whole words.
#[inline(always)]
fn quoted(ctx: &TcContext) -> usize {
    let octets = (ctx.len() as usize).saturating_sub(ETH_LEN);
    octets.min(V6_QUOTE) & !(WORD - 1)
}

/// Cuts the frame to what is quoted of it, and gives the sum of that.
#[inline(always)]
fn quote(ctx: &TcContext, l4: icmpv6::L4, octets: usize) -> Option<u32> {
    let partial = partial::<{ Ipv6Hdr::LEN }>(ctx, l4.proto, l4.offset);
    if !skb::resize(ctx, ETH_LEN + octets) {
        return None;
    }
    match partial {
        0 => whole(ctx, octets),
        pseudo => Some(header_sum::<{ Ipv6Hdr::LEN }>(ctx)? + u32::from(!pseudo)),
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
