//! A flow's first packet: what it is for, and the session that is made of it.
//!
//! The order is the same everywhere: a publish on exactly this address and l4 port, a floating address, a
//! publish on every address of this host, masquerade.

use aya_ebpf::programs::TcContext;
use netfwd_common::{
    addr::{self, Addr, Mac, UNSPECIFIED},
    maps::{
        ConfigFlags, FloatingKey, Network, NextHop, PairKey, SessionFlags, SessionKind,
        Stage as Program, Subnet, Uplink,
    },
    nat::paired,
    tcp,
    verdict::DropReason,
};

use super::{Packet, aim, back, expire, pool, session, way};
use crate::{
    exit::{Action, Stage, Verdict},
    maps,
    parse::Ethernet,
    port, route, skb,
    source::{OPENED, Source},
    stage,
};

/// Makes the session of a packet, and has the stage that asked go on; or does what needs no session.
#[inline(always)]
pub fn open(ctx: &TcContext) -> Verdict {
    port::staged(ctx, decide)
}

#[inline(always)]
fn decide(ctx: &TcContext, source: &Source, eth: &Ethernet) -> Stage {
    let scratch = maps::scratch().ok_or(DropReason::NoStage)?;
    let asked = scratch.asked;
    let packet = Packet {
        ctx,
        source,
        flow: &scratch.flow,
        now: maps::now(),
    };
    if asked == Program::Route as u32 {
        draft(&packet, eth.src);
        return from_inside(&packet);
    }
    draft(&packet, [0; 6]);
    if asked == Program::Outside as u32 {
        return from_outside(&packet);
    }
    from_stack(&packet)
}

/// Starts a session that changes nothing yet.
#[inline(never)]
fn draft(packet: &Packet<'_>, station: Mac) {
    let Some(scratch) = maps::scratch() else {
        return;
    };
    let (session, key) = (&mut scratch.session, &packet.flow.key);
    session.last_seen_ns = packet.now;
    session.created_ns = packet.now;
    session.packets = 0;
    session.bytes = 0;
    session.src = key.src;
    session.dst = key.dst;
    session.src_port = key.src_port;
    session.dst_port = key.dst_port;
    session.tcp_flags = packet.flow.tcp_flags & tcp::KEPT;
    session.kind = SessionKind::Masquerade as u8;
    session.flags = SessionFlags::ORIGINAL.with_if(SessionFlags::FROM_INSIDE, key.network != 0);
    session.deliver = 0;
    session.next_hop = NextHop::default();
    session.epoch = 0;
    session.enter = 0;
    session.slot = 0;
    session.network = key.network;
    session.station = station;
    session.xdp = 0;
    session.port = 0;
    session.pad2 = 0;
}

/// What a session's making comes to.
#[inline(always)]
fn made(code: u32) -> Stage {
    if code != 0 {
        return Err(DropReason::from_number(code).unwrap_or(DropReason::SessionTableFull));
    }
    let source = stage::source().ok_or(DropReason::NoStage)?;
    source.stated |= OPENED;
    back()
}

#[inline(always)]
fn from_inside(packet: &Packet<'_>) -> Stage {
    let key = &packet.flow.key;
    let is_local = maps::local(&key.dst).is_some();
    if is_local || maps::external(&key.dst).is_some() {
        return match aim::aim(packet) {
            aim::Aim::At if packet.flow.ttl <= 1 => expire(packet),
            aim::Aim::At => hairpin(packet),
            aim::Aim::Drop(reason) => Err(reason),
            aim::Aim::Nowhere if is_local => way::bridge_to_host(packet.ctx, packet.source),
            aim::Aim::Nowhere => Err(DropReason::NoTarget),
        };
    }
    if let Some(subnet) = maps::subnet(&key.dst) {
        return between(packet, subnet);
    }
    outward(packet)
}

/// To a target on the inside, by its outside address. The sender is seen there by its own outside address, so
/// that the answers come back this way (RFC 4787 REQ-9).
#[inline(always)]
fn hairpin(packet: &Packet<'_>) -> Stage {
    let key = &packet.flow.key;
    let scratch = maps::scratch().ok_or(DropReason::NoStage)?;
    if let Some(external) = floating(packet) {
        scratch.session.src = *external;
        return made(session::make(key, packet.now));
    }
    let subnet = maps::subnet(&key.src);
    let masqueraded = subnet.is_some_and(|subnet| subnet.masquerade != 0);
    if !masqueraded && scratch.session.enter != key.network {
        return made(session::make(key, packet.now));
    }
    scratch.address = seen_as(key.dst, subnet, &key.src);
    made(pool::masquerade(packet.ctx, key, packet.now))
}

/// The address that a sender inside is seen by on the inside: the one that it masquerades as where the address
/// that it called is.
#[inline(always)]
fn seen_as(called: Addr, subnet: Option<&Subnet>, src: &Addr) -> Addr {
    let uplink = maps::local(&called)
        .or_else(|| maps::external(&called))
        .and_then(maps::uplink);
    let own = match (subnet, uplink) {
        (Some(subnet), Some(uplink)) => outside_address(subnet, uplink, src),
        _ => UNSPECIFIED,
    };
    if own == UNSPECIFIED { called } else { own }
}

/// The external address of a station that has a floating one.
#[inline(always)]
fn floating(packet: &Packet<'_>) -> Option<&'static Addr> {
    if !maps::config().is_some_and(|config| config.flags.has(ConfigFlags::PUBLISHED)) {
        return None;
    }
    let key = &packet.flow.key;
    let internal = FloatingKey {
        address: key.src,
        network: key.network,
    };
    maps::floating(&internal).map(|floating| &floating.address)
}

/// To a station of a network here, by its inside address: without a session, where the networks may.
#[inline(always)]
fn between(packet: &Packet<'_>, subnet: &Subnet) -> Stage {
    if !is_allowed(packet.source.network, subnet.network) {
        return Err(DropReason::RoutingDenied);
    }
    if !is_own_source(packet) {
        return Err(DropReason::ReversePath);
    }
    let network = maps::network(&subnet.network).ok_or(DropReason::NoNetwork)?;
    way::forward(packet, subnet.network, network)
}

/// Whether packets of one network may go to the stations of another.
#[inline(always)]
pub fn is_allowed(from: u32, to: u32) -> bool {
    if from == to {
        return true;
    }
    match maps::pair(&PairKey { from, to }) {
        Some(allowed) => *allowed != 0,
        None => maps::config().is_some_and(|config| config.flags.has(ConfigFlags::ROUTE_BETWEEN)),
    }
}

/// Whether a station sends from an address of its own network.
#[inline(always)]
fn is_own_source(packet: &Packet<'_>) -> bool {
    maps::subnet(&packet.flow.key.src).is_some_and(|own| own.network == packet.source.network)
}

#[inline(always)]
fn outward(packet: &Packet<'_>) -> Stage {
    let key = &packet.flow.key;
    let subnet = maps::subnet(&key.src);
    if subnet.is_some_and(|own| own.network != packet.source.network)
        || maps::local(&key.src).is_some()
    {
        return Err(DropReason::ReversePath);
    }
    let scratch = maps::scratch().ok_or(DropReason::NoStage)?;
    let external = floating(packet);
    let masqueraded = subnet.is_some_and(|subnet| subnet.masquerade != 0);
    if external.is_none() && !masqueraded {
        return way::bridge_to_host(packet.ctx, packet.source);
    }
    let Some(uplink) = way_out(packet, &mut scratch.session.next_hop) else {
        return way::bridge_to_host(packet.ctx, packet.source);
    };
    scratch.session.slot = uplink.slot;
    leave_as(packet, subnet, uplink, external)
}

/// Makes the session of a packet that leaves by an uplink.
#[inline(always)]
fn leave_as(
    packet: &Packet<'_>,
    subnet: Option<&Subnet>,
    uplink: &Uplink,
    external: Option<&Addr>,
) -> Stage {
    let key = &packet.flow.key;
    let scratch = maps::scratch().ok_or(DropReason::NoStage)?;
    if let Some(external) = external {
        scratch.session.src = *external;
        scratch.session.kind = SessionKind::Floating as u8;
        return made(session::make(key, packet.now));
    }
    let address = subnet.map_or(UNSPECIFIED, |subnet| {
        outside_address(subnet, uplink, &key.src)
    });
    if address == UNSPECIFIED {
        return Err(DropReason::NoTarget);
    }
    scratch.address = address;
    made(pool::masquerade(packet.ctx, key, packet.now))
}

/// The uplink by which the FIB has a packet leave; its next hop where that is known.
#[inline(always)]
fn way_out(packet: &Packet<'_>, next_hop: &mut NextHop) -> Option<&'static Uplink> {
    let network: &Network = maps::network(&packet.source.network)?;
    route::ask_flow(network.gateway_ifindex, &packet.flow.key);
    let answer = route::find(packet.ctx, packet.now, next_hop);
    if answer == route::Answer::Host {
        return None;
    }
    let uplink = maps::uplink(&next_hop.ifindex);
    // The stage that goes on asks once more, then, and sends by the kernel's neighbour.
    if answer == route::Answer::Unresolved || route::would_ask_again(packet.now) {
        next_hop.ifindex = 0;
    }
    uplink
}

/// The address that an inside one masquerades as on an uplink; unspecified while there is none.
#[inline(always)]
fn outside_address(subnet: &Subnet, uplink: &Uplink, src: &Addr) -> Addr {
    if subnet.sources != 0 {
        return paired(src, &subnet.source, subnet.sources);
    }
    if addr::is_v4(src) {
        uplink.address
    } else {
        uplink.address_v6
    }
}

#[inline(always)]
fn from_outside(packet: &Packet<'_>) -> Stage {
    match aim::aim(packet) {
        aim::Aim::At => {}
        aim::Aim::Drop(reason) => return Err(reason),
        aim::Aim::Nowhere => return Ok(Action::Pass),
    }
    let key = &packet.flow.key;
    if maps::subnet(&key.src).is_some_and(|subnet| subnet.masquerade != 0) {
        return Err(DropReason::ReversePath);
    }
    if packet.flow.ttl <= 1 {
        return expire(packet);
    }
    made(session::make(key, packet.now))
}

/// What the host's stack sends: routed from inside, or its own where a station has its l4 port.
#[inline(always)]
fn from_stack(packet: &Packet<'_>) -> Stage {
    let key = &packet.flow.key;
    let scratch = maps::scratch().ok_or(DropReason::NoStage)?;
    let uplink = maps::uplink(&skb::ifindex(packet.ctx)).ok_or(DropReason::NoTarget)?;
    scratch.session.slot = uplink.slot;
    if key.network == 0 {
        scratch.address = key.src;
        return made(pool::other_port(packet.ctx, key));
    }
    let subnet = maps::subnet(&key.src);
    let external = floating(packet);
    if external.is_none() && subnet.is_none_or(|subnet| subnet.masquerade == 0) {
        return Ok(Action::Pass);
    }
    leave_as(packet, subnet, uplink, external)
}
