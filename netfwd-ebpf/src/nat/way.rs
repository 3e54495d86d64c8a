//! Where a translated packet goes: out by an uplink, or to a station of a network.

use aya_ebpf::{EbpfContext, programs::TcContext};
use netfwd_common::{
    addr::{Mac, UNSPECIFIED, from_v4},
    limits::NEXT_HOP_TTL_NS,
    maps::{FdbFlags, Network, NextHop, Session, SessionFlags, SessionKind, Stage as Program},
    tcp,
    verdict::DropReason,
};

use super::{
    Packet,
    rewrite::{self, Hop},
    session,
};
use crate::{
    bridge, count,
    exit::{Action, Outcome, Stage},
    maps, mtu, route, skb,
    source::Source,
    stage,
};

/// What became of a packet on its way out.
pub enum Out {
    /// It went, or was dropped.
    Gone(Stage),
    /// The host's stack must see to it.
    Host,
    /// The way leads out by another uplink now, whose address the session does not have: it has been
    /// ended.
    Moved,
}

impl From<DropReason> for Out {
    fn from(reason: DropReason) -> Self {
        Self::Gone(Err(reason))
    }
}

/// How a next hop was found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Known,
    /// By the kernel's neighbour, which has to be resolved, or is asked whether it is still there.
    Neighbour,
    Host,
    Moved,
}

/// Translates a packet of a station of `network` and sends it out by an uplink.
#[inline(always)]
pub fn out(packet: &Packet<'_>, network: &Network, session: &mut Session) -> Out {
    let mut asked = Asked::Known;
    if !route::is_fresh(&session.next_hop, packet.now) {
        // One call after the other: nested, their frames would add up beyond Linux 6.1's stack.
        route::ask_flow(network.gateway_ifindex, &packet.flow.key);
        asked = refresh(packet, session);
    }
    match asked {
        Asked::Host => return Out::Host,
        Asked::Moved => return Out::Moved,
        _ => {}
    }
    let mtu = session.next_hop.mtu;
    if !mtu::fits(packet.ctx, mtu) {
        return too_big(packet, mtu, network);
    }
    mtu::clamp(packet.ctx, packet.flow.ether_type, mtu.min(network.mtu));
    session::touch(packet, session);
    Out::Gone(send(packet, session, asked == Asked::Neighbour))
}

/// The same, of a session whose way is fresh and whose packets fit it; the others' ways are looked up.
#[inline(always)]
pub fn out_again(packet: &Packet<'_>, session: &mut Session) -> Stage {
    if mtu::fits(packet.ctx, session.next_hop.mtu) && packet.flow.tcp_flags & tcp::SYN == 0 {
        session::touch(packet, session);
        return send(packet, session, false);
    }
    let network = maps::network(&packet.source.network).ok_or(DropReason::NoNetwork)?;
    match out(packet, network, session) {
        Out::Gone(stage) => stage,
        _ => bridge::to_gateway(packet.ctx, network),
    }
}

#[inline(always)]
fn send(packet: &Packet<'_>, session: &Session, by_neighbour: bool) -> Stage {
    let ctx = packet.ctx;
    let next_hop = &session.next_hop;
    count::tx(session.slot, ctx.len() as usize);
    skb::set_finished(ctx);
    if by_neighbour {
        rewrite::translate(ctx, packet.flow, session, &Hop::Counted)?;
        return route::resolve().into();
    }
    let hop = Hop::Between(&next_hop.src_mac, &next_hop.dst_mac);
    rewrite::translate(ctx, packet.flow, session, &hop)?;
    skb::transmit(next_hop.ifindex)
}

/// Asks the FIB again, once the session's next hop is a second old. The source is asked for as it is
/// inside, so that rules that tell stations apart hold.
#[inline(never)]
fn refresh(packet: &Packet<'_>, session: &mut Session) -> Asked {
    let mut next_hop = NextHop::default();
    let answer = route::find(packet.ctx, packet.now, &mut next_hop);
    if answer == route::Answer::Host {
        return Asked::Host;
    }
    let Some(uplink) = maps::uplink(&next_hop.ifindex) else {
        return Asked::Host;
    };
    if is_elsewhere(session, &next_hop) {
        session::end(session, &packet.flow.key);
        return Asked::Moved;
    }
    session.slot = uplink.slot;
    if answer == route::Answer::Unresolved {
        session.next_hop.ifindex = 0;
        session.next_hop.mtu = uplink.mtu;
        return Asked::Neighbour;
    }
    session.next_hop = next_hop;
    if route::asks_again(packet.now) {
        Asked::Neighbour
    } else {
        Asked::Known
    }
}

/// Whether a masqueraded session has the address of another uplink than the one it would leave by.
#[inline(always)]
fn is_elsewhere(session: &Session, next_hop: &NextHop) -> bool {
    session.kind == SessionKind::Masquerade as u8
        && maps::local(&session.src)
            .is_some_and(|at| maps::uplink(at).is_some() && *at != next_hop.ifindex)
}

/// What must stay whole is refused by the gateway, the rest is the host's stack's to fragment
/// (RFC 1812 §4.3.2.3).
#[inline(always)]
fn too_big(packet: &Packet<'_>, mtu: u32, network: &Network) -> Out {
    if packet.flow.is_v4() && !mtu::is_whole(packet.ctx) {
        return Out::Host;
    }
    Out::Gone(tell(packet, mtu, network))
}

/// Tells a station what fits, as the gateway of its network.
#[inline(always)]
fn tell(packet: &Packet<'_>, mtu: u32, network: &Network) -> Stage {
    let router = if packet.flow.is_v4() {
        from_v4(network.gateway_v4)
    } else {
        network.gateway_v6
    };
    mtu::refuse(packet.ctx, packet.source, mtu, &router)
}

/// Translates a packet and brings it into the network that its session says.
#[inline(always)]
pub fn into(packet: &Packet<'_>, session: &mut Session) -> Stage {
    let known = session.epoch == maps::epoch() && route::is_fresh(&session.next_hop, packet.now);
    if !known {
        match locate(packet.ctx, packet.now, session) {
            Found::Port => {}
            Found::Bridge => return by_bridge(packet, session),
            Found::Unresolved => return by_neighbour(packet, session),
            Found::Nowhere => return Err(DropReason::NoNetwork),
        }
    }
    let next_hop = &session.next_hop;
    let (ifindex, mtu, deliver, slot) = (
        next_hop.ifindex,
        next_hop.mtu,
        session.deliver,
        session.slot,
    );
    if !mtu::fits(packet.ctx, mtu) {
        return does_not_fit(packet, session);
    }
    arrive(packet, session, mtu)?;
    skb::deliver(packet.ctx, ifindex, deliver, slot)
}

/// Translates a packet for the station whose MAC the session has.
#[inline(always)]
fn arrive(packet: &Packet<'_>, session: &mut Session, mtu: u32) -> Result<(), DropReason> {
    mtu::clamp(packet.ctx, packet.flow.ether_type, mtu);
    session::touch(packet, session);
    let next_hop = &session.next_hop;
    let hop = Hop::Between(&next_hop.src_mac, &next_hop.dst_mac);
    rewrite::translate(packet.ctx, packet.flow, session, &hop)
}

/// Where the station is that a session's packets go to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Behind the port that the session names.
    Port,
    /// Elsewhere: the FDB says, or it is flooded to.
    Bridge,
    /// Its MAC is not known.
    Unresolved,
    /// The network is gone.
    Nowhere,
}

/// Finds the station, and notes its port in the session for as long as nothing changes. XDP asks as well.
#[inline(never)]
pub fn locate(ctx: &impl EbpfContext, now: u64, session: &mut Session) -> Found {
    let epoch = maps::epoch();
    session.epoch = 0;
    let Some(network) = maps::network(&session.enter) else {
        return Found::Nowhere;
    };
    if !is_heard(session, now) {
        ask_for_station(ctx, now, network, session);
    }
    let station = session.next_hop.dst_mac;
    session.next_hop.src_mac = network.gateway_mac;
    session.next_hop.mtu = network.mtu;
    if station == Mac::default() {
        return Found::Unresolved;
    }
    let key = bridge::key(session.enter, network.vlan, station);
    match bridge::station(network.ageing_ns, key, now) {
        Some(entry) if entry.ifindex != 0 && entry.tag == 0 => {
            session.next_hop.ifindex = entry.ifindex;
            session.next_hop.resolved_ns = now;
            session.deliver = entry.deliver;
            session.slot = entry.slot;
            session.xdp = u16::from(entry.flags.has(FdbFlags::XDP_TARGET));
            session.epoch = epoch;
            Found::Port
        }
        _ => Found::Bridge,
    }
}

/// Whether the station's own packets say which MAC it has, of a session that it made, or it was asked for just now. The
/// host's neighbours know it less well: nobody tells them of one that comes back with another MAC.
#[inline(always)]
fn is_heard(session: &Session, now: u64) -> bool {
    let asked = session.flags.has(SessionFlags::ORIGINAL);
    session.next_hop.dst_mac != Mac::default()
        && (!asked || now.wrapping_sub(session.created_ns) < NEXT_HOP_TTL_NS)
}

/// Notes the MAC that the kernel has for a session's station.
#[inline(always)]
fn ask_for_station(ctx: &impl EbpfContext, now: u64, network: &Network, session: &mut Session) {
    route::ask(network.gateway_ifindex, &session.src, &session.dst);
    let mut next_hop = NextHop::default();
    let answer = route::find(ctx, now, &mut next_hop);
    if answer == route::Answer::Found && next_hop.ifindex == network.gateway_ifindex {
        session.next_hop.dst_mac = next_hop.dst_mac;
    }
}

/// Goes on in the network as a frame of its router.
#[inline(always)]
fn by_bridge(packet: &Packet<'_>, session: &mut Session) -> Stage {
    let mtu = session.next_hop.mtu;
    if !mtu::fits(packet.ctx, mtu) {
        return does_not_fit(packet, session);
    }
    arrive(packet, session, mtu)?;
    enter(session.enter, packet.source.slot)
}

/// Goes on in a network as a frame of its router.
#[inline(always)]
pub fn enter(network_id: u32, slot: u32) -> Stage {
    let network = maps::network(&network_id).ok_or(DropReason::NoNetwork)?;
    stage::go(Program::Bridge, &Source::router(network_id, network, slot))
}

/// Has the kernel resolve the station, as the gateway device's neighbour.
#[inline(always)]
fn by_neighbour(packet: &Packet<'_>, session: &mut Session) -> Stage {
    let mtu = session.next_hop.mtu;
    if !mtu::fits(packet.ctx, mtu) {
        return does_not_fit(packet, session);
    }
    mtu::clamp(packet.ctx, packet.flow.ether_type, mtu);
    session::touch(packet, session);
    rewrite::translate(packet.ctx, packet.flow, session, &Hop::Counted)?;
    resolve(session.enter)
}

/// Hands a packet, whose Ethernet header the kernel writes, to a network's gateway device.
#[inline(always)]
fn resolve(network_id: u32) -> Stage {
    let network = maps::network(&network_id).ok_or(DropReason::NoNetwork)?;
    let scratch = maps::scratch().ok_or(DropReason::NoTarget)?;
    if network.gateway_ifindex == 0 || scratch.fib.ifindex != network.gateway_ifindex {
        return Err(DropReason::NoTarget);
    }
    route::resolve().into()
}

/// The sender is told what fits, or the packet is translated and left to the host's stack to fragment.
#[inline(never)]
fn refuse(packet: &Packet<'_>, session: &mut Session) -> Outcome {
    refused(packet, session).into()
}

#[inline(always)]
fn does_not_fit(packet: &Packet<'_>, session: &mut Session) -> Stage {
    refuse(packet, session).into()
}

#[inline(always)]
fn refused(packet: &Packet<'_>, session: &mut Session) -> Stage {
    let network = maps::network(&session.enter).ok_or(DropReason::NoNetwork)?;
    let from_station = packet.source.network != 0;
    // A station's packet has nobody but the gateway to fragment it.
    if from_station || !packet.flow.is_v4() || mtu::is_whole(packet.ctx) {
        let router = Source::router(session.enter, network, packet.source.slot);
        let source = if from_station { packet.source } else { &router };
        return mtu::refuse(packet.ctx, source, network.mtu, &UNSPECIFIED);
    }
    // What is that large says nothing new of TCP's state.
    session::count(packet, session);
    rewrite::translate(packet.ctx, packet.flow, session, &Hop::None)?;
    Ok(Action::Pass)
}

/// Sends a packet on without a session, from one station of this host to another.
#[inline(always)]
pub fn forward(packet: &Packet<'_>, network_id: u32, network: &Network) -> Stage {
    let ctx = packet.ctx;
    if !mtu::fits(ctx, network.mtu) {
        let own = maps::network(&packet.source.network).ok_or(DropReason::NoNetwork)?;
        return tell(packet, network.mtu, own);
    }
    mtu::clamp(ctx, packet.flow.ether_type, network.mtu);
    route::ask(
        network.gateway_ifindex,
        &packet.flow.key.src,
        &packet.flow.key.dst,
    );
    let mut next_hop = NextHop::default();
    let answer = route::find(ctx, packet.now, &mut next_hop);
    if next_hop.ifindex != network.gateway_ifindex {
        return bridge_to_host(ctx, packet.source);
    }
    if answer == route::Answer::Unresolved || route::asks_again(packet.now) {
        rewrite::forward(ctx, packet.flow, &Hop::Counted)?;
        return route::resolve().into();
    }
    let hop = Hop::Between(&network.gateway_mac, &next_hop.dst_mac);
    rewrite::forward(ctx, packet.flow, &hop)?;
    enter(network_id, packet.source.slot)
}

/// Leaves a packet of a station to the host's stack, behind its network's gateway device.
#[inline(always)]
pub fn bridge_to_host(ctx: &TcContext, source: &Source) -> Stage {
    let network = maps::network(&source.network).ok_or(DropReason::NoNetwork)?;
    bridge::to_gateway(ctx, network)
}
