//! Ports: what containers, VMs and the host's own stack send into a network.

use aya_ebpf::programs::TcContext;
use netfwd_common::{
    addr::{self, Mac},
    maps::{self as layout, Network, NetworkFlags, Port, PortFlags, PortState},
    verdict::DropReason,
};

use crate::{
    bridge, count, event,
    exit::{Action, Stage, Verdict, from},
    express::{Kind, Lane},
    flood,
    learn::{Standing, learn},
    maps,
    nat::crossing,
    parse::Ethernet,
    skb,
    source::Source,
    stage,
};

/// What makes a port's frames go through [`crate::guard`] first.
pub const GUARDED: PortFlags = PortFlags::VLAN
    .with(PortFlags::ANTI_SPOOF)
    .with(PortFlags::OUTSIDE);

/// What arrives on a port.
#[inline(always)]
pub fn ingress(ctx: &TcContext) -> Verdict {
    let ifindex = skb::ifindex(ctx);
    let mut lane = Lane::of(ctx, ifindex);
    if let Some(lane) = &mut lane
        && let Some(verdict) = lane.take(ctx)
    {
        return verdict;
    }
    let mut slot = 0;
    if let Some(outcome) = crossing::take(ctx, ifindex, &mut slot) {
        return from(slot, outcome.into());
    }
    skb::forget_notes(ctx);
    // An interface that is no port (any more) is the host's.
    let Some(port) = maps::port(&ifindex) else {
        return Ok(Action::Pass);
    };
    from(port.slot, admitted(ctx, ifindex, port, &mut lane))
}

/// Counts a frame that came from the owner of `slot`, once: what comes in again to be flooded further was counted.
#[inline(always)]
pub fn count(ctx: &TcContext, slot: u32) {
    if flood::start(ctx) == 0 {
        count::rx(slot, ctx.len() as usize);
    }
}

#[inline(always)]
fn admitted(ctx: &TcContext, ifindex: u32, port: &Port, lane: &mut Option<Lane>) -> Stage {
    let Some(eth) = Ethernet::read(ctx, 0) else {
        count(ctx, port.slot);
        return Err(DropReason::Malformed);
    };
    let source = Source::port(ifindex, port);
    let link_local = addr::is_link_local(&eth.dst);
    let open = port.state == PortState::Forwarding as u8;
    if port.flags.has_any(GUARDED) && open && !link_local {
        // It counts there, where its VLAN tells for which network.
        return stage::go(layout::Stage::Guard, &source);
    }
    count(ctx, port.slot);
    if link_local {
        shut_by_bridge(port, &source, &eth);
        return Ok(Action::Pass);
    }
    if !open {
        return Err(DropReason::PortShut);
    }
    match straight_on(ctx, port, &eth) {
        Some(kind) => straight(ctx, &source, port, &eth, lane, &kind),
        None => stage::go(next(port, addr::mac_word(eth.dst)), &source),
    }
}

/// Sends a frame about which the FDB alone decides, and remembers its way.
#[inline(always)]
pub fn straight(
    ctx: &TcContext,
    source: &Source,
    port: &Port,
    eth: &Ethernet,
    lane: &mut Option<Lane>,
    kind: &Kind,
) -> Stage {
    let now = maps::now();
    let standing = learn(source, &eth.src, now)?;
    let key = bridge::key(port.network, port.vlan, eth.dst);
    let entry = bridge::station(port.ageing_ns, key, now);
    let stage = match entry {
        Some(entry) if entry.ifindex != 0 => bridge::to_port(ctx, source, entry),
        entry => {
            let network = maps::network(&port.network).ok_or(DropReason::NoNetwork)?;
            bridge::toward(ctx, source, network, eth, entry)
        }
    };
    if let (Some(lane), Some(entry)) = (lane, entry)
        && standing == Standing::AtHome
        && stage == Ok(Action::Redirect)
    {
        lane.remember(port, entry, kind, now);
    }
    stage
}

/// The kind of a frame about which the FDB alone decides: it is for one station, which is not the gateway, and says
/// nothing that the network listens to.
#[inline(always)]
pub fn straight_on(ctx: &TcContext, port: &Port, eth: &Ethernet) -> Option<Kind> {
    let for_one = !addr::is_group(&eth.dst)
        && !port.flags.has(PortFlags::GATEWAY)
        && addr::mac_word(eth.dst) != addr::mac_word(port.gateway_mac);
    if for_one { Kind::of(ctx, port) } else { None }
}

/// The stage for a frame that the FDB alone does not decide about.
#[inline(always)]
fn next(port: &Port, dst: u64) -> layout::Stage {
    if dst == addr::mac_word(port.gateway_mac) && !port.flags.has(PortFlags::GATEWAY) {
        layout::Stage::Route
    } else {
        layout::Stage::Bridge
    }
}

/// What is admitted to a network: learned, then routed or bridged.
#[inline(always)]
pub fn bridged(ctx: &TcContext, source: &Source, eth: &Ethernet) -> Stage {
    let network = maps::network(&source.network).ok_or(DropReason::NoNetwork)?;
    let now = maps::now();
    if source.is_router() {
        return bridge::forward(ctx, source, network, eth, now);
    }
    let is_gateway = source.flags.has(PortFlags::GATEWAY);
    if !is_gateway && is_for_gateway(source, network, eth) {
        return Ok(Action::Continue(layout::Stage::Route));
    }
    learn(source, &eth.src, now)?;
    bridge::forward(ctx, source, network, eth, now)
}

/// Whether a frame goes to the gateway's MAC, in the gateway's VLAN.
#[inline(always)]
pub fn is_for_gateway(source: &Source, network: &Network, eth: &Ethernet) -> bool {
    network.flags.has(NetworkFlags::GATEWAY)
        && eth.dst == network.gateway_mac
        && source.vlan == network.vlan
}

/// [`is_for_gateway`] of the network that a frame came into.
#[inline(always)]
pub fn is_routed(source: &Source, eth: &Ethernet) -> bool {
    maps::network(&source.network).is_some_and(|network| is_for_gateway(source, network, eth))
}

/// Frames to link-local groups are the host's. A BPDU on an edge port says that a bridge stands behind
/// it: the port is shut until somebody has looked.
#[inline(always)]
fn shut_by_bridge(port: &Port, source: &Source, eth: &Ethernet) {
    const BRIDGES: Mac = [0x01, 0x80, 0xc2, 0, 0, 0];
    if port.flags.has(PortFlags::EDGE) && eth.dst == BRIDGES {
        shut(source, eth);
    }
}

#[inline(never)]
fn shut(source: &Source, eth: &Ethernet) {
    if maps::shut(source.ifindex, PortState::ShutByBpdu) {
        event::port_shut(source, &eth.src, maps::now());
    }
}

/// Runs a stage on the frame that was handed to it.
#[inline(always)]
pub fn staged(
    ctx: &TcContext,
    decide: impl FnOnce(&TcContext, &Source, &Ethernet) -> Stage,
) -> Verdict {
    let Some(source) = stage::source() else {
        return stage::NOTHING;
    };
    let decision = match Ethernet::read(ctx, 0) {
        Some(eth) => at_hook(ctx, source, &eth, decide(ctx, source, &eth)),
        None => Err(DropReason::Malformed),
    };
    from(source.slot, decision)
}

/// What a stage's decision comes to at its hook. An interface towards the outside keeps its host: what
/// is flooded from it goes to the host's stack as well, as it came. The companion belongs to no network
/// of the host's: from a peer nothing passes to the host's stack but by a gateway device.
#[inline(always)]
fn at_hook(ctx: &TcContext, source: &Source, eth: &Ethernet, decision: Stage) -> Stage {
    if decision == Ok(Action::Pass) && source.is_peer() {
        return Err(DropReason::NoTarget);
    }
    let outside = source.flags.has(PortFlags::OUTSIDE) && addr::is_group(&eth.dst);
    let flooded = matches!(
        decision,
        Ok(Action::Consumed)
            | Err(DropReason::NoTarget | DropReason::TooBig | DropReason::Suppressed)
    );
    if !outside || !flooded || flood::start(ctx) != 0 {
        return decision;
    }
    if source.tci & skb::VID != 0 && !skb::push(ctx.skb.skb, source.tci) {
        return Err(DropReason::RewriteFailed);
    }
    Ok(Action::Pass)
}
