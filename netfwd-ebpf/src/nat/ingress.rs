//! From outside to inside: replies of masqueraded flows, and published ports.

use aya_ebpf::programs::TcContext;
use netfwd_common::{
    addr::{Mac, UNSPECIFIED, low_v4},
    maps::{
        Network, NextHop, Publish, PublishKey, Session, SessionFlags, SessionKey, SessionKind,
        Uplink,
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
        let source = Source::router(session.network, network, uplink.slot);
        return mtu::refuse(ctx, &source, network.mtu, [0; 4]);
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
    let source = Source::router(session.network, network, uplink.slot);
    translate(ctx, flow, session, Some(&routed))?;
    let eth = Ethernet {
        dst: station,
        src: network.gateway_mac,
        ether_type: ether_type::IPV4,
    };
    bridge::forward(ctx, &source, network, &eth, now)
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

#[inline(never)]
fn open(key: &SessionKey, publish: &Publish, now: u64) -> Result<(), DropReason> {
    session::draft(publish.network, SessionKind::Publish, now)
        .ok_or(DropReason::SessionTableFull)?;
    session::publish(key, publish)
}

/// The MAC address of the inside station: heard from itself, or a neighbour of the gateway device.
#[inline(always)]
fn station(ctx: &TcContext, session: &mut Session, network: &Network, now: u64) -> Option<Mac> {
    if session.inside_mac != Mac::default() {
        return Some(session.inside_mac);
    }
    let query = route::Query {
        ifindex: network.gateway_ifindex,
        src: low_v4(&session.src),
        dst: low_v4(&session.dst),
    };
    let mut next_hop = NextHop::default();
    if !route::lookup(ctx, &query, now, &mut next_hop)
        || next_hop.ifindex != network.gateway_ifindex
    {
        return None;
    }
    session.inside_mac = next_hop.dst_mac;
    Some(next_hop.dst_mac)
}
