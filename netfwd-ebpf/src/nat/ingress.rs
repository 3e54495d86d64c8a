//! From outside to inside: replies of masqueraded flows, and published ports.

use aya_ebpf::programs::TcContext;
use netfwd_common::{
    addr::{Mac, UNSPECIFIED, low_v4},
    maps::{
        Network, NextHop, Publish, PublishKey, Session, SessionFlags, SessionKey, SessionKind,
        Stage as Program, Uplink,
    },
    nat::proto,
    verdict::DropReason,
};

use super::{
    rewrite::{Routed, translate},
    session,
};
use crate::{
    bridge,
    exit::{Action, Outcome, Stage},
    maps, mtu,
    parse::{ETH_LEN, Ethernet, Ipv4, ether_type},
    route,
    source::Source,
};

/// A packet from outside. What no session and no publish knows is the host's.
#[inline(never)]
pub fn from_outside(ctx: &TcContext, uplink: &Uplink, ip: &Ipv4, now: u64) -> Outcome {
    receive(ctx, uplink, ip, now).into()
}

#[inline(always)]
fn receive(ctx: &TcContext, uplink: &Uplink, ip: &Ipv4, now: u64) -> Stage {
    if ip.ttl <= 1 || !ip.fits(ctx, ETH_LEN) {
        return Ok(Action::Pass);
    }
    let Some(flow) = session::flow(ctx, ip, 0) else {
        return Ok(Action::Pass);
    };
    let session = match session::find(&flow.key) {
        Some(session) => session,
        None => match listener(&flow.key) {
            Some(publish) => {
                open(&flow.key, publish, now)?;
                session::find(&flow.key).ok_or(DropReason::SessionTableFull)?
            }
            None => return Ok(Action::Pass),
        },
    };
    if session.flags.has(SessionFlags::FROM_INSIDE) {
        return Ok(Action::Pass);
    }
    let network = maps::network(&session.network).ok_or(DropReason::NoNetwork)?;
    let fits = mtu::fits(ctx, network.mtu);
    if !fits && mtu::is_whole(ctx) {
        return too_big(ctx, session.network, network, uplink.slot).into();
    }
    session::touch(session, flow, ip, now);
    mtu::clamp(ctx, ether_type::IPV4, network.mtu);
    let station = if fits {
        station(ctx, session, network, now)
    } else {
        None
    };
    let Some(station) = station else {
        // The host's stack resolves the neighbour or fragments, and sends the translated packet itself.
        translate(ctx, flow, session, None)?;
        return Ok(Action::Pass);
    };
    let routed = Routed {
        src: network.gateway_mac,
        dst: station,
    };
    translate(ctx, flow, session, Some(&routed))?;
    maps::scratch().ok_or(DropReason::NoNetwork)?.network = session.network;
    Ok(Action::Continue(Program::Bridge))
}

/// Bridges a packet that [`from_outside`] has translated and brought into its network. A function of its
/// own, called after that one, whose stack is free again.
#[inline(never)]
pub fn enter(ctx: &TcContext, uplink: &Uplink) -> Outcome {
    into_network(ctx, uplink).into()
}

#[inline(always)]
fn into_network(ctx: &TcContext, uplink: &Uplink) -> Stage {
    let scratch = maps::scratch().ok_or(DropReason::NoNetwork)?;
    let network_id = scratch.network;
    let network = maps::network(&network_id).ok_or(DropReason::NoNetwork)?;
    let eth = Ethernet::read(ctx, 0).ok_or(DropReason::Malformed)?;
    let source = Source::router(network_id, network, uplink.slot);
    bridge::forward(ctx, &source, network, &eth, maps::now())
}

/// The publish that listens for a flow: on the very address, or on all addresses of this host.
#[inline(never)]
fn listener(key: &SessionKey) -> Option<&'static Publish> {
    if !matches!(key.proto, proto::TCP | proto::UDP) {
        return None;
    }
    let exact = PublishKey {
        address: key.dst,
        port: key.dst_port,
        proto: key.proto,
        pad: 0,
    };
    if let Some(publish) = maps::publish(&exact) {
        return Some(publish);
    }
    maps::local(&key.dst)?;
    maps::publish(&PublishKey {
        address: UNSPECIFIED,
        ..exact
    })
}

/// Tells the sender outside what fits the network.
#[inline(never)]
fn too_big(ctx: &TcContext, network_id: u32, network: &Network, slot: u32) -> Outcome {
    let source = Source::router(network_id, network, slot);
    mtu::refuse(ctx, &source, network.mtu, &UNSPECIFIED).into()
}

#[inline(never)]
fn open(key: &SessionKey, publish: &Publish, now: u64) -> Result<(), DropReason> {
    session::draft(publish.network, SessionKind::Publish, now)
        .ok_or(DropReason::SessionTableFull)?;
    session::publish(key, publish)
}

/// The MAC address of the inside station: heard from itself, or a neighbour of the gateway device.
#[inline(always)]
fn station(ctx: &TcContext, session: &mut Session, network: &Network, now: u64) -> Option<Mac> {
    if session.station != Mac::default() {
        return Some(session.station);
    }
    route::ask_v4(
        network.gateway_ifindex,
        low_v4(&session.src),
        low_v4(&session.dst),
    );
    let mut next_hop = NextHop::default();
    if !route::lookup(ctx, now, &mut next_hop) || next_hop.ifindex != network.gateway_ifindex {
        return None;
    }
    session.station = next_hop.dst_mac;
    Some(next_hop.dst_mac)
}
