//! Learning: which station is behind which port or peer, and how many may be.

use aya_ebpf::bindings::BPF_NOEXIST;
use netfwd_common::{
    addr::{self, Mac},
    flap::{self, Move},
    limits::{FLAP_MOVES, STAMP_INTERVAL_NS},
    maps::{EventKind, FdbEntry, FdbFlags, FdbKey, NetworkFlags, PortFlags},
    verdict::DropReason,
};

use crate::{
    bridge, event, flood,
    maps::{self, FDB},
    source::Source,
};

/// Refused stations per event of one: a port at its limit may send a new one with every frame.
const REFUSALS_TOLD: u64 = 1024;

/// Learns the frame's source, or says why the source may not send from there.
#[inline(always)]
pub fn learn(source: &Source, mac: &Mac, now: u64) -> Result<Standing, DropReason> {
    match look_up(source, mac, now) {
        Found::Refused(reason) => Err(reason),
        Found::AtHome => Ok(Standing::AtHome),
        Found::Elsewhere => Ok(Standing::Elsewhere),
    }
}

/// Where the FDB has a source that may send.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Where it was heard.
    AtHome,
    /// Elsewhere or nowhere.
    Elsewhere,
}

/// What the FDB says of a source: a [`Standing`], or a refusal, in one register.
enum Found {
    /// It is known where it was heard.
    AtHome,
    /// It may send, and is not known there.
    Elsewhere,
    /// It may not.
    Refused(DropReason),
}

impl From<Result<(), DropReason>> for Found {
    #[inline(always)]
    fn from(result: Result<(), DropReason>) -> Self {
        match result {
            Ok(()) => Self::Elsewhere,
            Err(reason) => Self::Refused(reason),
        }
    }
}

#[inline(never)]
fn look_up(source: &Source, mac: &Mac, now: u64) -> Found {
    if !addr::is_valid_source(mac) {
        return Found::Refused(DropReason::SourceMac);
    }
    let key = bridge::key(source.network, source.vlan, *mac);
    let Some(entry) = FDB.get_ptr_mut(key) else {
        // One call after the other: nested, their frames would add up beyond Linux 6.1's stack.
        if source.flags.has(PortFlags::LEARNING)
            && !is_out_of_reach(source)
            && let Some(kind) = EventKind::from_number(insert(source, &key, now))
        {
            event::station(kind, source, &key, None, now);
        }
        return Found::Elsewhere;
    };
    // SAFETY: the element stays readable until this program's RCU section ends; CPUs may race to
    // write a stamp, and any of theirs will do.
    let entry = unsafe { maps::value(entry) };
    if source.owns(entry) {
        if now.wrapping_sub(entry.last_seen_ns) > STAMP_INTERVAL_NS {
            source.stamp(entry, now);
        }
        return Found::AtHome;
    }
    elsewhere(entry, source, &key, now).into()
}

/// A station that the FDB has elsewhere.
#[inline(always)]
fn elsewhere(
    entry: &mut FdbEntry,
    source: &Source,
    key: &FdbKey,
    now: u64,
) -> Result<(), DropReason> {
    if entry.flags.has(FdbFlags::GATEWAY) {
        return match source.flags.has(PortFlags::GATEWAY) {
            true => Ok(()),
            false if source.is_peer() => Err(DropReason::GatewayFromPeer),
            false => Err(DropReason::SourceSpoofed),
        };
    }
    let stays = entry.flags.has_any(FdbFlags::STATIC.with(FdbFlags::STICKY));
    if stays || !source.flags.has(PortFlags::LEARNING) {
        return Ok(());
    }
    relocate(entry, source, key, now)
}

/// A new station. A full table or a reached limit leaves it unknown: its frames are flooded, none is
/// lost. Gives the number of the event that watchers are told of, or 0.
#[inline(never)]
fn insert(source: &Source, key: &FdbKey, now: u64) -> u32 {
    if is_at_limit(source) {
        return if count_refusal(source) {
            EventKind::LearnLimit as u32
        } else {
            0
        };
    }
    let Some(scratch) = maps::scratch() else {
        return 0;
    };
    let entry = &mut scratch.station;
    source.claim(entry, now);
    entry.moved_ns = 0;
    entry.moves = 0;
    if FDB.insert(key, *entry, u64::from(BPF_NOEXIST)).is_err() {
        return 0;
    }
    count(source, 1);
    EventKind::Learned as u32
}

/// Moves a station to where it was heard, unless it goes to and fro too fast: then it stays, and what
/// it sends from here is dropped, which breaks the loop that it is mostly a sign of.
#[inline(never)]
fn relocate(
    entry: &mut FdbEntry,
    source: &Source,
    key: &FdbKey,
    now: u64,
) -> Result<(), DropReason> {
    let moves = match flap::judge(entry.moves, entry.moved_ns, now) {
        Move::To(moves) => moves,
        Move::Held => return Err(DropReason::Flapping),
        Move::Flaps => {
            entry.moves = FLAP_MOVES;
            entry.moved_ns = now;
            event::station(EventKind::Flapping, source, key, Some(entry), now);
            return Err(DropReason::Flapping);
        }
    };
    uncount(entry.slot, source);
    if is_port_at_limit(source) {
        // Where it was it is no longer; unknown, it is flooded.
        count_refusal(source);
        let _ = FDB.remove(key);
        maps::renew();
        return Ok(());
    }
    count(source, 1);
    event::station(EventKind::Moved, source, key, Some(entry), now);
    source.claim(entry, now);
    entry.moves = moves;
    entry.moved_ns = now;
    maps::renew();
    Ok(())
}

/// Whether nothing here could send to a new station: it is a peer's, and the network has its VLAN at no port.
#[inline(never)]
fn is_out_of_reach(source: &Source) -> bool {
    source.is_peer()
        && maps::network(&source.network).is_some_and(|network| {
            network.flags.has(NetworkFlags::VLAN) && !flood::is_carried(source, network)
        })
}

#[inline(always)]
fn is_at_limit(source: &Source) -> bool {
    let Some(network) = maps::network(&source.network) else {
        return true;
    };
    let full =
        network.max_learned != 0 && maps::stations(network.slot) >= u64::from(network.max_learned);
    full || is_port_at_limit(source)
}

/// Peers have no limit of their own, only their network's.
#[inline(always)]
fn is_port_at_limit(source: &Source) -> bool {
    let limit = maps::port(&source.ifindex).map_or(0, |port| port.max_learned);
    limit != 0 && maps::stations(source.slot) >= u64::from(limit)
}

#[inline(always)]
fn count(source: &Source, by: u64) {
    maps::add_learned(source.slot, by);
    if let Some(network) = maps::network(&source.network) {
        maps::add_learned(network.slot, by);
    }
}

/// Takes back what was counted where the station was.
#[inline(always)]
fn uncount(slot: u32, source: &Source) {
    maps::add_learned(slot, u64::MAX);
    if let Some(network) = maps::network(&source.network) {
        maps::add_learned(network.slot, u64::MAX);
    }
}

/// Says whether watchers are told: of one refusal in many.
#[inline(always)]
fn count_refusal(source: &Source) -> bool {
    if let Some(network) = maps::network(&source.network) {
        maps::add_refused(network.slot);
    }
    maps::add_refused(source.slot).is_multiple_of(REFUSALS_TOLD)
}
