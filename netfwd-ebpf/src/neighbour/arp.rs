//! ARP.

use netfwd_common::{
    addr::from_v4,
    arp::{ARP_LEN, Arp, FRAME_LEN, REQUEST},
    maps::PortFlags,
    verdict::DropReason,
};

use super::{Found, Packet, Question};
use crate::{frame::Frame, parse::ETH_LEN};

/// Hears a packet. What is not for IPv4 over Ethernet is nothing to us.
#[inline(never)]
pub fn hear(packet: &Packet<'_>) -> Found {
    let Some(bytes) = packet.ctx.read::<ARP_LEN>(ETH_LEN) else {
        return Found::Drop(DropReason::Malformed);
    };
    let Some(arp) = Arp::parse(&bytes) else {
        return Found::Nothing;
    };
    let named = arp.sender != [0; 4];
    if named && !packet.learn(&from_v4(arp.sender), &arp.sender_mac) {
        return Found::Drop(DropReason::SpoofedArp);
    }
    question(packet, &arp)
}

#[inline(always)]
fn question(packet: &Packet<'_>, arp: &Arp) -> Found {
    let announces = arp.is_probe_or_announcement();
    let from_gateway = packet.source.flags.has(PortFlags::GATEWAY);
    if announces && from_gateway {
        return Found::Here;
    }
    if arp.operation != REQUEST {
        let kept = announces && packet.suppresses();
        return if kept { Found::Here } else { Found::Nothing };
    }
    match packet.question(&from_v4(arp.target)) {
        Question::Gateway => Found::Gateway,
        _ if announces && packet.suppresses() => Found::Here,
        Question::Known(mac) => {
            let mut answer = [0; FRAME_LEN];
            arp.answer(&mac, &mut answer);
            match packet.ctx.store(0, &answer, 0) {
                Ok(()) => Found::Answered,
                Err(_) => Found::Drop(DropReason::RewriteFailed),
            }
        }
        Question::Ours => Found::Here,
        Question::Open => Found::Nothing,
    }
}
