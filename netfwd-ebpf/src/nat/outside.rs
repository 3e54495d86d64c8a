//! From outside: replies, published ports, floating addresses.

use aya_ebpf::programs::TcContext;
use netfwd_common::{
    maps::{ConfigFlags, SessionFlags, Stage as Program},
    verdict::DropReason,
};

use super::{
    Other, Packet, aim, ask, crossing, expire, read,
    rewrite::{self, Hop},
    session, way,
};
use crate::{
    exit::{Action, Stage, Verdict},
    maps,
    parse::Ethernet,
    port,
    source::{OPENED, Source},
};

/// Decides about a packet from outside that is no tunnel's. What no session, publish or floating address
/// knows is the host's.
#[inline(always)]
pub fn arrive(ctx: &TcContext) -> Verdict {
    port::staged(ctx, decide)
}

#[inline(always)]
fn decide(ctx: &TcContext, source: &Source, eth: &Ethernet) -> Stage {
    let flow = match read(ctx, source, eth.ether_type, Program::Outside) {
        Ok(flow) => flow,
        Err(Other::Local) => return Ok(Action::Pass),
        Err(Other::Stage(stage)) => return stage,
    };
    let packet = Packet {
        ctx,
        source,
        flow,
        now: maps::now(),
    };
    if flow.ttl <= 1 {
        return last_hop(&packet);
    }
    let Some(session) = session::find(&flow.key, packet.now) else {
        if source.stated & OPENED != 0 {
            return Err(DropReason::SessionTableFull);
        }
        if !is_known(&packet) {
            return Ok(Action::Pass);
        }
        return ask(&packet, Program::Outside);
    };
    if session.flags.has(SessionFlags::TO_HOST) {
        session::touch(&packet, session);
        rewrite::translate(ctx, flow, session, &Hop::None)?;
        return Ok(Action::Pass);
    }
    if session.enter == 0 {
        return Ok(Action::Pass);
    }
    let stage = way::into(&packet, session);
    if stage == Ok(Action::Redirect) && session.epoch == maps::epoch() {
        crossing::remember(&packet, session, eth);
    }
    stage
}

/// A packet that goes no further than this host. Of a connection that is a station's the host's stack knows nothing, and
/// would reset it: its sender is told here. What has no session may be for a station all the same.
#[inline(always)]
fn last_hop(packet: &Packet<'_>) -> Stage {
    match session::get(&packet.flow.key) {
        Some(session) if session.enter != 0 => expire(packet),
        None if packet.source.stated & OPENED == 0 && is_known(packet) => {
            ask(packet, Program::Outside)
        }
        _ => Ok(Action::Pass),
    }
}

/// Whether anything may be behind a packet's destination but the host.
#[inline(always)]
fn is_known(packet: &Packet<'_>) -> bool {
    let published = ConfigFlags::PUBLISHED;
    maps::config().is_some_and(|config| config.flags.has(published))
        || aim::mapping_at(packet).is_some()
}
