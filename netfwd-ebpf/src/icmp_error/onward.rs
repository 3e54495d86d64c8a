//! Where a translated error goes: into a network, out of an uplink, or to the host's stack.

use netfwd_common::{
    addr::{self, Mac},
    maps::{Network, NextHop, Session, Stage as Program},
    verdict::DropReason,
};

use super::{Packet, is_for_host, passed, rewrite, seen_as, to_host};
use crate::{
    bridge, count,
    exit::{Action, Outcome, Stage},
    maps,
    parse::Ethernet,
    route, skb,
    source::Source,
};

/// An error that the host's stack sends out of an uplink: about a packet that was left to it, or from inside
/// by way of it. No inside address leaves as the sender's.
#[inline(never)]
pub fn leave(packet: &Packet<'_>, session: &Session) -> Outcome {
    let error = packet.error;
    if session.enter != 0 || is_for_host(session) {
        return Outcome::Drop(DropReason::IcmpUnrelated);
    }
    let inside = maps::subnet(&error.src).is_some();
    let src = seen_as(error, session, inside);
    passed(rewrite::translate(packet.ctx, error, session, src, 0)).into()
}

/// An error that came in by a port or an uplink.
#[inline(always)]
pub fn go(packet: &Packet<'_>, session: &Session, asked: u32) -> Stage {
    let from_outside = asked == Program::Outside as u32;
    // Nobody is told that an error has lived too long (RFC 1122 §3.2.2): the stack drops it.
    if packet.error.ttl <= 1 && !is_for_host(session) {
        return to_stack(packet, from_outside);
    }
    if is_for_host(session) {
        translate(packet, session, 0)?;
        return to_stack(packet, from_outside);
    }
    match session.enter {
        0 if from_outside => Ok(Action::Pass),
        0 => out(packet, session).into(),
        _ => enter(packet, session, from_outside),
    }
}

#[inline(always)]
fn to_stack(packet: &Packet<'_>, from_outside: bool) -> Stage {
    if from_outside {
        Ok(Action::Pass)
    } else {
        to_host(packet)
    }
}

#[inline(never)]
fn translate(packet: &Packet<'_>, session: &Session, hops: u8) -> Result<(), DropReason> {
    let error = packet.error;
    let translated = addr::words(&error.key.src) != addr::words(&session.src);
    let src = seen_as(error, session, translated);
    if rewrite::translate(packet.ctx, error, session, src, hops) {
        Ok(())
    } else {
        Err(DropReason::RewriteFailed)
    }
}

/// Into the network where the session's other end is.
#[inline(always)]
fn enter(packet: &Packet<'_>, session: &Session, from_outside: bool) -> Stage {
    let network = maps::network(&session.enter).ok_or(DropReason::NoNetwork)?;
    let station = station(packet, session, network);
    if station == Mac::default() {
        // The host's stack resolves the neighbour, and sends the translated error itself. What came from
        // inside has this host's address as its source now, and would be a martian there.
        if !from_outside {
            return Err(DropReason::NoTarget);
        }
        translate(packet, session, 0)?;
        return Ok(Action::Pass);
    }
    translate(packet, session, 1)?;
    let eth = Ethernet {
        dst: station,
        src: network.gateway_mac,
        ether_type: 0,
    };
    link(packet, &eth.dst, &eth.src)?;
    let source = Source::router(session.enter, network, packet.source.slot);
    bridge::unicast(packet.ctx, &source, network, &eth, maps::now())
}

#[inline(always)]
fn link(packet: &Packet<'_>, dst: &Mac, src: &Mac) -> Result<(), DropReason> {
    if skb::write(packet.ctx, 0, dst, 0) && skb::write(packet.ctx, dst.len(), src, 0) {
        Ok(())
    } else {
        Err(DropReason::RewriteFailed)
    }
}

/// The MAC of the station that the session's packets go to, zero while it is not known: as they have it, or
/// as the FIB has it.
#[inline(never)]
fn station(packet: &Packet<'_>, session: &Session, network: &Network) -> Mac {
    let known = session.next_hop.dst_mac;
    if known != Mac::default() {
        return known;
    }
    route::ask(network.gateway_ifindex, &session.src, &session.dst);
    let mut next_hop = NextHop::default();
    let found = route::lookup(packet.ctx, maps::now(), &mut next_hop);
    if found && next_hop.ifindex == network.gateway_ifindex {
        next_hop.dst_mac
    } else {
        Mac::default()
    }
}

/// Out of the uplink that leads to who has sent what the error quotes. Where its neighbour is not resolved yet the
/// kernel does so: the host's stack would not take a packet from one of this host's own addresses.
#[inline(never)]
fn out(packet: &Packet<'_>, session: &Session) -> Outcome {
    send(packet, session).into()
}

#[inline(always)]
fn send(packet: &Packet<'_>, session: &Session) -> Stage {
    let network = maps::network(&packet.source.network).ok_or(DropReason::NoNetwork)?;
    // No session is under construction: its room serves, for there is little of the stack.
    let scratch = maps::scratch().ok_or(DropReason::NoStage)?;
    let next_hop = &mut scratch.session.next_hop;
    next_hop.ifindex = 0;
    route::ask(network.gateway_ifindex, &packet.error.src, &session.dst);
    let answer = route::find(packet.ctx, maps::now(), next_hop);
    let uplink = maps::uplink(&next_hop.ifindex).ok_or(DropReason::NoTarget)?;
    translate(packet, session, 1)?;
    skb::set_finished(packet.ctx);
    count::tx(uplink.slot, packet.ctx.len() as usize);
    if answer == route::Answer::Unresolved {
        return route::resolve().into();
    }
    link(packet, &next_hop.dst_mac, &next_hop.src_mac)?;
    skb::transmit(next_hop.ifindex)
}
