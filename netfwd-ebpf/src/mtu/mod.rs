//! What fits the way of a frame: what does not is told its sender, and TCP is told before it asks.

mod expired;
mod mss;
mod segment;
pub mod too_big;

use aya_ebpf::programs::TcContext;
use netfwd_common::{
    addr::{self, Addr, UNSPECIFIED},
    maps,
    verdict::DropReason,
};

use crate::{
    exit::{Action, Outcome, Stage},
    frame::Frame,
    parse::{ETH_LEN, Ethernet},
    skb,
    source::Source,
    stage,
};

/// What an 802.1Q tag adds to a frame.
const TAG_LEN: u32 = 4;

/// Octets of the largest IP packet that a peer can be sent: what the network carries, and what the path
/// to the peer leaves of `path` octets, 0 where they are not known. A tag travels behind the outer headers,
/// and is not counted in the frame's length here.
#[inline(always)]
pub const fn limit(network: u32, path: u32, overhead: u32, tagged: bool) -> u32 {
    let tag = if tagged { TAG_LEN } else { 0 };
    let left = path.saturating_sub(overhead + tag);
    if path == 0 || network < left {
        network
    } else {
        left
    }
}

/// Whether a frame, or each segment of a super-packet, has an IP packet of at most so many octets. Of segments that are in a
/// list nothing is known here: SCTP has cut them for the path that it knows, and those that do not fit it are told one by one.
#[inline(always)]
pub fn fits(ctx: &TcContext, limit: u32) -> bool {
    match skb::gso_size(ctx) {
        0 => ctx.len() <= limit + ETH_LEN as u32,
        skb::BY_FRAGS => true,
        size => segment::octets(ctx, size) <= limit,
    }
}

/// Admits a frame to a way that carries IP packets of at most so many octets; TCP is told on its SYN
/// what fits. One that does not fit is [`refuse`]d.
#[inline(always)]
pub fn admit(ctx: &TcContext, eth: &Ethernet, limit: u32) -> Result<(), Outcome> {
    if !fits(ctx, limit) {
        note(ctx, limit, &UNSPECIFIED);
        return Err(Outcome::TooBig);
    }
    mss::clamp(ctx, eth.ether_type, limit);
    Ok(())
}

/// Lowers the MSS that a TCP SYN announces to what fits packets of this size.
#[inline(always)]
pub fn clamp(ctx: &TcContext, ether_type: u16, limit: u32) {
    mss::clamp(ctx, ether_type, limit);
}

/// Has the sender of a frame told what fits; `router` tells it, or, where that is unspecified, the address
/// that the packet goes to.
#[inline(always)]
pub fn refuse(ctx: &TcContext, source: &Source, limit: u32, router: &Addr) -> Stage {
    note(ctx, limit, router);
    stage::go(maps::Stage::TooBig, source)
}

/// What is noted instead of what fits, of a packet that has made as many hops as it may.
const EXPIRED: u32 = 0;

/// Has the sender of a packet told that it has made as many hops as it may; by whom, as in [`refuse`]. The host's
/// stack would say so only of what it forwards itself: of IPv6 where it does so for all its interfaces
/// (net/ipv6/ip6_output.c, `ip6_forward`), of what comes to its own address never.
#[inline(always)]
pub fn expire(ctx: &TcContext, source: &Source, router: &Addr) -> Stage {
    note(ctx, EXPIRED, router);
    stage::go(maps::Stage::TooBig, source)
}

/// [`fits`] in a frame of its own: floods have little of the stack left.
#[inline(never)]
pub fn fits_peers(ctx: &TcContext, limit: u32) -> bool {
    fits(ctx, limit)
}

/// Whether an IPv4 packet must not be fragmented on its way.
#[inline(always)]
pub fn is_whole(ctx: &TcContext) -> bool {
    const DF: u8 = 0x40;
    ctx.read::<1>(ETH_LEN + 6)
        .is_some_and(|[flags]| flags & DF != 0)
}

/// Completes what [`admit`] has refused: the frame's source is handed over, and a tag that was pushed
/// for the peer goes again. Of a packet that NAT brought in nobody is told: it has been translated, and
/// its sender would not know it.
#[inline(always)]
pub fn hand_over(ctx: &TcContext, source: &Source, pushed: bool, decision: Stage) -> Stage {
    if decision != Ok(Action::Continue(maps::Stage::TooBig)) {
        return decision;
    }
    if source.ifindex == 0 {
        return Err(DropReason::TooBig);
    }
    if pushed {
        skb::pop(ctx.skb.skb);
    }
    stage::go(maps::Stage::TooBig, source)
}

/// Notes for the stage what fits, and who says so. The control block is TC's to use, and stays with the
/// frame over a tail call.
#[inline(always)]
fn note(ctx: &TcContext, limit: u32, router: &Addr) {
    let [a, b, c, d] = addr::words(router);
    // SAFETY: the kernel hands the program a valid context, whose control block it may write.
    unsafe { (*ctx.skb.skb).cb = [limit, a, b, c, d] };
}

/// What [`note`] noted.
#[inline(always)]
fn noted(ctx: &TcContext) -> (u32, Addr) {
    // SAFETY: as in `note`.
    let [limit, a, b, c, d] = unsafe { (*ctx.skb.skb).cb };
    (limit, addr::from_words([a, b, c, d]))
}
