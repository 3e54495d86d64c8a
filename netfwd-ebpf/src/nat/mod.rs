//! Address translation: masquerade, published ports, floating addresses, and the ways between networks.

mod aim;
pub mod crossing;
pub mod inside;
pub mod leave;
mod mapping;
pub mod open;
pub mod outside;
mod pool;
mod rewrite;
pub mod session;
pub mod way;

use aya_ebpf::programs::TcContext;
use netfwd_common::{addr::UNSPECIFIED, maps::Stage as Program, verdict::DropReason};

use crate::{
    exit::{Action, Stage},
    flow::{Flow, Reading},
    maps, mtu,
    source::{FLOW_STATED, Source},
    stage,
};

/// A packet of a flow, and where it came from.
pub struct Packet<'a> {
    /// The packet.
    pub ctx: &'a TcContext,
    /// Where it came from.
    pub source: &'a Source,
    /// Its flow.
    pub flow: &'static Flow,
    /// When it came.
    pub now: u64,
}

/// Why a stage has nothing to translate.
enum Other {
    /// Nothing that is translated.
    Local,
    /// Another stage goes on, or it is dropped.
    Stage(Stage),
}

/// Reads the flow of the packet at hand into this CPU's scratch, unless the stage for fragments has stated
/// it. Fragments and ICMP errors go to stages of their own, which come back to `asker`.
#[inline(always)]
fn read(
    ctx: &TcContext,
    source: &Source,
    kind: u16,
    asker: Program,
) -> Result<&'static Flow, Other> {
    let Some(scratch) = maps::scratch() else {
        return Err(Other::Stage(Err(DropReason::NoStage)));
    };
    if source.stated & FLOW_STATED != 0 {
        return Ok(&scratch.flow);
    }
    scratch.asked = asker as u32;
    match scratch.flow.read(ctx, kind, source.network) {
        Reading::Flow => Ok(&scratch.flow),
        Reading::Local => Err(Other::Local),
        Reading::Fragment => Err(Other::Stage(stage::go(Program::Fragment, source))),
        Reading::Error => Err(Other::Stage(stage::go(Program::IcmpError, source))),
        Reading::Malformed => Err(Other::Stage(Err(DropReason::Malformed))),
    }
}

/// Has a session made for a packet; `asker` then goes on.
#[inline(always)]
fn ask(packet: &Packet<'_>, asker: Program) -> Stage {
    let scratch = maps::scratch().ok_or(DropReason::NoStage)?;
    scratch.asked = asker as u32;
    stage::go(Program::Open, packet.source)
}

/// Has the sender of a packet that would go on to a station, but has no hop left, told by the address that it has called,
/// which is this host's as far as it can see (nf_nat_icmp_reply_translation in net/netfilter/nf_nat_proto.c has it so).
#[inline(always)]
fn expire(packet: &Packet<'_>) -> Stage {
    mtu::expire(packet.ctx, packet.source, &UNSPECIFIED)
}

/// Goes back to the stage that asked.
#[inline(always)]
fn back() -> Stage {
    let scratch = maps::scratch().ok_or(DropReason::NoStage)?;
    Ok(Action::Continue(match scratch.asked {
        asked if asked == Program::Route as u32 => Program::Route,
        asked if asked == Program::Outside as u32 => Program::Outside,
        _ => Program::Leave,
    }))
}
