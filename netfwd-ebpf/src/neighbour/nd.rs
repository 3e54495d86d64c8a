//! IPv6 Neighbor Discovery.

use netfwd_common::{
    addr::{Addr, Mac, UNSPECIFIED},
    maps::PortFlags,
    nd::{
        ADVERTISEMENT, Advertisement, FRAME_LEN, HOP_LIMIT, MESSAGE_LEN, OPTION_LEN, SOLICITATION,
        SOLICITED, SOURCE_LINK_LAYER, TARGET_LINK_LAYER, advertise, option,
    },
    verdict::DropReason,
};

use super::{Found, Packet, Question};
use crate::{frame::Frame, parse::ETH_LEN, skb};

const IP_HOP_LIMIT: usize = ETH_LEN + 7;
const IP_SRC: usize = ETH_LEN + 8;
const MESSAGE: usize = ETH_LEN + 40;
const FLAGS: usize = MESSAGE + 4;
const TARGET: usize = MESSAGE + 8;
const OPTIONS: usize = MESSAGE + MESSAGE_LEN;

/// Hears a message; routers' are nothing to us.
#[inline(never)]
pub fn hear(packet: &Packet<'_>) -> Found {
    let frame = packet.ctx;
    let (Some([kind]), Some([hops])) = (frame.read::<1>(MESSAGE), frame.read::<1>(IP_HOP_LIMIT))
    else {
        return Found::Drop(DropReason::Malformed);
    };
    if !matches!(kind, SOLICITATION | ADVERTISEMENT) {
        return Found::Nothing;
    }
    let Some(target) = frame.read(TARGET).map(Addr::new) else {
        return Found::Drop(DropReason::Malformed);
    };
    // One that a router forwarded is void (RFC 4861 §7.1).
    if hops != HOP_LIMIT {
        return Found::Drop(DropReason::Malformed);
    }
    if kind == ADVERTISEMENT {
        advertisement(packet, &target)
    } else {
        solicitation(packet, &target)
    }
}

/// The link-layer address that a message tells.
#[inline(always)]
fn link_layer(packet: &Packet<'_>, kind: u8) -> Option<Mac> {
    option(kind, &packet.ctx.read::<OPTION_LEN>(OPTIONS)?)
}

#[inline(always)]
fn advertisement(packet: &Packet<'_>, target: &Addr) -> Found {
    let mac = link_layer(packet, TARGET_LINK_LAYER).unwrap_or(packet.eth.src);
    if !packet.learn(target, &mac) {
        return Found::Drop(DropReason::SpoofedArp);
    }
    let solicited = packet
        .ctx
        .read::<1>(FLAGS)
        .is_some_and(|[flags]| flags & SOLICITED != 0);
    let from_gateway = packet.source.flags.has(PortFlags::GATEWAY);
    if !solicited && (from_gateway || packet.suppresses()) {
        Found::Here
    } else {
        Found::Nothing
    }
}

#[inline(always)]
fn solicitation(packet: &Packet<'_>, target: &Addr) -> Found {
    let Some(src) = packet.ctx.read(IP_SRC).map(Addr::new) else {
        return Found::Drop(DropReason::Malformed);
    };
    let probe = src == UNSPECIFIED;
    let asker = link_layer(packet, SOURCE_LINK_LAYER);
    if let Some(mac) = asker
        && !probe
        && !packet.learn(&src, &mac)
    {
        return Found::Drop(DropReason::SpoofedArp);
    }
    match packet.question(target) {
        Question::Gateway => Found::Gateway,
        // The gateway's link-local address is made of its MAC, and the same on every host.
        _ if probe && (packet.suppresses() || packet.source.flags.has(PortFlags::GATEWAY)) => {
            Found::Here
        }
        Question::Known(mac) => answer(
            packet,
            &Advertisement {
                target,
                mac: &mac,
                to: &src,
                to_mac: &asker.unwrap_or(packet.eth.src),
            },
        ),
        Question::Ours => Found::Here,
        Question::Open => Found::Nothing,
    }
}

/// Makes the answer of the question.
#[inline(always)]
fn answer(packet: &Packet<'_>, advertisement: &Advertisement<'_>) -> Found {
    let mut frame = [0; FRAME_LEN];
    advertise(advertisement, &mut frame);
    let written = skb::resize(packet.ctx, FRAME_LEN) && packet.ctx.store(0, &frame, 0).is_ok();
    if written {
        Found::Answered
    } else {
        Found::Drop(DropReason::RewriteFailed)
    }
}
