//! VXLAN from a known peer and station to a known station behind a local port.

use aya_ebpf::{
    bindings::xdp_action::XDP_PASS, helpers::bpf_xdp_adjust_head, programs::XdpContext,
};
use netfwd_common::{
    limits::STAMP_INTERVAL_NS,
    maps::{Config, FdbEntry, FdbFlags, Uplink},
};

use super::{is_taken, redirect};
use crate::{
    arrivals::{self, Lane},
    bridge, count,
    frame::Frame,
    maps::{self, FDB},
    parse::Ethernet,
    vxlan::{
        decap::{self, Inner, Outer, Tunnel},
        encap::Version,
    },
};

/// Where a frame goes, how many octets it loses, and who counts it.
struct Way {
    target: u32,
    octets: usize,
    uplink_slot: u32,
    rx_slot: u32,
    tx_slot: u32,
}

/// Redirects a frame the way of the last of its kind, which was for this host's MAC address as this one is; 0 for
/// others.
#[inline(always)]
pub fn express(ctx: &XdpContext, ifindex: u32) -> u32 {
    // Apart: what is the same for all of a version is a constant then.
    match arrivals::version(ctx) {
        Some(Version::V4) => express_v4(ctx, ifindex),
        Some(Version::V6) => express_v6(ctx, ifindex),
        None => 0,
    }
}

#[inline(always)]
fn express_v4(ctx: &XdpContext, ifindex: u32) -> u32 {
    let lane = Lane::of_v4(ctx, ifindex);
    lane.and_then(|lane| along(ctx, &lane)).unwrap_or(0)
}

#[inline(never)]
fn express_v6(ctx: &XdpContext, ifindex: u32) -> u32 {
    let lane = Lane::of_v6(ctx, ifindex);
    lane.and_then(|lane| along(ctx, &lane)).unwrap_or(0)
}

#[inline(always)]
fn along(ctx: &XdpContext, lane: &Lane) -> Option<u32> {
    let (known, seen) = lane.known(ctx)?;
    if known.xdp == 0 || !is_taken(ctx, known.deliver, lane.octets) {
        return None;
    }
    let way = Way {
        target: known.target,
        octets: seen.version.octets(),
        uplink_slot: known.uplink_slot,
        rx_slot: known.rx_slot,
        tx_slot: known.tx_slot,
    };
    finish(ctx, lane.octets, &way)
}

/// Redirects a frame whose way is looked up, and passes the rest. It has a stack of its own, which others need not
/// leave room for.
#[inline(never)]
pub fn take(ctx: &XdpContext, ifindex: u32) -> u32 {
    looked_up(ctx, ifindex).unwrap_or(XDP_PASS)
}

#[inline(always)]
fn looked_up(ctx: &XdpContext, ifindex: u32) -> Option<u32> {
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
    let way = inside(ctx, config, uplink, outer, ifindex)?;
    finish(ctx, ctx.octets(), &way)
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
    let fits = is_taken(ctx, u32::from(target.deliver), ctx.octets());
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
    let entry = unsafe { maps::value(entry) };
    if entry.ifindex != 0 || entry.peer != tunnel.peer {
        return false;
    }
    if now.wrapping_sub(entry.last_seen_ns) > STAMP_INTERVAL_NS {
        entry.last_seen_ns = now;
    }
    true
}

/// Takes the outer headers off, counts, and redirects; a frame of so many octets.
#[inline(always)]
fn finish(ctx: &XdpContext, before: usize, way: &Way) -> Option<u32> {
    // SAFETY: the context is the program's own. The headers were read, so the frame is longer.
    if unsafe { bpf_xdp_adjust_head(ctx.ctx, way.octets as i32) } != 0 {
        return None;
    }
    let octets = before - way.octets;
    count::rx(way.uplink_slot, before);
    count::rx(way.rx_slot, octets);
    count::tx(way.tx_slot, octets);
    Some(redirect(way.target))
}
