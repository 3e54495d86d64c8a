//! XDP on an uplink: VXLAN from a known peer and station to a known station behind a local port. Whatever
//! else arrives goes on to TC, which is complete, and from which this program learns what it may take.

use aya_ebpf::{
    bindings::xdp_action::{XDP_PASS, XDP_REDIRECT},
    helpers::{bpf_redirect, bpf_xdp_adjust_head},
    programs::XdpContext,
};
use netfwd_common::{
    limits::STAMP_INTERVAL_NS,
    maps::{Config, Deliver, FdbEntry, FdbFlags, Uplink},
};

use crate::{
    arrivals::Lane,
    bridge, count,
    frame::Frame,
    maps::{self, FDB},
    parse::Ethernet,
    vxlan::decap::{self, Inner, Outer, Tunnel},
};

/// Where a frame goes, how many octets it loses, and who counts it.
struct Way {
    target: u32,
    octets: usize,
    uplink_slot: u32,
    rx_slot: u32,
    tx_slot: u32,
}

/// What arrives on an uplink.
#[inline(always)]
pub fn ingress(ctx: &XdpContext) -> u32 {
    // SAFETY: the kernel hands the program a valid context.
    let ifindex = unsafe { (*ctx.ctx).ingress_ifindex };
    match express(ctx, ifindex).or_else(|| take(ctx, ifindex)) {
        Some(way) => redirect(ctx, &way),
        None => XDP_PASS,
    }
}

/// The way of the last frame of this kind, which was for this host's MAC address as this one is.
#[inline(always)]
fn express(ctx: &XdpContext, ifindex: u32) -> Option<Way> {
    let lane = Lane::of(ctx, ifindex)?;
    let (known, seen) = lane.known(ctx)?;
    if known.xdp == 0 || !fits(ctx, known.deliver) {
        return None;
    }
    Some(Way {
        target: known.target,
        octets: seen.version.octets(),
        uplink_slot: known.uplink_slot,
        rx_slot: known.rx_slot,
        tx_slot: known.tx_slot,
    })
}

/// The way of a frame that is looked up.
#[inline(always)]
fn take(ctx: &XdpContext, ifindex: u32) -> Option<Way> {
    let uplink = maps::uplink(&ifindex)?;
    let config = maps::config()?;
    let eth = Ethernet::read(ctx, 0)?;
    if eth.dst != uplink.mac {
        return None;
    }
    let outer = &mut maps::scratch()?.outer;
    if !outer.read(ctx) {
        return None;
    }
    if !outer.is_vxlan(ctx, config) {
        return None;
    }
    inside(ctx, config, uplink, outer, ifindex)
}

#[inline(always)]
fn inside(
    ctx: &XdpContext,
    config: &Config,
    uplink: &Uplink,
    outer: &Outer,
    ifindex: u32,
) -> Option<Way> {
    // What is refused is counted by TC, which sees it next.
    let header = decap::header(ctx, config, outer).ok()?;
    // A checksum is for the kernel to verify, and for TC to hear of.
    if header.checksum {
        return None;
    }
    let now = maps::now();
    let tunnel = decap::sender(config, header.vni, &outer.src, now).ok()?;
    let inner = decap::inner(ctx, outer).ok()??;
    let target = decap::local_station(&tunnel, &inner, now)?;
    let taken = target.flags.has(FdbFlags::XDP_TARGET) && target.tag == 0;
    let fits = fits(ctx, u32::from(target.deliver));
    if !taken || !fits || !is_known_sender(&tunnel, &inner, now) {
        return None;
    }
    if let (false, Some(lane)) = (header.reserved, Lane::of(ctx, ifindex)) {
        lane.remember(&tunnel, target, uplink.slot, now);
    }
    Some(way(&tunnel, target, uplink.slot, outer.version.octets()))
}

#[inline(always)]
fn way(tunnel: &Tunnel, target: &FdbEntry, uplink_slot: u32, octets: usize) -> Way {
    Way {
        target: target.ifindex,
        octets,
        uplink_slot,
        rx_slot: tunnel.slot,
        tx_slot: target.slot,
    }
}

/// Whether a target that is delivered to so takes a frame of several buffers, where this is one: a veth
/// does, a tap does not (drivers/net/tun.c has no NETDEV_XDP_ACT_NDO_XMIT_SG), and would lose it.
#[inline(always)]
fn fits(ctx: &XdpContext, deliver: u32) -> bool {
    let (start, end) = ctx.linear();
    deliver == Deliver::Peer as u32 || end - start == ctx.octets()
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
fn redirect(ctx: &XdpContext, way: &Way) -> u32 {
    let before = ctx.octets();
    // SAFETY: the context is the program's own. The headers were read, so the frame is longer.
    if unsafe { bpf_xdp_adjust_head(ctx.ctx, way.octets as i32) } != 0 {
        return XDP_PASS;
    }
    let octets = before - way.octets;
    count::rx(way.uplink_slot, before);
    count::rx(way.rx_slot, octets);
    count::tx(way.tx_slot, octets);
    // SAFETY: takes two integers; the kernel looks the interface up itself.
    let ret = unsafe { bpf_redirect(way.target, 0) };
    u32::try_from(ret).unwrap_or(XDP_REDIRECT)
}
