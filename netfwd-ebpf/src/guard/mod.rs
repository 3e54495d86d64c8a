//! What a guarded port admits: VLANs it is in, sources that are bound to it.

mod binding;
pub mod vlan;

use aya_ebpf::programs::TcContext;
use netfwd_common::{
    maps::{self as layout, PortFlags},
    verdict::DropReason,
};

use crate::{
    exit::{Action, Stage, Verdict, from},
    maps, port, skb,
    source::Source,
    stage,
};

/// Admits a frame, or says why not.
#[inline(always)]
pub fn admit(ctx: &TcContext) -> Verdict {
    let Some(source) = stage::source() else {
        return stage::NOTHING;
    };
    let slot = source.slot;
    from(slot, check(ctx, source))
}

#[inline(always)]
fn check(ctx: &TcContext, source: &mut Source) -> Stage {
    let port = maps::port(&source.ifindex).ok_or(DropReason::NoNetwork)?;
    if port.flags.has(PortFlags::OUTSIDE) && skb::is_for_host(ctx) {
        return Ok(Action::Pass);
    }
    if port.flags.has(PortFlags::VLAN) {
        vlan::from_port(ctx, source, port)?;
    }
    if port.flags.has(PortFlags::ANTI_SPOOF) {
        binding::check(ctx, source)?;
    }
    Ok(Action::Continue(layout::Stage::Bridge))
}

/// Learning and forwarding of what was admitted.
#[inline(always)]
pub fn bridge(ctx: &TcContext) -> Verdict {
    port::staged(ctx, port::bridged)
}
