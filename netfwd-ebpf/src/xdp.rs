//! XDP on an uplink: VXLAN from a known peer to a known station behind a local port. Whatever else
//! arrives goes on to TC, which is complete.

use aya_ebpf::{
    bindings::xdp_action::{XDP_PASS, XDP_REDIRECT},
    helpers::{bpf_redirect, bpf_xdp_adjust_head},
    programs::XdpContext,
};
use netfwd_common::{
    limits::{ENCAP_V4, STAMP_INTERVAL_NS},
    maps::{FdbEntry, FdbFlags},
};

use crate::{
    bridge, count,
    frame::Frame,
    maps::{self, FDB},
    parse::{ETH_LEN, Ethernet, Ipv4, ether_type},
    vxlan::decap::{self, Inner, Tunnel},
};

/// What arrives on an uplink.
#[inline(always)]
pub fn ingress(ctx: &XdpContext) -> u32 {
    match take(ctx) {
        Some((target, slot)) => redirect(ctx, target, slot),
        None => XDP_PASS,
    }
}

/// The local station's entry and the peer's counters, where this program can finish the frame.
#[inline(always)]
fn take(ctx: &XdpContext) -> Option<(&'static FdbEntry, u32)> {
    // SAFETY: the kernel hands the program a valid context.
    let ifindex = unsafe { (*ctx.ctx).ingress_ifindex };
    let uplink = maps::uplink(&ifindex)?;
    let eth = Ethernet::read(ctx, 0)?;
    if eth.ether_type != ether_type::IPV4 || eth.dst != uplink.mac {
        return None;
    }
    let ip = Ipv4::read(ctx, ETH_LEN)?;
    let config = maps::config()?;
    if !decap::is_vxlan(ctx, config, &ip) {
        return None;
    }
    let now = maps::now();
    // What is refused is counted by TC, which sees it next.
    let tunnel = decap::admit(ctx, config, &ip, now).ok()?;
    let inner = decap::inner(ctx, &ip)?;
    let target = decap::local_station(&tunnel, &inner, now)?;
    let taken = target.flags.has(FdbFlags::XDP_TARGET) && target.tag == 0;
    let known = taken && is_known_sender(&tunnel, &inner, now);
    if !known {
        return None;
    }
    count::rx(uplink.slot, ctx.octets());
    Some((target, tunnel.slot))
}

/// Whether the sender is where the FDB has it; what is to be learned, TC learns.
#[inline(always)]
fn is_known_sender(tunnel: &Tunnel, inner: &Inner, now: u64) -> bool {
    let Some(entry) = FDB.get_ptr_mut(bridge::key(
        tunnel.network_id,
        tunnel.network.vlan,
        inner.eth.src,
    )) else {
        return false;
    };
    // SAFETY: the element stays valid until this program's RCU section ends; CPUs may race to write
    // a stamp, and any of theirs will do.
    let entry = unsafe { &mut *entry };
    if entry.ifindex != 0 || entry.peer != tunnel.peer {
        return false;
    }
    if now.wrapping_sub(entry.last_seen_ns) > STAMP_INTERVAL_NS {
        entry.last_seen_ns = now;
    }
    true
}

#[inline(always)]
fn redirect(ctx: &XdpContext, target: &FdbEntry, slot: u32) -> u32 {
    // SAFETY: the context is the program's own. The headers were read, so the frame is longer.
    if unsafe { bpf_xdp_adjust_head(ctx.ctx, ENCAP_V4 as i32) } != 0 {
        return XDP_PASS;
    }
    let octets = ctx.octets();
    count::rx(slot, octets);
    count::tx(target.slot, octets);
    // SAFETY: takes two integers; the kernel looks the interface up itself.
    let ret = unsafe { bpf_redirect(target.ifindex, 0) };
    u32::try_from(ret).unwrap_or(XDP_REDIRECT)
}
