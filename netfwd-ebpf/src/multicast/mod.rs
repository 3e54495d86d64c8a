//! IP multicast: a group goes to its members and to routers, once somebody asks for members.
//!
//! Without a querier nobody would report, so everything is flooded, as it is for the groups that need no
//! reports (RFC 4541 §2.1.2; net/bridge/br_multicast.c, br_multicast_querier_exists).

mod igmp;
mod members;
mod mld;
mod records;

use core::ffi::c_void;

use aya_ebpf::programs::TcContext;
use netfwd_common::{
    addr::{self, Addr},
    maps::{FloodTarget, GroupKey, Network, PortFlags},
    multicast::is_local,
    verdict::DropReason,
};

use crate::{
    exit::{Outcome, Stage, Verdict},
    flood::{self, Flood, Reach},
    maps,
    parse::{Ethernet, ether_type},
    port,
    source::Source,
};

/// Whom a frame is for.
enum Heard {
    /// Everybody.
    Everyone,
    /// Members of its group, and routers.
    Members,
    /// Routers alone: a report, which would keep other members from reporting (RFC 4541 §2.1.1).
    Routers,
    /// Nobody.
    Drop(DropReason),
}

/// A frame, where it came from, and its group.
struct Packet<'a> {
    ctx: &'a TcContext,
    source: &'a Source,
    network: &'a Network,
    /// The group that the frame is sent to.
    group: Addr,
    /// [`netfwd_common::multicast::ALL_V4`] or its like in IPv6.
    all: Addr,
    now: u64,
}

/// Hears a frame, and sends it on.
#[inline(always)]
pub fn handle(ctx: &TcContext) -> Verdict {
    port::staged(ctx, decide)
}

#[inline(always)]
fn decide(ctx: &TcContext, source: &Source, eth: &Ethernet) -> Stage {
    let network = maps::network(&source.network).ok_or(DropReason::NoNetwork)?;
    let mut packet = Packet {
        ctx,
        source,
        network,
        group: addr::UNSPECIFIED,
        all: addr::UNSPECIFIED,
        now: maps::now(),
    };
    let heard = match eth.ether_type {
        ether_type::IPV4 => igmp::hear(&mut packet),
        ether_type::IPV6 => mld::hear(&mut packet),
        _ => Heard::Everyone,
    };
    let group = match heard {
        Heard::Everyone => return flood::broadcast(ctx, source, network, Reach::Everywhere),
        Heard::Drop(reason) => return Err(reason),
        _ if !packet.is_queried() => {
            return flood::broadcast(ctx, source, network, Reach::Everywhere);
        }
        Heard::Members => packet.group,
        Heard::Routers => packet.all,
    };
    to_some(&packet, &group).into()
}

/// What the loop over the flood targets needs.
struct Selected {
    flood: Flood,
    member: GroupKey,
    router: GroupKey,
    now: u64,
}

#[inline(never)]
fn to_some(packet: &Packet<'_>, group: &Addr) -> Outcome {
    let flood = match Flood::new(packet.ctx, packet.source, packet.network) {
        Ok(flood) => flood,
        Err(reason) => return Outcome::Drop(reason),
    };
    let mut selected = Selected {
        flood,
        member: packet.key(0, group),
        router: packet.key(0, &packet.all),
        now: packet.now,
    };
    let at_once = selected.flood.at_once(packet.network);
    let state = core::ptr::from_mut(&mut selected).cast();
    flood::each(at_once, body as *mut c_void, state);
    selected.flood.finish(packet.source, packet.network)
}

/// One target of the flood list; returns 0, which goes on.
unsafe extern "C" fn body(index: u64, state: *mut c_void) -> i64 {
    // SAFETY: `to_some` passes its own state, which outlives the loop.
    let state = unsafe { &mut *state.cast::<Selected>() };
    if let Some(target) = state.flood.target(index)
        && state.flood.wants(target)
        && state.listens(target)
    {
        state.flood.send(target);
    }
    0
}

impl Selected {
    #[inline(always)]
    fn listens(&mut self, target: &FloodTarget) -> bool {
        self.member.slot = target.slot;
        self.router.slot = target.slot;
        target.flags.has(PortFlags::ROUTER)
            || members::is_one(&self.member, self.now)
            || members::is_one(&self.router, self.now)
    }
}

impl Packet<'_> {
    #[inline(always)]
    fn key(&self, slot: u32, group: &Addr) -> GroupKey {
        GroupKey {
            network: self.source.network,
            slot,
            group: *group,
            vlan: self.source.vlan,
            pad: 0,
        }
    }

    /// Whether a querier asks for members, so that those who listen are known.
    #[inline(always)]
    fn is_queried(&self) -> bool {
        members::is_one(&self.key(0, &self.all), self.now)
    }

    /// What a frame comes to that carries no report.
    #[inline(always)]
    fn data(&self) -> Heard {
        if is_local(&self.group) {
            Heard::Everyone
        } else {
            Heard::Members
        }
    }
}
