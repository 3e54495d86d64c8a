//! Map entries.

use std::collections::BTreeMap;

use netfwd_common::maps::{FdbEntry, FloodKey, Member, Neighbour, Network, Peer, Port, Target};

use super::{Action, Entry};
use crate::desired::Desired;
use crate::health::State;
use crate::observed::{MapState, Observed};

/// Writes entries that are missing or differ.
///
/// A network's entry holds the length of its flood list: entries that the list grows by are written
/// before it, highest first, and those that move down when it shrinks in between, lowest first, so
/// that at every moment each target that stays is reached at least once.
pub(super) fn put(desired: &Desired, observed: &Observed) -> Vec<Action> {
    let (wanted, known) = (&desired.maps, &observed.maps);
    let mut entries = Vec::new();
    if wanted.config != known.config {
        entries.extend(wanted.config.map(Entry::Config));
    }
    entries.extend(differing(
        &wanted.peers,
        &known.peers,
        keep_next_hop,
        Entry::Peer,
    ));
    entries.extend(differing(
        &wanted.members,
        &known.members,
        keep_last_seen,
        Entry::Member,
    ));
    entries.extend(flood(wanted, known));
    entries.extend(differing(
        &wanted.networks,
        &known.networks,
        as_is,
        Entry::Network,
    ));
    entries.extend(differing(&wanted.vnis, &known.vnis, as_is, Entry::Vni));
    entries.extend(arrivals(wanted, known));
    entries.extend(stations(wanted, known));
    entries.extend(routed(wanted, known));
    let ports = differing(&wanted.ports, &known.ports, keep_state, Entry::Port);
    entries.extend(ports);
    entries.into_iter().map(Action::Put).collect()
}

/// Where VXLAN arrives.
fn arrivals(wanted: &MapState, known: &MapState) -> Vec<Entry> {
    let (ports, known_ports) = (&wanted.vxlan_ports, &known.vxlan_ports);
    let ports = differing(ports, known_ports, as_is, Entry::VxlanPort);
    let vteps = differing(&wanted.vteps, &known.vteps, as_is, Entry::Vtep);
    [ports, vteps].concat()
}

/// Who is where, and who may be.
fn stations(wanted: &MapState, known: &MapState) -> Vec<Entry> {
    let fdb = differing(&wanted.fdb, &known.fdb, keep_stamp, Entry::Fdb);
    let neighbours = differing(
        &wanted.neighbours,
        &known.neighbours,
        keep_heard,
        Entry::Neighbour,
    );
    let vlans = differing(&wanted.vlans, &known.vlans, as_is, Entry::Vlan);
    let bindings = differing(&wanted.bindings, &known.bindings, as_is, Entry::Binding);
    [fdb, neighbours, vlans, bindings].concat()
}

/// What is translated, and where it leaves.
fn routed(wanted: &MapState, known: &MapState) -> Vec<Entry> {
    let subnets = differing(&wanted.subnets, &known.subnets, as_is, Entry::Subnet);
    let publishes = differing(&wanted.publishes, &known.publishes, as_is, Entry::Publish);
    let uplinks = differing(&wanted.uplinks, &known.uplinks, as_is, Entry::Uplink);
    let locals = differing(&wanted.locals, &known.locals, as_is, Entry::Local);
    [
        subnets,
        targets(wanted, known),
        publishes,
        floating(wanted, known),
        uplinks,
        locals,
    ]
    .concat()
}

/// Who serves published ports; the daemon notes beside it who answers.
fn targets(wanted: &MapState, known: &MapState) -> Vec<Entry> {
    let keep = |wanted: Target, known: Target| {
        let same = (wanted.address, wanted.port) == (known.address, known.port);
        if same { known } else { wanted }
    };
    differing(&wanted.targets, &known.targets, keep, Entry::Target)
}

/// What has an address outside, and who may reach whom.
fn floating(wanted: &MapState, known: &MapState) -> Vec<Entry> {
    let (externals, known_externals) = (&wanted.externals, &known.externals);
    let externals = differing(externals, known_externals, as_is, Entry::External);
    let (floatings, known_floatings) = (&wanted.floatings, &known.floatings);
    let floatings = differing(floatings, known_floatings, as_is, Entry::Floating);
    let pairs = differing(&wanted.pairs, &known.pairs, as_is, Entry::Pair);
    [floatings, externals, pairs].concat()
}

/// Entries that differ, after `merge` has taken over what the programs keep in the known one.
fn differing<K: Ord + Copy, V: PartialEq + Copy>(
    wanted: &BTreeMap<K, V>,
    known: &BTreeMap<K, V>,
    merge: fn(V, V) -> V,
    entry: fn(K, V) -> Entry,
) -> Vec<Entry> {
    // Both are in the order of their keys, and may have a million: they are read side by side.
    let mut known = known.iter().peekable();
    let mut entries = Vec::new();
    for (&key, &value) in wanted {
        while known.next_if(|(before, _)| **before < key).is_some() {}
        let old = known.next_if(|(same, _)| **same == key);
        let old = old.map(|(_, value)| *value);
        let new = old.map_or(value, |old| merge(value, old));
        if old != Some(new) {
            entries.push(entry(key, new));
        }
    }
    entries
}

fn as_is<V>(wanted: V, _: V) -> V {
    wanted
}

/// The prober writes its state beside the flags, and the programs the next hop.
fn keep_next_hop(wanted: Peer, known: Peer) -> Peer {
    Peer {
        next_hop: known.next_hop,
        flags: State::of(known.flags).put_into(wanted.flags),
        ..wanted
    }
}

fn keep_last_seen(wanted: Member, known: Member) -> Member {
    Member {
        last_seen_ns: known.last_seen_ns,
        ..wanted
    }
}

fn keep_stamp(wanted: FdbEntry, known: FdbEntry) -> FdbEntry {
    FdbEntry {
        last_seen_ns: known.last_seen_ns,
        moved_ns: known.moved_ns,
        moves: known.moves,
        ..wanted
    }
}

fn keep_heard(wanted: Neighbour, known: Neighbour) -> Neighbour {
    Neighbour {
        last_seen_ns: known.last_seen_ns,
        ..wanted
    }
}

/// What the programs shut stays shut until somebody opens it.
fn keep_state(wanted: Port, known: Port) -> Port {
    Port {
        state: known.state,
        ..wanted
    }
}

fn flood(wanted: &MapState, known: &MapState) -> Vec<Entry> {
    let mut entries = Vec::new();
    for (&network, new) in &wanted.networks {
        let old_len = known
            .networks
            .get(&network)
            .map_or(0, |old: &Network| old.flood_len);
        let of_network = FloodKey { network, index: 0 }..FloodKey {
            network: network + 1,
            index: 0,
        };
        let changed = wanted
            .flood
            .range(of_network)
            .filter(|(key, target)| known.flood.get(key) != Some(target));
        let mut changed: Vec<_> = changed
            .map(|(key, target)| Entry::Flood(*key, *target))
            .collect();
        if new.flood_len > old_len {
            changed.reverse();
        }
        entries.extend(changed);
    }
    entries
}
