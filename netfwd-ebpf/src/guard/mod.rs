//! What a guarded port admits: VLANs it is in, sources that are bound to it.

mod binding;
pub mod vlan;

use aya_ebpf::programs::TcContext;
use netfwd_common::{
    maps::{self as layout, Port, PortFlags, PortState},
    verdict::DropReason,
};

use crate::{
    exit::{Action, Stage, Verdict, from},
    express::Lane,
    maps,
    parse::Ethernet,
    port, skb,
    source::Source,
    stage,
};

/// Admits a frame, or says why not.
#[inline(always)]
pub fn admit(ctx: &TcContext) -> Verdict {
    let Some(source) = stage::source() else {
        return stage::NOTHING;
    };
    let decision = check(ctx, source);
    // Its VLAN has told by now for which of the port's networks it counts.
    from(source.slot, decision)
}

#[inline(always)]
fn check(ctx: &TcContext, source: &mut Source) -> Stage {
    // In front of all that is looked up here, so that what changes meanwhile voids what is remembered.
    let mut lane = Lane::of(ctx, source.ifindex);
    let port = maps::port(&source.ifindex).ok_or(DropReason::NoNetwork)?;
    let for_host = port.flags.has(PortFlags::OUTSIDE) && skb::is_for_host(ctx);
    if for_host || !port.flags.has(PortFlags::VLAN) {
        port::count(ctx, source.slot);
    } else {
        vlan::from_port(ctx, source, port)?;
    }
    if for_host {
        return Ok(Action::Pass);
    }
    if port.flags.has(PortFlags::ANTI_SPOOF) {
        binding::check(ctx, source)?;
    }
    let eth = Ethernet::read(ctx, 0).ok_or(DropReason::Malformed)?;
    if is_as_handed_over(source, port)
        && let Some(kind) = port::straight_on(ctx, port, &eth)
    {
        return port::straight(ctx, source, port, &eth, &mut lane, &kind);
    }
    Ok(Action::Continue(layout::Stage::Bridge))
}

/// Whether a frame belongs where its port does, and the port is what it was when the frame came in.
#[inline(always)]
fn is_as_handed_over(source: &Source, port: &Port) -> bool {
    let unchanged = source.flags == port.flags
        && source.slot == port.slot
        && port.state == PortState::Forwarding as u8;
    let untagged = source.tci == 0 && source.network == port.network && source.vlan == port.vlan;
    unchanged && untagged && !port.flags.has(PortFlags::OUTSIDE)
}

/// Learning and forwarding of what was admitted.
#[inline(always)]
pub fn bridge(ctx: &TcContext) -> Verdict {
    port::staged(ctx, port::bridged)
}
