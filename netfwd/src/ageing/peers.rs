//! Peers that the programs learned from their traffic.

use std::collections::BTreeSet;

use netfwd_common::addr::Addr;
use netfwd_common::maps::{Member, MemberKey, PeerFlags};

use super::sweep::{AT_ONCE, NEVER, Sweep};
use crate::dataplane::DataplaneError;
use crate::dataplane::maps::{Maps, now_ns};

/// Ages the learned peers, which live as long as the stations of their network. A configured peer may
/// be learned in a network that does not list it: then its membership alone goes.
#[derive(Debug, Default)]
pub(super) struct Peers {
    sweep: Sweep<MemberKey, Member>,
}

impl Peers {
    /// Does a slice.
    pub(super) fn tick(&mut self, maps: &mut Maps) -> Result<(), DataplaneError> {
        let now = now_ns();
        self.sweep.begins(now);
        if self.sweep.is_over() {
            return Ok(());
        }
        let (networks, learned) = (maps.networks.entries()?, learned(maps)?);
        let times = networks.values().map(|network| network.ageing_ns);
        let shortest = times.min().unwrap_or(NEVER);
        let end = |key: &MemberKey, member: &Member| match networks.get(&key.network) {
            // What a program made counts for the network; a configured peer has a slot of its own.
            Some(network) if learned.contains(&key.peer) || member.slot == network.slot => {
                member.last_seen_ns.saturating_add(network.ageing_ns)
            }
            None if learned.contains(&key.peer) => AT_ONCE,
            _ => NEVER,
        };
        let mut gone = BTreeSet::new();
        for key in self.sweep.slice(&maps.members, now, shortest, end)? {
            // It may have been heard since it was read.
            let fresh = maps.members.get(&key)?;
            if fresh.is_some_and(|member| end(&key, &member) < now) {
                maps.members.remove(&key)?;
                gone.insert(key.peer);
            }
        }
        forget(maps, &gone)
    }
}

fn learned(maps: &Maps) -> Result<BTreeSet<Addr>, DataplaneError> {
    let mut learned = BTreeSet::new();
    maps.peers.scan(|peer, entry| {
        if entry.flags.has(PeerFlags::LEARNED) {
            learned.insert(*peer);
        }
    })?;
    Ok(learned)
}

/// Takes out the learned ones of these peers that are in no network any more.
fn forget(maps: &mut Maps, peers: &BTreeSet<Addr>) -> Result<(), DataplaneError> {
    let mut gone = peers.clone();
    if !gone.is_empty() {
        maps.members.scan(|key, _| {
            gone.remove(&key.peer);
        })?;
    }
    for peer in &gone {
        let entry = maps.peers.get(peer)?;
        if entry.is_some_and(|entry| entry.flags.has(PeerFlags::LEARNED)) {
            maps.peers.remove(peer)?;
        }
    }
    Ok(())
}
