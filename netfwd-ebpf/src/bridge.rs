//! Learning and forwarding within one network.

use aya_ebpf::programs::TcContext;
use netfwd_common::{
    addr::{self, Addr, Mac, UNSPECIFIED},
    limits::STAMP_INTERVAL_NS,
    maps::{Deliver, FdbEntry, FdbFlags, FdbKey, Network, NetworkFlags, Port, PortFlags},
    verdict::DropReason,
};

use crate::{
    exit::{Action, Stage},
    flood,
    maps::FDB,
    parse::Ethernet,
    skb, vxlan,
};

/// Where a frame came into its network.
#[derive(Clone, Copy)]
pub struct Source {
    /// The network.
    pub network: u32,
    /// The port's interface; 0 for a peer or the router.
    pub ifindex: u32,
    /// The peer; unspecified for a port or the router.
    pub peer: Addr,
    /// Counters of the port or peer.
    pub slot: u32,
    /// Properties of the port.
    pub flags: PortFlags,
    /// How frames reach the port: what its stations' FDB entries say.
    pub deliver: u8,
}

impl Source {
    /// A port.
    #[inline(always)]
    pub fn port(ifindex: u32, port: &Port) -> Self {
        Self {
            network: port.network,
            ifindex,
            peer: UNSPECIFIED,
            slot: port.slot,
            flags: port.flags,
            deliver: port.deliver,
        }
    }

    /// A peer, whose stations are learned where the network learns.
    #[inline(always)]
    pub fn peer(network_id: u32, network: &Network, peer: Addr, slot: u32) -> Self {
        let learning = network.flags.has(NetworkFlags::LEARNING);
        let flags = PortFlags::default().with_if(PortFlags::LEARNING, learning);
        let deliver = Deliver::Transmit as u8;
        Self {
            network: network_id,
            ifindex: 0,
            peer,
            slot,
            flags,
            deliver,
        }
    }

    /// The router: a packet that NAT brought in from outside.
    #[inline(always)]
    pub fn router(network: u32, slot: u32) -> Self {
        let deliver = Deliver::Transmit as u8;
        Self {
            network,
            ifindex: 0,
            peer: UNSPECIFIED,
            slot,
            flags: PortFlags::default(),
            deliver,
        }
    }

    /// Whether the frame came over the overlay.
    #[inline(always)]
    pub fn is_peer(&self) -> bool {
        self.ifindex == 0 && self.peer[15] | self.peer[14] | self.peer[13] | self.peer[12] != 0
    }

    #[inline(always)]
    fn owns(&self, entry: &FdbEntry) -> bool {
        entry.ifindex == self.ifindex && entry.peer == self.peer
    }

    /// What the entries of this source's stations say of their port.
    #[inline(always)]
    fn marks(&self) -> FdbFlags {
        FdbFlags::default()
            .with_if(FdbFlags::ISOLATED, self.flags.has(PortFlags::ISOLATED))
            .with_if(FdbFlags::XDP_TARGET, self.flags.has(PortFlags::XDP_TARGET))
    }

    /// Notes that the station was heard, and what has changed of its port since.
    #[inline(always)]
    fn stamp(&self, entry: &mut FdbEntry, now: u64) {
        let kind = FdbFlags::STATIC
            .with(FdbFlags::STICKY)
            .with(FdbFlags::GATEWAY);
        entry.flags = FdbFlags {
            bits: entry.flags.bits & kind.bits,
        }
        .with(self.marks());
        entry.deliver = self.deliver;
        entry.last_seen_ns = now;
    }

    #[inline(always)]
    fn entry(&self, now: u64) -> FdbEntry {
        FdbEntry {
            last_seen_ns: now,
            moved_ns: 0,
            peer: self.peer,
            ifindex: self.ifindex,
            slot: self.slot,
            flags: self.marks(),
            deliver: self.deliver,
            moves: 0,
            tag: 0,
        }
    }
}

/// The key of a station. Networks carry frames of one VLAN, the untagged one.
#[inline(always)]
pub fn key(network: u32, mac: Mac) -> FdbKey {
    FdbKey {
        network,
        vlan: 0,
        mac,
    }
}

/// Learns the frame's source, or says why the source may not send from there.
#[inline(never)]
pub fn learn(source: &Source, mac: &Mac, now: u64) -> Result<(), DropReason> {
    if !addr::is_valid_source(mac) {
        return Err(DropReason::SourceMac);
    }
    let key = key(source.network, *mac);
    let Some(entry) = FDB.get_ptr_mut(key) else {
        if source.flags.has(PortFlags::LEARNING) {
            // A full table leaves the station unknown: its frames are flooded, none is lost.
            let _ = FDB.insert(key, source.entry(now), 0);
        }
        return Ok(());
    };
    // SAFETY: the element stays readable until this program's RCU section ends; CPUs may race to
    // write a stamp, and any of theirs will do.
    let entry = unsafe { &mut *entry };
    refresh(entry, source, now)
}

#[inline(always)]
fn refresh(entry: &mut FdbEntry, source: &Source, now: u64) -> Result<(), DropReason> {
    if source.owns(entry) {
        if now.wrapping_sub(entry.last_seen_ns) > STAMP_INTERVAL_NS {
            source.stamp(entry, now);
        }
        return Ok(());
    }
    if entry.flags.has(FdbFlags::GATEWAY) {
        return match source.flags.has(PortFlags::GATEWAY) {
            true => Ok(()),
            false if source.is_peer() => Err(DropReason::GatewayFromPeer),
            false => Err(DropReason::SourceSpoofed),
        };
    }
    let stays = entry.flags.has_any(FdbFlags::STATIC.with(FdbFlags::STICKY));
    if !stays && source.flags.has(PortFlags::LEARNING) {
        *entry = source.entry(now);
    }
    Ok(())
}

/// The station's entry, where it is static or has been heard within the network's ageing time. The
/// age counts here as well as in the loader's sweep, so that it holds while no loader runs.
#[inline(always)]
pub fn station(network: &Network, key: FdbKey, now: u64) -> Option<&'static FdbEntry> {
    let entry = FDB.get_ptr(key)?;
    // SAFETY: the element stays readable until this program's RCU section ends.
    let entry = unsafe { &*entry };
    let fresh = entry.flags.has(FdbFlags::STATIC)
        || now.saturating_sub(entry.last_seen_ns) <= network.ageing_ns;
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
    let Some(entry) = station(network, key(source.network, eth.dst), now) else {
        return flood::unknown(ctx, source, network);
    };
    if entry.ifindex == 0 {
        return to_peer(ctx, source, network, eth, entry, now);
    }
    if entry.ifindex == source.ifindex {
        return Err(DropReason::SamePort);
    }
    if source.flags.has(PortFlags::ISOLATED) && entry.flags.has(FdbFlags::ISOLATED) {
        return Err(DropReason::Isolated);
    }
    skb::deliver(ctx, entry.ifindex, entry.deliver, entry.slot)
}

#[inline(always)]
fn to_peer(
    ctx: &TcContext,
    source: &Source,
    network: &Network,
    eth: &Ethernet,
    entry: &FdbEntry,
    now: u64,
) -> Stage {
    if source.is_peer() {
        return Err(DropReason::SplitHorizon);
    }
    vxlan::encap::to_peer(ctx, network, eth, entry, now).into()
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
