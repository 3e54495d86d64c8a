//! What the host's stack sends out of an uplink: what it routed from inside is translated here, so that
//! the slow way obeys the same rules as the fast one and no inside address leaves. A flow of the host's own
//! goes another way only where a station has its l4 port towards the same destination.

use aya_ebpf::programs::TcContext;
use netfwd_common::{
    maps::{NetworkFlags, Session, SessionFlags, SessionKey, Stage as Program, Uplink},
    verdict::DropReason,
};

use super::{
    Other, Packet, ask, read,
    rewrite::{self, Hop},
    session,
};
use crate::{
    exit::{Action, Stage, Verdict},
    flow::Flow,
    maps, mtu,
    parse::Ethernet,
    port, skb,
    source::{OPENED, Source},
};

/// Translates what leaves.
#[inline(always)]
pub fn leave(ctx: &TcContext) -> Verdict {
    port::staged(ctx, decide)
}

#[inline(always)]
fn decide(ctx: &TcContext, source: &Source, eth: &Ethernet) -> Stage {
    let uplink = maps::uplink(&skb::ifindex(ctx)).ok_or(DropReason::NoTarget)?;
    let flow = match read(ctx, source, eth.ether_type, Program::Leave) {
        Ok(flow) => flow,
        Err(Other::Local) => return untranslatable(source, DropReason::NatProtocol),
        Err(Other::Stage(stage)) => return stage,
    };
    let packet = Packet {
        ctx,
        source,
        flow,
        now: maps::now(),
    };
    if source.network == 0 && !clashes(flow, packet.now) {
        return Ok(Action::Pass);
    }
    let Some(session) = session::find(&flow.key, packet.now) else {
        return open(&packet);
    };
    if session.enter != 0 {
        return Err(DropReason::SessionConflict);
    }
    note_way(session, uplink, eth, &packet);
    session::touch(&packet, session);
    let inside = maps::network(&session.network).map_or(uplink.mtu, |network| network.mtu);
    mtu::clamp(ctx, eth.ether_type, uplink.mtu.min(inside));
    rewrite::translate(ctx, flow, session, &Hop::None)?;
    Ok(Action::Pass)
}

/// The next hop that the host's stack has found is the flow's.
#[inline(always)]
fn note_way(session: &mut Session, uplink: &Uplink, eth: &Ethernet, packet: &Packet<'_>) {
    let next_hop = &mut session.next_hop;
    next_hop.resolved_ns = packet.now;
    next_hop.ifindex = skb::ifindex(packet.ctx);
    next_hop.mtu = uplink.mtu;
    next_hop.src_mac = eth.src;
    next_hop.dst_mac = eth.dst;
    session.slot = uplink.slot;
}

/// Whether the reply to a packet of the host's own would be taken for a station's.
#[inline(always)]
fn clashes(flow: &Flow, now: u64) -> bool {
    let key = &flow.key;
    let reply = SessionKey {
        src: key.dst,
        dst: key.src,
        src_port: key.dst_port,
        dst_port: key.src_port,
        ..*key
    };
    session::find(&reply, now).is_some_and(|session| !session.flags.has(SessionFlags::TO_HOST))
        || session::find(key, now).is_some_and(|session| session.enter == 0)
}

#[inline(always)]
fn open(packet: &Packet<'_>) -> Stage {
    if packet.source.stated & OPENED != 0 {
        return Err(DropReason::SessionTableFull);
    }
    ask(packet, Program::Leave)
}

/// What no session can have: from inside it must not leave as it is.
#[inline(always)]
fn untranslatable(source: &Source, reason: DropReason) -> Stage {
    let masquerade = NetworkFlags::MASQUERADE;
    let inside = maps::network(&source.network);
    if inside.is_some_and(|network| network.flags.has(masquerade)) {
        Err(reason)
    } else {
        Ok(Action::Pass)
    }
}
