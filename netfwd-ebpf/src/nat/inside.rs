//! From inside: packets that stations send to their gateway.

use aya_ebpf::programs::TcContext;
use netfwd_common::{
    addr::{self, mac_word},
    maps::{Network, SessionKey, Stage as Program},
    nat::proto,
    verdict::DropReason,
};

use super::{Other, Packet, ask, read, session, way};
use crate::{
    bridge,
    exit::{Action, Outcome, Stage, Verdict},
    learn::learn,
    maps,
    parse::Ethernet,
    port, skb,
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
    let network = maps::network(&source.network).ok_or(DropReason::NoNetwork)?;
    let now = maps::now();
    if source.stated == 0 {
        learn(source, &eth.src, now)?;
    }
    if !port::is_for_gateway(source, network, eth) {
        return Ok(Action::Continue(Program::Bridge));
    }
    if skb::vlan_present(ctx) != 0 {
        return bridge::to_gateway(ctx, network);
    }
    let flow = match read(ctx, source, eth.ether_type, Program::Route) {
        Ok(flow) => flow,
        Err(Other::Local) => return bridge::to_gateway(ctx, network),
        Err(Other::Stage(stage)) => return stage,
    };
    if flow.ttl <= 1 || addr::is_link_local_v6(&flow.key.dst) {
        // The host's stack says that the time is up, with the gateway's address.
        return bridge::to_gateway(ctx, network);
    }
    if is_injected(&flow.key) {
        return Err(DropReason::Injected);
    }
    let packet = Packet {
        ctx,
        source,
        flow,
        now,
    };
    translate(&packet, network, eth)
}

#[inline(always)]
fn translate(packet: &Packet<'_>, network: &Network, eth: &Ethernet) -> Stage {
    let key = &packet.flow.key;
    let Some(session) = session::find(key, packet.now) else {
        return open(packet);
    };
    if mac_word(session.station) != mac_word(eth.src) {
        session::set_station(session, key, eth.src);
    }
    if session.enter != 0 {
        return way::into(packet, session);
    }
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
        && maps::config().is_some_and(|config| config.vxlan_port == key.dst_port)
        && injection::is_peer(&key.dst)
}
