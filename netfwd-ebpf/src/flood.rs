//! Broadcast, multicast and unknown unicast: a clone for every flood target.

use core::ffi::c_void;

use aya_ebpf::{
    bindings::{__sk_buff, BPF_F_INGRESS},
    helpers::{bpf_clone_redirect, bpf_loop},
    programs::TcContext,
};
use netfwd_common::{
    addr::Addr,
    limits::FLOOD_PER_NETWORK,
    maps::{Deliver, FloodKey, FloodTarget, Network, NetworkFlags, PortFlags},
    verdict::DropReason,
};

use crate::{
    bridge::{self, Source},
    count,
    exit::{Outcome, Stage},
    frame::Frame,
    maps,
    parse::{ETH_LEN, Ethernet, ether_type},
    vxlan::companion,
};

/// What the loop's body needs; it sees only this.
struct Flood {
    skb: *mut __sk_buff,
    network: u32,
    vni: u32,
    companion: u32,
    ingress: u32,
    octets: u32,
    from_peer: u32,
    isolated: u32,
    wanted: PortFlags,
    /// Not a count: the verifier would follow every value of one.
    sent: u32,
}

/// Floods a frame to a group address.
#[inline(always)]
pub fn group(ctx: &TcContext, source: &Source, network: &Network, eth: &Ethernet) -> Stage {
    if eth.ether_type == ether_type::ARP && asks_for_gateway(ctx, source, network) {
        return bridge::to_gateway(ctx, network);
    }
    flood(ctx, source, network, PortFlags::default()).into()
}

/// Floods a frame to a station that nobody has heard, where the network and the port allow it.
#[inline(always)]
pub fn unknown(ctx: &TcContext, source: &Source, network: &Network) -> Stage {
    match flood(ctx, source, network, PortFlags::UNKNOWN_UNICAST).into() {
        Err(DropReason::NoTarget) if !network.flags.has(NetworkFlags::UNKNOWN_UNICAST) => {
            Err(DropReason::UnknownUnicast)
        }
        stage => stage,
    }
}

/// Whether a port asks by ARP for the gateway: only the local one answers, since every host has a
/// gateway with this address and MAC.
#[inline(always)]
fn asks_for_gateway(ctx: &TcContext, source: &Source, network: &Network) -> bool {
    const REQUEST: [u8; 8] = [0, 1, 0x08, 0x00, 6, 4, 0, 1];
    const TARGET: usize = ETH_LEN + 24;
    let has_gateway = network.flags.has(NetworkFlags::GATEWAY);
    if !has_gateway || source.is_peer() || source.flags.has(PortFlags::GATEWAY) {
        return false;
    }
    ctx.read::<8>(ETH_LEN) == Some(REQUEST) && ctx.read::<4>(TARGET) == Some(network.gateway_v4)
}

#[inline(never)]
fn flood(ctx: &TcContext, source: &Source, network: &Network, wanted: PortFlags) -> Outcome {
    let Some(config) = maps::config() else {
        return Outcome::Drop(DropReason::NoTarget);
    };
    let mut state = Flood {
        skb: ctx.skb.skb,
        network: source.network,
        vni: network.vni,
        companion: config.companion_ifindex,
        ingress: source.ifindex,
        octets: ctx.len(),
        from_peer: u32::from(source.is_peer()),
        isolated: u32::from(source.flags.has(PortFlags::ISOLATED)),
        wanted,
        sent: 0,
    };
    let targets = network.flood_len.min(FLOOD_PER_NETWORK);
    // SAFETY: the body takes the state that is passed here, and nothing else.
    unsafe {
        bpf_loop(
            targets,
            body as *mut c_void,
            core::ptr::from_mut(&mut state).cast(),
            0,
        );
    }
    if state.sent == 0 {
        Outcome::Drop(DropReason::NoTarget)
    } else {
        Outcome::Consumed
    }
}

/// One target of the flood list; returns 0, which goes on.
unsafe extern "C" fn body(index: u64, state: *mut c_void) -> i64 {
    // SAFETY: `flood` passes its own state, which outlives the loop.
    let state = unsafe { &mut *state.cast::<Flood>() };
    let key = FloodKey {
        network: state.network,
        index: index as u32,
    };
    if let Some(target) = maps::flood_target(&key)
        && wants(state, target)
        && send(state, target)
    {
        count::tx(target.slot, state.octets as usize);
        state.sent = 1;
    }
    0
}

/// Whether a target takes the frame: never the port that it came from, never a second peer, never
/// from an isolated port to another, and only what the target is set to take.
#[inline(always)]
fn wants(state: &Flood, target: &FloodTarget) -> bool {
    let is_peer = target.ifindex == 0;
    let back = !is_peer && target.ingress_ifindex == state.ingress;
    let transit = is_peer && state.from_peer != 0;
    let isolated = state.isolated != 0 && target.flags.has(PortFlags::ISOLATED);
    !back && !transit && !isolated && target.flags.has(state.wanted)
}

#[inline(always)]
fn send(state: &Flood, target: &FloodTarget) -> bool {
    let (ifindex, flags) = match Deliver::from_number(target.deliver) {
        _ if target.ifindex == 0 => {
            let peer: Addr = target.peer;
            if companion::set_tunnel(state.skb, state.vni, &peer).is_err() {
                return false;
            }
            (state.companion, 0)
        }
        Deliver::Receive => (target.ifindex, u64::from(BPF_F_INGRESS)),
        // No clone goes by `redirect_peer`: `bpf_clone_redirect` takes BPF_F_INGRESS alone.
        Deliver::Transmit | Deliver::Peer => (target.ifindex, 0),
    };
    // SAFETY: the context is the program's own; the kernel looks the interface up itself.
    unsafe { bpf_clone_redirect(state.skb, ifindex, flags) == 0 }
}
