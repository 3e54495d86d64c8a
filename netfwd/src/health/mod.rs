//! The health of peers: ICMP echo from this host's VTEP, and their own traffic.
//!
//! The state of a peer stands in its entry of `peers`: `show` reads it there without the daemon, and a
//! restart goes on from it.

mod state;

pub use state::{Change, State};

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;

use netfwd_common::addr::{Addr, UNSPECIFIED};
use netfwd_common::maps::{Peer, PeerFlags};

use self::state::Peers;
use crate::address::{from_addr, to_addr};
use crate::config::Probe;
use crate::dataplane::{DataplaneError, Maps, maps::now_ns};
use crate::echo::{Echo, Heard, Tag};

/// Octets of a probe, as a packet.
const OCTETS: usize = 64;

/// Who is probed: the VTEP that each peer sees, by the peer.
type Wanted = BTreeMap<Addr, Addr>;

/// Probes the peers of an instance; none where it is not asked to.
#[derive(Debug, Default)]
pub struct Health {
    peers: Option<Peers>,
    wanted: Wanted,
    /// By the VTEP that they send from.
    sockets: BTreeMap<Addr, Echo>,
    sequence: u16,
    /// Whether it was said that probes are refused here.
    warned: bool,
}

impl Health {
    /// Goes on from what the entries of the peers say.
    pub fn adopt(maps: &mut Maps, probe: Option<Probe>) -> Result<Self, DataplaneError> {
        let mut health = Self {
            peers: probe.map(Peers::new),
            ..Self::default()
        };
        let peers = maps.peers.entries()?;
        health.follow(&peers, maps)?;
        if health.peers.is_none() {
            forget(maps, &peers)?;
        }
        Ok(health)
    }

    /// Takes over who is in force.
    pub fn follow(
        &mut self,
        peers: &BTreeMap<Addr, Peer>,
        maps: &Maps,
    ) -> Result<(), DataplaneError> {
        let Some(probed) = &mut self.peers else {
            return Ok(());
        };
        let skipped = PeerFlags::GROUP.with(PeerFlags::LEARNED);
        let one = |peer: &Peer| !peer.flags.has_any(skipped);
        let wanted = peers.iter().filter(|(_, peer)| one(peer));
        let wanted: Wanted = wanted.map(|(peer, entry)| (*peer, entry.source)).collect();
        if wanted == self.wanted {
            return Ok(());
        }
        let known = maps.peers.entries()?;
        let state = |peer| {
            known
                .get(peer)
                .map_or(State::Unknown, |p| State::of(p.flags))
        };
        let states = wanted.keys().map(|peer| (*peer, state(peer))).collect();
        probed.follow(&states, now_ns());
        let in_use: BTreeSet<&Addr> = wanted.values().collect();
        self.sockets.retain(|source, _| in_use.contains(source));
        self.wanted = wanted;
        Ok(())
    }

    /// The peers that are down.
    pub fn down(&self) -> BTreeSet<Addr> {
        let peers = self.peers.iter();
        peers.flat_map(Peers::down).collect()
    }

    /// Hears who answered, and probes who is due; gives what changed, which stands in the entries by
    /// then. To be called once a second.
    pub fn tick(&mut self, maps: &mut Maps) -> Result<Vec<Change>, DataplaneError> {
        let Some(mut peers) = self.peers.take() else {
            return Ok(Vec::new());
        };
        let mut changes = self.answers(&mut peers);
        let heard = traffic(&mut peers, maps);
        let (due, missed) = peers.due(now_ns());
        for peer in due {
            if let Err(error) = self.probe(peer) {
                self.note(&mut peers, peer, &error);
            }
        }
        self.peers = Some(peers);
        changes.extend(heard?);
        changes.extend(missed);
        for change in &changes {
            keep(maps, change.peer, change.to)?;
        }
        Ok(changes)
    }

    /// A probe that this host does not let out says nothing of the peer; one without a way to it does.
    fn note(&mut self, peers: &mut Peers, peer: Addr, error: &io::Error) {
        let address = from_addr(&peer);
        tracing::debug!("peer {address} is not probed: {error}");
        if error.kind() == io::ErrorKind::PermissionDenied {
            peers.unsent(&peer);
            if !std::mem::replace(&mut self.warned, true) {
                tracing::warn!(
                    "peers are not probed ({error}); let netfwd send ICMP echo (CAP_NET_RAW, and \
                     no rule in its way), or take `probe_interval` out"
                );
            }
        }
    }

    fn answers(&mut self, peers: &mut Peers) -> Vec<Change> {
        let (now, id) = (now_ns(), id());
        let mut changes = Vec::new();
        for socket in self.sockets.values() {
            socket.hear(|heard| {
                if let Heard::Answer { from, tag } = heard
                    && tag.id == id
                {
                    changes.extend(peers.heard(to_addr(from), now));
                }
            });
        }
        changes
    }

    fn probe(&mut self, peer: Addr) -> io::Result<()> {
        let source = self.wanted.get(&peer).copied().unwrap_or(UNSPECIFIED);
        self.sequence = self.sequence.wrapping_add(1);
        let tag = Tag {
            id: id(),
            sequence: self.sequence,
        };
        let to = from_addr(&peer);
        let sent = self.socket(source, to)?.send(to, tag, OCTETS);
        if sent.is_err() {
            // Its address may be gone, and come back on another interface.
            self.sockets.remove(&source);
        }
        sent
    }

    fn socket(&mut self, source: Addr, to: IpAddr) -> io::Result<&Echo> {
        match self.sockets.entry(source) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(new) if source == UNSPECIFIED => Ok(new.insert(Echo::towards(to)?)),
            Entry::Vacant(new) => Ok(new.insert(Echo::open(from_addr(&source))?)),
        }
    }
}

/// Below the l4 ports that masquerade takes by default, which ICMP identifiers are among: an answer
/// must not look like one to a container.
fn id() -> u16 {
    std::process::id() as u16 & 0x7fff
}

/// Peers whose frames came in since they were probed.
fn traffic(peers: &mut Peers, maps: &Maps) -> Result<Vec<Change>, DataplaneError> {
    let mut changes = Vec::new();
    if peers.waits() {
        maps.members.scan(|key, member| {
            if member.last_seen_ns != 0 {
                changes.extend(peers.heard(key.peer, member.last_seen_ns));
            }
        })?;
    }
    Ok(changes)
}

/// Writes a state into a peer's entry.
fn keep(maps: &mut Maps, peer: Addr, state: State) -> Result<(), DataplaneError> {
    let Some(entry) = maps.peers.get(&peer)? else {
        return Ok(());
    };
    let flags = state.put_into(entry.flags);
    if flags != entry.flags {
        maps.peers.put(&peer, &Peer { flags, ..entry })?;
    }
    Ok(())
}

/// Without probes nothing is known.
fn forget(maps: &mut Maps, peers: &BTreeMap<Addr, Peer>) -> Result<(), DataplaneError> {
    for peer in peers.keys() {
        keep(maps, *peer, State::Unknown)?;
    }
    Ok(())
}
