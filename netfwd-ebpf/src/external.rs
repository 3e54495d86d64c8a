//! Stage: ARP and ND on an uplink, for the outside addresses that are answered for there.
//!
//! A probe is answered like a question, so that nobody else takes the address (RFC 5227 §2.1.1, RFC 4862
//! §5.4.3). What another station announces is not contradicted: the address may have moved there.

use aya_ebpf::programs::TcContext;
use netfwd_common::{
    addr::{Addr, Mac, UNSPECIFIED, from_v4},
    arp::{self, ARP_LEN, Arp, REQUEST},
    maps::Uplink,
    nd::{
        self, ALL_NODES, ALL_NODES_MAC, Advertisement, HOP_LIMIT, ICMPV6, OPTION_LEN, SOLICITATION,
        SOURCE_LINK_LAYER,
    },
    verdict::DropReason,
};

use crate::{
    exit::{Action, Stage, Verdict},
    frame::Frame,
    maps,
    parse::{ETH_LEN, Ethernet, ether_type},
    port, skb,
    source::Source,
};

const NEXT_HEADER: usize = ETH_LEN + 6;
const IP_SRC: usize = ETH_LEN + 8;
const MESSAGE: usize = ETH_LEN + 40;
const TARGET: usize = MESSAGE + 8;
const OPTIONS: usize = MESSAGE + nd::MESSAGE_LEN;

/// Answers a question for an outside address; all else is the host's.
#[inline(always)]
pub fn handle(ctx: &TcContext) -> Verdict {
    port::staged(ctx, decide)
}

#[inline(always)]
fn decide(ctx: &TcContext, _: &Source, eth: &Ethernet) -> Stage {
    let ifindex = skb::ifindex(ctx);
    let Some(uplink) = maps::uplink(&ifindex) else {
        return Ok(Action::Pass);
    };
    let answered = match eth.ether_type {
        ether_type::ARP => arp(ctx, uplink),
        ether_type::IPV6 => nd(ctx, uplink, eth),
        _ => return Ok(Action::Pass),
    };
    match answered {
        Answered::No => Ok(Action::Pass),
        Answered::Yes => skb::transmit(ifindex),
        Answered::Failed => Err(DropReason::RewriteFailed),
    }
}

/// Whether a question has become its answer.
#[derive(Clone, Copy)]
enum Answered {
    /// It is the host's.
    No,
    /// It goes back.
    Yes,
    /// It could not be written.
    Failed,
}

impl Answered {
    #[inline(always)]
    const fn written(written: bool) -> Self {
        if written { Self::Yes } else { Self::Failed }
    }
}

/// Whether an address is answered for on the uplink that the frame came in by.
#[inline(always)]
fn is_ours(ctx: &TcContext, address: &Addr) -> bool {
    maps::external(address).is_some_and(|ifindex| *ifindex == skb::ifindex(ctx))
}

#[inline(never)]
fn arp(ctx: &TcContext, uplink: &Uplink) -> Answered {
    let Some(request) = ctx
        .read::<ARP_LEN>(ETH_LEN)
        .and_then(|bytes| Arp::parse(&bytes))
    else {
        return Answered::No;
    };
    let announces = request.sender == request.target;
    if request.operation != REQUEST || announces || !is_ours(ctx, &from_v4(request.target)) {
        return Answered::No;
    }
    let mut answer = [0; arp::FRAME_LEN];
    request.answer(&uplink.mac, &mut answer);
    Answered::written(ctx.store(0, &answer, 0).is_ok())
}

#[inline(never)]
fn nd(ctx: &TcContext, uplink: &Uplink, eth: &Ethernet) -> Answered {
    let (Some(next_and_hops), Some(kind_and_code)) = (ctx.read(NEXT_HEADER), ctx.read(MESSAGE))
    else {
        return Answered::No;
    };
    let (Some(src), Some(target)) = (ctx.read::<16>(IP_SRC), ctx.read::<16>(TARGET)) else {
        return Answered::No;
    };
    // One that a router forwarded is void (RFC 4861 §7.1.1).
    let asks = next_and_hops == [ICMPV6, HOP_LIMIT] && kind_and_code == [SOLICITATION, 0];
    let (src, target) = (Addr::new(src), Addr::new(target));
    if !asks || !is_ours(ctx, &target) {
        return Answered::No;
    }
    advertise(ctx, &uplink.mac, eth, &target, &src)
}

/// Makes the answer of a question. Who probes has no address yet: everybody is told (RFC 4861 §7.2.4).
#[inline(always)]
fn advertise(ctx: &TcContext, mac: &Mac, eth: &Ethernet, target: &Addr, src: &Addr) -> Answered {
    let asker = ctx
        .read::<OPTION_LEN>(OPTIONS)
        .and_then(|bytes| nd::option(SOURCE_LINK_LAYER, &bytes));
    let probe = *src == UNSPECIFIED;
    let (to, to_mac) = if probe {
        (&ALL_NODES, ALL_NODES_MAC)
    } else {
        (src, asker.unwrap_or(eth.src))
    };
    let advertisement = Advertisement {
        target,
        mac,
        to,
        to_mac: &to_mac,
    };
    let mut frame = [0; nd::FRAME_LEN];
    nd::advertise(&advertisement, &mut frame);
    Answered::written(skb::resize(ctx, nd::FRAME_LEN) && ctx.store(0, &frame, 0).is_ok())
}
