//! Stage: a frame that does not fit becomes the error that its sender is told.
//!
//! There is no limit to their rate, as there is none where the kernel's vxlan answers
//! (net/ipv4/ip_tunnel_core.c, `skb_tunnel_check_pmtu`): an error goes to the port that the frame came
//! from and nowhere else, is never longer than that frame, costs less than forwarding it would, and
//! is what ends such frames. A sender that goes on regardless takes its own share of the CPU alone. Errors about
//! hops are limited: they may be longer than what asks for them, and anybody outside may ask.

use aya_ebpf::{
    bindings::{BPF_F_RECOMPUTE_CSUM, bpf_adj_room_mode},
    helpers::bpf_csum_diff,
    programs::TcContext,
};
use netfwd_common::{
    addr::{self, Addr},
    csum,
    icmp::{
        self, TooBig, V4_HEADERS, V4_QUOTE, V6_HEADERS, V6_QUOTE, is_later_fragment_v6,
        may_tell_v4, may_tell_v6,
    },
    nat::proto,
    verdict::DropReason,
};
use network_types::ip::Ipv6Hdr;

use super::{EXPIRED, expired, noted};
use crate::{
    bridge, count,
    exit::{Stage, Verdict},
    frame::Frame,
    icmpv6, maps,
    parse::{ETH_LEN, Ethernet, IP_LEN, ether_type},
    port, skb,
    source::Source,
};

/// IPv6's fragment header, as the header before it names it, and its octets.
const FRAGMENT: u8 = 44;
const FRAGMENT_LEN: usize = 8;
/// Most octets that `bpf_csum_diff` takes at once (net/core/filter.c, `bpf_scratchpad`).
pub(super) const AT_ONCE: usize = 512;

/// Tells the sender of a frame what fits.
#[inline(always)]
pub fn handle(ctx: &TcContext) -> Verdict {
    port::staged(ctx, decide)
}

#[inline(always)]
fn decide(ctx: &TcContext, source: &Source, eth: &Ethernet) -> Stage {
    let expired = noted(ctx).0 == EXPIRED;
    let told = match eth.ether_type {
        _ if expired && !expired::may_tell() => false,
        ether_type::IPV4 if expired => expired::tell_v4(ctx, eth),
        ether_type::IPV6 if expired => expired::tell_v6(ctx, eth),
        ether_type::IPV4 => tell_v4(ctx, eth),
        ether_type::IPV6 => tell_v6(ctx, eth),
        _ => false,
    };
    let reason = if expired {
        DropReason::TimeExceeded
    } else {
        DropReason::TooBig
    };
    if !told {
        return Err(reason);
    }
    count::drop(source.slot, reason);
    if source.ifindex == 0 {
        return skb::transmit(skb::ifindex(ctx));
    }
    let network = maps::network(&source.network).ok_or(DropReason::NoNetwork)?;
    bridge::back(ctx, source, network)
}

#[inline(never)]
fn tell_v4(ctx: &TcContext, eth: &Ethernet) -> bool {
    let ip: [u8; IP_LEN] = octets(ctx, ETH_LEN);
    let l4 = ETH_LEN + usize::from(ip[0] & 0x0f) * 4;
    let [kind] = octets(ctx, l4);
    let (mtu, router) = noted(ctx);
    if ip[0] >> 4 != 4 || l4 < ETH_LEN + IP_LEN || !may_tell_v4(&ip, kind, mtu) {
        return false;
    }
    let Some(quote) = quote::<V4_QUOTE, IP_LEN>(ctx, ip[9], l4) else {
        return false;
    };
    let to = [ip[12], ip[13], ip[14], ip[15]];
    let from = teller_v4(&router, &ip);
    let mut headers = [0; V4_HEADERS];
    let error = error(eth, mtu, ip[8], quote);
    icmp::fragmentation_needed(&error, from, to, &mut headers);
    put(ctx, &headers)
}

#[inline(never)]
fn tell_v6(ctx: &TcContext, eth: &Ethernet) -> bool {
    const SRC: usize = ETH_LEN + 8;
    const DST: usize = ETH_LEN + 24;
    let [version] = octets(ctx, ETH_LEN);
    let [hops] = octets(ctx, ETH_LEN + 7);
    let (src, dst) = (Addr::new(octets(ctx, SRC)), Addr::new(octets(ctx, DST)));
    let (mtu, router) = noted(ctx);
    let Some(l4) = icmpv6::locate(ctx) else {
        return false;
    };
    let [proto, _, fragment @ ..]: [u8; 4] = octets(ctx, l4.offset);
    let (proto, at) = match l4.proto {
        FRAGMENT if is_later_fragment_v6(fragment) => return false,
        FRAGMENT => (proto, l4.offset + FRAGMENT_LEN),
        proto => (proto, l4.offset),
    };
    let [kind] = octets(ctx, at);
    if version >> 4 != 6 || !may_tell_v6(&src, &dst, proto, kind, mtu) {
        return false;
    }
    let Some(quote) = quote::<V6_QUOTE, { Ipv6Hdr::LEN }>(ctx, proto, at) else {
        return false;
    };
    let from = teller_v6(&router, &dst);
    let mut headers = [0; V6_HEADERS];
    icmp::packet_too_big(&error(eth, mtu, hops, quote), from, &src, &mut headers);
    put(ctx, &headers)
}

/// Who tells the sender: the router that was noted, or else the address that the packet goes to.
#[inline(always)]
pub(super) fn teller_v4(router: &Addr, ip: &[u8; IP_LEN]) -> [u8; 4] {
    match addr::low_v4(router) {
        [0, 0, 0, 0] => [ip[16], ip[17], ip[18], ip[19]],
        router => router,
    }
}

/// The same over IPv6.
#[inline(always)]
pub(super) fn teller_v6<'a>(router: &'a Addr, dst: &'a Addr) -> &'a Addr {
    if addr::words(router) == [0; 4] {
        dst
    } else {
        router
    }
}

/// Octets of the frame; the helper makes them zero where the frame ends before them (net/core/filter.c,
/// `bpf_skb_load_bytes`). No branch, and no `Option`: the verifier would follow every combination of
/// what is there, and refuses to see an `Option`'s undefined value kept on the stack.
#[inline(always)]
pub(super) fn octets<const N: usize>(ctx: &TcContext, offset: usize) -> [u8; N] {
    let mut octets = [0; N];
    let _ = skb::read_into(ctx, offset, &mut octets);
    octets
}

#[inline(always)]
fn error(eth: &Ethernet, mtu: u32, ttl: u8, quote: u32) -> TooBig<'_> {
    TooBig {
        to_mac: &eth.src,
        from_mac: &eth.dst,
        mtu,
        ttl,
        quote,
    }
}

/// Cuts the frame to what is quoted of it, which also makes a plain packet of a super-packet and the
/// frame linear (net/core/filter.c, `__bpf_skb_change_tail`), and gives the sum of the quote.
#[inline(always)]
fn quote<const N: usize, const L3: usize>(ctx: &TcContext, proto: u8, l4: usize) -> Option<u32> {
    let partial = partial::<L3>(ctx, proto, l4);
    if !skb::resize(ctx, ETH_LEN + N) {
        return None;
    }
    match partial {
        0 => whole_sum::<N>(ctx),
        pseudo => Some(header_sum::<L3>(ctx)? + u32::from(!pseudo)),
    }
}

/// The checksum field, or 0, of an l4 header whose checksum is left to be completed, by a device or by nobody:
/// it then holds the sum of the pseudo-header. What completes it also completes it in the quote, so
/// that the octets from the l4 header on sum to the complement of this, whatever they are; and the
/// kernel takes what is not completed as verified (include/linux/skbuff.h,
/// `__skb_checksum_validate_needed`). One whole checksum of 65,536 looks the same: that quote's error is
/// lost, and the next packet's is not. Behind options or extension headers nobody looks for one.
#[inline(always)]
pub(super) fn partial<const L3: usize>(ctx: &TcContext, proto: u8, l4: usize) -> u16 {
    let at = match proto {
        _ if l4 != ETH_LEN + L3 => return 0,
        proto::TCP => l4 + 16,
        proto::UDP => l4 + 6,
        _ => return 0,
    };
    let check = u16::from_be_bytes(octets(ctx, at));
    if check == pseudo_header(ctx, proto, l4) {
        check
    } else {
        0
    }
}

/// The sum of the pseudo-header of TCP or UDP.
#[inline(always)]
fn pseudo_header(ctx: &TcContext, proto: u8, l4: usize) -> u16 {
    let len = ctx.len().wrapping_sub(l4 as u32);
    let rest = (len >> 16) + (len & 0xffff) + u32::from(proto);
    let addresses = if l4 == ETH_LEN + IP_LEN {
        csum::add(0, &octets::<8>(ctx, ETH_LEN + 12))
    } else {
        csum::add(0, &octets::<32>(ctx, ETH_LEN + 8))
    };
    csum::fold(addresses + rest)
}

/// Sum of the IP header.
#[inline(always)]
pub(super) fn header_sum<const L3: usize>(ctx: &TcContext) -> Option<u32> {
    let (start, end) = ctx.linear();
    let start = start + ETH_LEN;
    if start + L3 > end {
        return None;
    }
    sum(start, L3, 0).map(in_wire_order)
}

/// Sum of the quote.
#[inline(always)]
fn whole_sum<const N: usize>(ctx: &TcContext) -> Option<u32> {
    let (start, end) = ctx.linear();
    let start = start + ETH_LEN;
    if start + N > end {
        return None;
    }
    let mut total = sum(start, AT_ONCE, 0)?;
    if N > 2 * AT_ONCE {
        total = sum(start + AT_ONCE, AT_ONCE, total)?;
        total = sum(start + 2 * AT_ONCE, N - 2 * AT_ONCE, total)?;
    } else {
        total = sum(start + AT_ONCE, N - AT_ONCE, total)?;
    }
    Some(in_wire_order(total))
}

/// Adds octets of the linear part to a sum of words in memory order; the caller has compared their end
/// with the frame's.
#[inline(always)]
pub(super) fn sum(start: usize, octets: usize, seed: u32) -> Option<u32> {
    // SAFETY: the verifier proves that the octets lie in the frame.
    let sum = unsafe {
        bpf_csum_diff(
            core::ptr::null_mut(),
            0,
            start as *mut u32,
            octets as u32,
            seed,
        )
    };
    u32::try_from(sum).ok()
}

/// The folded sum, as one of words in wire order.
#[inline(always)]
pub(super) const fn in_wire_order(sum: u32) -> u32 {
    u16::from_be(csum::fold(sum)) as u32
}

/// Makes room in front of the quote, and puts the error's headers there. The room is made behind the
/// Ethernet header, so that the network header starts where it did (net/core/filter.c,
/// `bpf_skb_net_hdr_push`).
#[inline(always)]
pub(super) fn put<const N: usize>(ctx: &TcContext, headers: &[u8; N]) -> bool {
    // What a device has summed up starts behind the Ethernet header.
    const SUMMED: u64 = BPF_F_RECOMPUTE_CSUM as u64;
    let room = (N - ETH_LEN) as i32;
    let (ethernet, rest) = headers.split_at(ETH_LEN);
    ctx.adjust_room(room, bpf_adj_room_mode::BPF_ADJ_ROOM_MAC, 0)
        .is_ok()
        && skb::write(ctx, 0, ethernet, 0)
        && skb::write(ctx, ETH_LEN, rest, SUMMED)
}
