//! Forwarding within one network.

use aya_ebpf::programs::TcContext;
use netfwd_common::{
    addr::{self, Mac},
    maps::{
        Deliver, FdbEntry, FdbFlags, FdbKey, Network, NetworkFlags, PortFlags, Stage as Program,
    },
    verdict::DropReason,
};

use crate::{
    exit::{Action, Stage},
    flood,
    maps::{self, FDB},
    mtu, neighbour,
    parse::Ethernet,
    skb,
    source::Source,
    stage, vxlan,
};

/// The key of a station.
#[inline(always)]
pub fn key(network: u32, vlan: u16, mac: Mac) -> FdbKey {
    FdbKey::new(network, vlan, mac)
}

/// The station's entry, where it is static or has been heard within the network's ageing time. The
/// age counts here as well as in the loader's sweep, so that it holds while no loader runs.
#[inline(always)]
pub fn station(ageing_ns: u64, key: FdbKey, now: u64) -> Option<&'static FdbEntry> {
    let entry = FDB.get_ptr(key)?;
    // SAFETY: the element stays readable until this program's RCU section ends.
    let entry = unsafe { maps::shared(entry) };
    let fresh =
        entry.flags.has(FdbFlags::STATIC) || now.saturating_sub(entry.last_seen_ns) <= ageing_ns;
    fresh.then_some(entry)
}

/// Sends a frame to where its destination is.
#[inline(always)]
pub fn forward(
    ctx: &TcContext,
    source: &Source,
    network: &Network,
    eth: &Ethernet,
    now: u64,
) -> Stage {
    if addr::is_group(&eth.dst) {
        return flood::group(ctx, source, network, eth);
    }
    if network.flags.has(NetworkFlags::SUPPRESSION) && neighbour::tells(ctx, source, eth) {
        return stage::go(Program::Neighbour, source);
    }
    unicast(ctx, source, network, eth, now)
}

/// Sends a frame to where its one destination is.
#[inline(always)]
pub fn unicast(
    ctx: &TcContext,
    source: &Source,
    network: &Network,
    eth: &Ethernet,
    now: u64,
) -> Stage {
    let key = key(source.network, source.vlan, eth.dst);
    let entry = station(network.ageing_ns, key, now);
    toward(ctx, source, network, eth, entry)
}

/// Sends a frame to a station, or to where an unknown one may be.
#[inline(always)]
pub fn toward(
    ctx: &TcContext,
    source: &Source,
    network: &Network,
    eth: &Ethernet,
    entry: Option<&FdbEntry>,
) -> Stage {
    match entry {
        None => flood::unknown(ctx, source, network),
        Some(entry) if entry.ifindex == 0 => to_peer(ctx, source, network, eth, entry),
        Some(entry) => to_port(ctx, source, entry),
    }
}

/// Sends a frame to a station behind a port.
#[inline(always)]
pub fn to_port(ctx: &TcContext, source: &Source, entry: &FdbEntry) -> Stage {
    if entry.ifindex == source.ifindex && !source.flags.has(PortFlags::HAIRPIN) {
        return Err(DropReason::SamePort);
    }
    if source.flags.has(PortFlags::ISOLATED) && entry.flags.has(FdbFlags::ISOLATED) {
        return Err(DropReason::Isolated);
    }
    skb::tag(ctx, entry.tag, source.tci)?;
    skb::deliver(ctx, entry.ifindex, entry.deliver, entry.slot)
}

/// Sends a frame back to where it came from, as an answer that was made of the question.
#[inline(always)]
pub fn back(ctx: &TcContext, source: &Source, network: &Network) -> Stage {
    if source.flags.has(PortFlags::GATEWAY) {
        return to_gateway(ctx, network);
    }
    skb::tag(ctx, source.tag, source.tci)?;
    skb::deliver(ctx, source.ifindex, source.deliver, source.slot)
}

#[inline(always)]
fn to_peer(
    ctx: &TcContext,
    source: &Source,
    network: &Network,
    eth: &Ethernet,
    entry: &FdbEntry,
) -> Stage {
    if source.is_peer() {
        return Err(DropReason::SplitHorizon);
    }
    skb::tag(ctx, entry.tag, source.tci)?;
    let scratch = maps::scratch().ok_or(DropReason::EncapFailed)?;
    let decision = vxlan::encap::to_peer(ctx, network, eth, entry, &mut scratch.wrap).into();
    mtu::hand_over(ctx, source, entry.tag != 0, decision)
}

/// Hands a frame to the gateway device, behind which the host's stack stands.
#[inline(always)]
pub fn to_gateway(ctx: &TcContext, network: &Network) -> Stage {
    if network.gateway_ifindex == 0 {
        return Ok(Action::Pass);
    }
    skb::deliver(
        ctx,
        network.gateway_ifindex,
        Deliver::Receive as u8,
        network.slot,
    )
}
