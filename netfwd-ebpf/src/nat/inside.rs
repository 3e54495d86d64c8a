//! From inside: packets that stations send to their gateway.

use aya_ebpf::programs::TcContext;
use netfwd_common::{
    addr::{self, mac_word},
    limits::STAMP_INTERVAL_NS,
    maps::{Session, SessionKey, Stage as Program},
    nat::proto,
    verdict::DropReason,
};

use super::{Other, Packet, ask, crossing, read, session, way};
use crate::{
    bridge,
    exit::{Action, Outcome, Stage, Verdict},
    learn::learn,
    maps, mtu,
    parse::Ethernet,
    port,
    route::is_fresh,
    skb,
    source::{OPENED, Source},
    vxlan::injection,
};

/// Routes a packet to a gateway's MAC.
#[inline(always)]
pub fn route(ctx: &TcContext) -> Verdict {
    port::staged(ctx, decide)
}

#[inline(always)]
fn decide(ctx: &TcContext, source: &Source, eth: &Ethernet) -> Stage {
    routed(ctx, source, eth).into()
}

/// In one register what [`to_gateway`] comes to.
#[inline(never)]
fn routed(ctx: &TcContext, source: &Source, eth: &Ethernet) -> Outcome {
    to_gateway(ctx, source, eth).into()
}

#[inline(always)]
fn to_gateway(ctx: &TcContext, source: &Source, eth: &Ethernet) -> Stage {
    if skb::vlan_present(ctx) != 0 {
        return untranslated(ctx, source, eth);
    }
    let flow = match read(ctx, source, eth.ether_type, Program::Route) {
        Ok(flow) => flow,
        Err(Other::Local) => return untranslated(ctx, source, eth),
        Err(Other::Stage(stage)) => return stage,
    };
    let packet = Packet {
        ctx,
        source,
        flow,
        now: maps::now(),
    };
    if flow.ttl <= 1 || addr::is_link_local_v6(&flow.key.dst) {
        return last_hop(&packet, eth);
    }
    if is_injected(&flow.key) {
        return Err(DropReason::Injected);
    }
    let Some(session) = session::find(&flow.key, packet.now) else {
        if admit(&packet, eth)? {
            return open(&packet);
        }
        return Ok(Action::Continue(Program::Bridge));
    };
    if is_at_home(&packet, session, eth) {
        let stage = way::out_again(&packet, session);
        if stage == Ok(Action::Redirect) {
            crossing::remember(&packet, session, eth);
        }
        return stage;
    }
    if admit(&packet, eth)? {
        translate(&packet, session, eth)
    } else {
        Ok(Action::Continue(Program::Bridge))
    }
}

/// Whether the session of a packet was last used by the same station at the same port, less than a second
/// ago and since when nothing has changed: who sends is known then, and the way.
#[inline(always)]
fn is_at_home(packet: &Packet<'_>, session: &Session, eth: &Ethernet) -> bool {
    session.enter == 0
        && session.epoch == maps::epoch()
        && session.port == packet.source.ifindex
        && mac_word(session.station) == mac_word(eth.src)
        && packet.now.wrapping_sub(session.last_seen_ns) <= STAMP_INTERVAL_NS
        && is_fresh(&session.next_hop, packet.now)
}

/// Learns who sends a frame; says whether it is for the gateway.
#[inline(always)]
fn admit(packet: &Packet<'_>, eth: &Ethernet) -> Result<bool, DropReason> {
    let source = packet.source;
    if source.stated & OPENED == 0 {
        learn(source, &eth.src, packet.now)?;
    }
    let network = maps::network(&source.network).ok_or(DropReason::NoNetwork)?;
    Ok(port::is_for_gateway(source, network, eth))
}

/// What is not translated: the host's, where it is for the gateway at all.
#[inline(always)]
fn untranslated(ctx: &TcContext, source: &Source, eth: &Ethernet) -> Stage {
    if source.stated == 0 {
        learn(source, &eth.src, maps::now())?;
    }
    let network = maps::network(&source.network).ok_or(DropReason::NoNetwork)?;
    if !port::is_for_gateway(source, network, eth) {
        return Ok(Action::Continue(Program::Bridge));
    }
    bridge::to_gateway(ctx, network)
}

/// A packet that goes no further than the gateway. Where its time is up, the host's stack says so, with the
/// gateway's address; over IPv6 that is left to nobody who may not forward.
#[inline(always)]
fn last_hop(packet: &Packet<'_>, eth: &Ethernet) -> Stage {
    if !admit(packet, eth)? {
        return Ok(Action::Continue(Program::Bridge));
    }
    let (flow, source) = (packet.flow, packet.source);
    let is_local = maps::local(&flow.key.dst).is_some();
    let is_on_link = addr::is_link_local_v6(&flow.key.dst);
    // It may be for a published port, which the host's stack would take for its own. Nothing is published on a link.
    if is_local && !is_on_link && source.stated & OPENED == 0 {
        return open(packet);
    }
    let network = maps::network(&source.network).ok_or(DropReason::NoNetwork)?;
    let has_gateway = addr::words(&network.gateway_v6) != [0; 4];
    let is_for_host = flow.is_v4() || !has_gateway || is_on_link || is_local;
    if is_for_host {
        return bridge::to_gateway(packet.ctx, network);
    }
    mtu::expire(packet.ctx, source, &network.gateway_v6)
}

#[inline(always)]
fn translate(packet: &Packet<'_>, session: &mut Session, eth: &Ethernet) -> Stage {
    let network = maps::network(&packet.source.network).ok_or(DropReason::NoNetwork)?;
    if mac_word(session.station) != mac_word(eth.src) {
        session::set_station(session, &packet.flow.key, eth.src);
    }
    if session.enter != 0 {
        return way::into(packet, session);
    }
    // Read before anything is looked up, so that what changes meanwhile voids what was found.
    session.epoch = maps::epoch();
    session.port = packet.source.ifindex;
    match way::out(packet, network, session) {
        way::Out::Gone(stage) => stage,
        way::Out::Host => bridge::to_gateway(packet.ctx, network),
        way::Out::Moved => open(packet),
    }
}

/// Has a session made, once.
#[inline(always)]
fn open(packet: &Packet<'_>) -> Stage {
    if packet.source.stated & OPENED != 0 {
        return Err(DropReason::SessionTableFull);
    }
    ask(packet, Program::Route)
}

/// Whether a station sends VXLAN to a peer, which would take it for this host's.
#[inline(always)]
fn is_injected(key: &SessionKey) -> bool {
    key.proto == proto::UDP
        && maps::config().is_some_and(|config| maps::is_vxlan_port(config, key.dst_port))
        && injection::is_peer(&key.dst)
}
