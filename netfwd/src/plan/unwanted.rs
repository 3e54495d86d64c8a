//! Map entries that go.

use std::collections::BTreeMap;

use netfwd_common::addr::UNSPECIFIED;
use netfwd_common::maps::{BindingKey, Member, MemberKey, PeerFlags, Port, PortFlags};

use super::{Action, EntryKey};
use crate::desired::Desired;
use crate::observed::{MapState, Observed};

/// Deletes entries that are not wanted: first what leads into a network, last the network.
pub(super) fn delete(desired: &Desired, observed: &Observed) -> Vec<Action> {
    let (wanted, known) = (&desired.maps, &observed.maps);
    let mut keys = Vec::new();
    keys.extend(unwanted(
        &wanted.publishes,
        &known.publishes,
        EntryKey::Publish,
    ));
    keys.extend(translated(wanted, known));
    keys.extend(unwanted(&wanted.vteps, &known.vteps, EntryKey::Vtep));
    let (ports, known_ports) = (&wanted.vxlan_ports, &known.vxlan_ports);
    keys.extend(unwanted(ports, known_ports, EntryKey::VxlanPort));
    keys.extend(unwanted(&wanted.vnis, &known.vnis, EntryKey::Vni));
    keys.extend(unwanted(&wanted.ports, &known.ports, EntryKey::Port));
    keys.extend(unwanted(&wanted.vlans, &known.vlans, EntryKey::Vlan));
    keys.extend(bindings(wanted, known));
    keys.extend(unwanted(
        &wanted.neighbours,
        &known.neighbours,
        EntryKey::Neighbour,
    ));
    keys.extend(unwanted(&wanted.locals, &known.locals, EntryKey::Local));
    keys.extend(unwanted(&wanted.uplinks, &known.uplinks, EntryKey::Uplink));
    keys.extend(unwanted(&wanted.subnets, &known.subnets, EntryKey::Subnet));
    keys.extend(unwanted(&wanted.fdb, &known.fdb, EntryKey::Fdb));
    keys.extend(unwanted(
        &wanted.networks,
        &known.networks,
        EntryKey::Network,
    ));
    keys.extend(unwanted(&wanted.flood, &known.flood, EntryKey::Flood));
    keys.extend(members(wanted, known));
    keys.extend(peers(wanted, known));
    keys.into_iter().map(Action::Delete).collect()
}

/// Peers that are not configured any more; those that a program learned are the sweep's.
fn peers(wanted: &MapState, known: &MapState) -> Vec<EntryKey> {
    let configured = known.peers.iter();
    let configured = configured.filter(|(_, peer)| !peer.flags.has(PeerFlags::LEARNED));
    let gone = configured.filter(|(address, _)| !wanted.peers.contains_key(*address));
    gone.map(|(address, _)| EntryKey::Peer(*address)).collect()
}

/// Their memberships; learned ones go with their network.
fn members(wanted: &MapState, known: &MapState) -> Vec<EntryKey> {
    let kept = |key: &MemberKey, member: &Member| {
        is_learned(known, key, member) && wanted.networks.contains_key(&key.network)
    };
    let unwanted = known.members.iter();
    let unwanted = unwanted.filter(|(key, _)| !wanted.members.contains_key(*key));
    let gone = unwanted.filter(|(key, member)| !kept(key, member));
    gone.map(|(key, _)| EntryKey::Member(*key)).collect()
}

/// Whether a program learned that the peer takes part: then its frames count for the network.
pub(super) fn is_learned(maps: &MapState, key: &MemberKey, member: &Member) -> bool {
    let network = maps.networks.get(&key.network);
    network.is_some_and(|network| network.slot == member.slot)
}

/// Bindings that no longer hold: given ones that are not given any more, and first-seen ones of ports
/// that went to another network, or that may use the given ones of that kind only.
fn bindings(wanted: &MapState, known: &MapState) -> Vec<EntryKey> {
    let port = |ports: &BTreeMap<u32, Port>, key: &BindingKey| {
        ports
            .get(&key.ifindex)
            .map(|port| (port.network, port.flags.has(PortFlags::FIRST_SEEN)))
    };
    let holds = |key: &BindingKey, bound_ns: u64| {
        let claim = BindingKey {
            address: UNSPECIFIED,
            ..*key
        };
        let now = port(&wanted.ports, key);
        let binds = now.is_some_and(|(_, first_seen)| first_seen);
        let same =
            port(&known.ports, key).map(|(network, _)| network) == now.map(|(network, _)| network);
        bound_ns != 0 && binds && same && !wanted.bindings.contains_key(&claim)
    };
    let gone = known
        .bindings
        .iter()
        .filter(|(key, bound_ns)| !wanted.bindings.contains_key(key) && !holds(key, **bound_ns));
    gone.map(|(key, _)| EntryKey::Binding(*key)).collect()
}

fn unwanted<K: Ord + Copy, V>(
    wanted: &BTreeMap<K, V>,
    known: &BTreeMap<K, V>,
    key: fn(K) -> EntryKey,
) -> Vec<EntryKey> {
    let mut wanted = wanted.keys().peekable();
    let gone = known.keys().filter(|key| {
        while wanted.next_if(|before| before < key).is_some() {}
        wanted.next_if(|same| same == key).is_none()
    });
    gone.copied().map(key).collect()
}

fn translated(wanted: &MapState, known: &MapState) -> Vec<EntryKey> {
    let (externals, known_externals) = (&wanted.externals, &known.externals);
    let externals = unwanted(externals, known_externals, EntryKey::External);
    let (floatings, known_floatings) = (&wanted.floatings, &known.floatings);
    let floatings = unwanted(floatings, known_floatings, EntryKey::Floating);
    let targets = unwanted(&wanted.targets, &known.targets, EntryKey::Target);
    let pairs = unwanted(&wanted.pairs, &known.pairs, EntryKey::Pair);
    externals
        .into_iter()
        .chain(floatings)
        .chain(targets)
        .chain(pairs)
        .collect()
}
