//! From inside to outside: packets to the gateway's MAC, and what the host's stack routed.

use aya_ebpf::programs::TcContext;
use netfwd_common::{
    addr::{Addr, Mac, UNSPECIFIED, from_v4},
    maps::{Network, NextHop, Session, SessionKey, SessionKind, Subnet, Uplink},
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
    parse::{ETH_LEN, Ethernet, Flow, Ipv4, ether_type},
    route, skb,
    source::Source,
    vxlan::injection,
};

/// Why the fast path does not finish a packet.
enum Miss {
    /// The host's stack takes it: for the host itself, or for it to route, resolve, fragment or
    /// refuse.
    Slow,
    /// It must not go anywhere.
    Drop(DropReason),
}

impl From<DropReason> for Miss {
    fn from(reason: DropReason) -> Self {
        Self::Drop(reason)
    }
}

/// A packet from inside, and what its fast path needs to know of it.
struct Inside<'a> {
    ctx: &'a TcContext,
    source: &'a Source,
    network_id: u32,
    network: &'a Network,
    station: &'a Mac,
    ip: &'a Ipv4,
    flow: &'a Flow,
    now: u64,
}

/// A packet that a station of `network` sent to its gateway.
#[inline(never)]
pub fn from_inside(
    ctx: &TcContext,
    source: &Source,
    network: &Network,
    eth: &Ethernet,
    now: u64,
) -> Outcome {
    let stage = match fast(ctx, source, network, eth, now) {
        Ok(action) => Ok(action),
        Err(Miss::Slow) => bridge::to_gateway(ctx, network),
        Err(Miss::Drop(reason)) => Err(reason),
    };
    stage.into()
}

#[inline(always)]
fn fast(
    ctx: &TcContext,
    source: &Source,
    network: &Network,
    eth: &Ethernet,
    now: u64,
) -> Result<Action, Miss> {
    if eth.ether_type != ether_type::IPV4 || skb::vlan_present(ctx) != 0 {
        return Err(Miss::Slow);
    }
    let ip = Ipv4::read(ctx, ETH_LEN).ok_or(DropReason::Malformed)?;
    if !ip.fits(ctx, ETH_LEN) {
        return Err(Miss::Drop(DropReason::Malformed));
    }
    let flow = session::flow(ctx, &ip, source.network).ok_or(Miss::Slow)?;
    if ip.ttl <= 1 {
        return Err(Miss::Slow);
    }
    if is_injected(&flow.key) {
        return Err(Miss::Drop(DropReason::Injected));
    }
    let station = &eth.src;
    send(&Inside {
        ctx,
        source,
        network_id: source.network,
        network,
        station,
        ip: &ip,
        flow,
        now,
    })
}

/// Whether a station sends VXLAN to a peer, which would take it for this host's.
#[inline(always)]
fn is_injected(key: &SessionKey) -> bool {
    key.proto == proto::UDP
        && maps::config().is_some_and(|config| config.vxlan_port == key.dst_port)
        && injection::is_peer(&key.dst)
}

#[inline(always)]
fn send(packet: &Inside<'_>) -> Result<Action, Miss> {
    let key = &packet.flow.key;
    let session = if let Some(session) = session::find(key) {
        session
    } else {
        open(packet)?;
        session::masquerade(key)?;
        session::find(key).ok_or(DropReason::SessionTableFull)?
    };
    if session.station != *packet.station {
        session::set_station(session, key, *packet.station);
    }
    if !route::is_fresh(&session.next_hop, packet.now) && !refresh(packet, session) {
        return Err(Miss::Slow);
    }
    let next_hop = &session.next_hop;
    if !mtu::fits(packet.ctx, next_hop.mtu) {
        return too_big(packet, next_hop.mtu);
    }
    let reply = next_hop.mtu.min(packet.network.mtu);
    mtu::clamp(packet.ctx, ether_type::IPV4, reply);
    let routed = Routed {
        src: next_hop.src_mac,
        dst: next_hop.dst_mac,
    };
    session::touch(session, packet.flow, packet.ip, packet.now);
    translate(packet.ctx, packet.flow, session, Some(&routed))?;
    Ok(skb::transmit(session.next_hop.ifindex)?)
}

/// What must stay whole is refused by the gateway, the rest is the host's stack's to fragment
/// (RFC 1812 §4.3.2.3).
#[inline(always)]
fn too_big(packet: &Inside<'_>, mtu: u32) -> Result<Action, Miss> {
    if !mtu::is_whole(packet.ctx) {
        return Err(Miss::Slow);
    }
    let router = &from_v4(packet.network.gateway_v4);
    Ok(mtu::refuse(packet.ctx, packet.source, mtu, router)?)
}

/// Drafts the session of the first packet of a flow, where its subnet is masqueraded, the destination
/// is nobody's inside, and the FIB knows how to get there by an uplink.
#[inline(never)]
fn open(packet: &Inside<'_>) -> Result<(), Miss> {
    let key = &packet.flow.key;
    let subnet = maps::subnet(&key.src).ok_or(Miss::Slow)?;
    let ours = subnet.network == packet.network_id && subnet.masquerade != 0;
    if !ours || maps::subnet(&key.dst).is_some() {
        return Err(Miss::Slow);
    }
    let draft =
        session::draft(packet.network_id, SessionKind::Masquerade, packet.now).ok_or(Miss::Slow)?;
    draft.station = *packet.station;
    if !lookup(packet, &mut draft.next_hop) {
        return Err(Miss::Slow);
    }
    let uplink = maps::uplink(&draft.next_hop.ifindex).ok_or(Miss::Slow)?;
    let address = outside_address(subnet, uplink).ok_or(Miss::Slow)?;
    session::masquerade_as(address).ok_or(Miss::Slow)
}

/// The subnet's own outside address, or else the uplink's; `None` while there is neither.
#[inline(always)]
fn outside_address<'a>(subnet: &'a Subnet, uplink: &'a Uplink) -> Option<&'a Addr> {
    let address = if subnet.source == UNSPECIFIED {
        &uplink.address
    } else {
        &subnet.source
    };
    (*address != UNSPECIFIED).then_some(address)
}

/// Asks the FIB again, once the session's next hop is a second old. Where another gateway or the
/// host itself has become the way, the host's stack goes it.
#[inline(never)]
fn refresh(packet: &Inside<'_>, session: &mut Session) -> bool {
    let mut next_hop = NextHop::default();
    if !lookup(packet, &mut next_hop) || maps::uplink(&next_hop.ifindex).is_none() {
        return false;
    }
    session.next_hop = next_hop;
    true
}

#[inline(always)]
fn lookup(packet: &Inside<'_>, next_hop: &mut NextHop) -> bool {
    let gateway = packet.network.gateway_ifindex;
    route::ask_v4(gateway, packet.ip.src, packet.ip.dst);
    route::lookup(packet.ctx, packet.now, next_hop)
}

/// A packet that the host's stack routed out of an uplink: what comes from a masqueraded subnet is
/// translated here, so that the slow way obeys the same rules as the fast one and no inside address
/// leaves.
#[inline(always)]
pub fn from_stack(ctx: &TcContext, uplink: &Uplink, eth: &Ethernet, ip: &Ipv4, now: u64) -> Stage {
    let Some(subnet) = maps::subnet(&from_v4(ip.src)) else {
        return Ok(Action::Pass);
    };
    let Some(flow) = session::flow(ctx, ip, subnet.network) else {
        return untranslatable(subnet, ip);
    };
    let key = &flow.key;
    let session = match session::find(key) {
        Some(session) => session,
        None if subnet.masquerade == 0 => return Ok(Action::Pass),
        None => {
            open_for_stack(key, subnet, uplink, now)?;
            session::find(key).ok_or(DropReason::SessionTableFull)?
        }
    };
    let next_hop = &mut session.next_hop;
    next_hop.resolved_ns = now;
    next_hop.ifindex = skb::ifindex(ctx);
    next_hop.mtu = uplink.mtu;
    next_hop.src_mac = eth.src;
    next_hop.dst_mac = eth.dst;
    session::touch(session, flow, ip, now);
    let inside = maps::network(&subnet.network).map_or(uplink.mtu, |network| network.mtu);
    mtu::clamp(ctx, ether_type::IPV4, uplink.mtu.min(inside));
    translate(ctx, flow, session, None)?;
    Ok(Action::Pass)
}

#[inline(never)]
fn open_for_stack(
    key: &SessionKey,
    subnet: &Subnet,
    uplink: &Uplink,
    now: u64,
) -> Result<(), DropReason> {
    session::draft(subnet.network, SessionKind::Masquerade, now)
        .ok_or(DropReason::SessionTableFull)?;
    let address = outside_address(subnet, uplink).ok_or(DropReason::NoTarget)?;
    session::masquerade_as(address).ok_or(DropReason::SessionTableFull)?;
    session::masquerade(key)
}

#[inline(always)]
fn untranslatable(subnet: &Subnet, ip: &Ipv4) -> Stage {
    match (subnet.masquerade != 0, ip.fragment) {
        (false, _) => Ok(Action::Pass),
        (true, true) => Err(DropReason::Fragment),
        (true, false) => Err(DropReason::NatProtocol),
    }
}
