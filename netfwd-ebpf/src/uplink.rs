//! Uplinks: VXLAN from peers, NAT's outside.

use aya_ebpf::{
    bindings::{BPF_F_ADJ_ROOM_DECAP_L3_IPV6, BPF_F_ADJ_ROOM_FIXED_GSO, bpf_adj_room_mode},
    programs::TcContext,
};
use netfwd_common::{
    limits::ENCAP_V4,
    maps::{Config, Deliver, FdbEntry},
    nat::proto,
    verdict::DropReason,
};

use crate::{
    count,
    exit::{Action, Outcome, Stage, Verdict, from},
    features,
    learn::learn,
    maps, nat,
    parse::{ETH_LEN, Ethernet, Ipv4, ether_type},
    skb,
    vxlan::{decap, encap},
};

/// Segments keep their size, only the headers in front go.
const FIXED_GSO: u64 = BPF_F_ADJ_ROOM_FIXED_GSO as u64;
/// What was an IPv4 packet is an IPv6 one without its outer headers.
const DECAP_L3_IPV6: u64 = BPF_F_ADJ_ROOM_DECAP_L3_IPV6 as u64;

/// What arrives on an uplink.
#[inline(always)]
pub fn ingress(ctx: &TcContext) -> Verdict {
    let Some(uplink) = maps::uplink(&skb::ifindex(ctx)) else {
        return Ok(Action::Pass);
    };
    count::rx(uplink.slot, ctx.len() as usize);
    let Some(eth) = Ethernet::read(ctx, 0) else {
        return Ok(Action::Pass);
    };
    if eth.ether_type != ether_type::IPV4 || !skb::is_for_host(ctx) {
        return Ok(Action::Pass);
    }
    let Some(ip) = Ipv4::read(ctx, ETH_LEN) else {
        return from(uplink.slot, Err(DropReason::Malformed));
    };
    let Some(config) = maps::config() else {
        return Ok(Action::Pass);
    };
    let now = maps::now();
    if decap::is_unread(config, &ip) {
        skb::set_from_uplink(ctx);
        return Ok(Action::Pass);
    }
    if decap::is_vxlan(ctx, config, &ip) {
        let mut slot = uplink.slot;
        let outcome = vxlan(ctx, config, &ip, now, &mut slot);
        return from(slot, outcome.into());
    }
    from(
        uplink.slot,
        nat::ingress::from_outside(ctx, uplink, &ip, now).into(),
    )
}

/// What the host's stack sends out of an uplink.
#[inline(always)]
pub fn egress(ctx: &TcContext) -> Verdict {
    let Some(uplink) = maps::uplink(&skb::ifindex(ctx)) else {
        return Ok(Action::Pass);
    };
    count::tx(uplink.slot, ctx.len() as usize);
    let Some(eth) = Ethernet::read(ctx, 0) else {
        return Ok(Action::Pass);
    };
    if eth.ether_type != ether_type::IPV4 {
        return Ok(Action::Pass);
    }
    let Some(config) = maps::config() else {
        return Ok(Action::Pass);
    };
    let Some(ip) = Ipv4::read(ctx, ETH_LEN) else {
        return Ok(Action::Pass);
    };
    // Encapsulated frames pass here too, and are the most of what does.
    if encap::is_vtep(config, ip.src) {
        return Ok(Action::Pass);
    }
    if encap::is_injected(ctx, config, &ip) {
        return from(uplink.slot, Err(DropReason::Injected));
    }
    from(
        uplink.slot,
        nat::egress::from_stack(ctx, uplink, &eth, &ip, maps::now()),
    )
}

/// A packet to the VXLAN port; once its sender is known, `slot` counts what becomes of it.
#[inline(never)]
fn vxlan(ctx: &TcContext, config: &Config, ip: &Ipv4, now: u64, slot: &mut u32) -> Outcome {
    receive(ctx, config, ip, now, slot).into()
}

#[inline(always)]
fn receive(ctx: &TcContext, config: &Config, ip: &Ipv4, now: u64, slot: &mut u32) -> Stage {
    let tunnel = decap::admit(ctx, config, ip, now)?;
    *slot = tunnel.slot;
    skb::set_from_uplink(ctx);
    let Some(inner) = decap::inner(ctx, ip) else {
        return Ok(Action::Pass);
    };
    let Some(entry) = decap::local_station(&tunnel, &inner, now) else {
        return Ok(Action::Pass);
    };
    if !can_shrink(ctx, entry, &inner) {
        return Ok(Action::Pass);
    }
    learn(&decap::source(&tunnel), &inner.eth.src, now)?;
    decapsulate(ctx, &inner, entry, tunnel.slot)
}

/// Whether the frame survives losing its outer headers here. An IPv6 packet needs a kernel that can be
/// told that the protocol changes (Linux 6.3). A UDP super-packet does not: it keeps
/// the tunnel's GSO type and is lost later without a counter moving. Nor does any super-packet that
/// is then transmitted, and would be segmented as a tunnel's; the receiving side of a veth never
/// segments.
#[inline(always)]
fn can_shrink(ctx: &TcContext, entry: &FdbEntry, inner: &decap::Inner) -> bool {
    if inner.eth.ether_type == ether_type::IPV6 && !features::decap_l3() {
        return false;
    }
    let plain = skb::gso_size(ctx) == 0;
    plain || (inner.proto == proto::TCP && entry.deliver == Deliver::Peer as u8)
}

#[inline(always)]
fn decapsulate(ctx: &TcContext, inner: &decap::Inner, entry: &FdbEntry, slot: u32) -> Stage {
    // Without NO_CSUM_RESET: what the NIC verified was the outer checksum.
    let flags = match inner.eth.ether_type {
        ether_type::IPV6 => FIXED_GSO | DECAP_L3_IPV6,
        _ => FIXED_GSO,
    };
    let mode = bpf_adj_room_mode::BPF_ADJ_ROOM_MAC;
    ctx.adjust_room(-(ENCAP_V4 as i32), mode, flags)
        .map_err(|_| DropReason::DecapFailed)?;
    ctx.store(0, &inner.eth.bytes(), 0)
        .map_err(|_| DropReason::DecapFailed)?;
    skb::tag(ctx, entry.tag, 0)?;
    count::rx(slot, ctx.len() as usize);
    skb::deliver(ctx, entry.ifindex, entry.deliver, entry.slot)
}
