//! Map entries of the host that is only data.

use crate::observed::MapState;
use crate::plan::{Entry, EntryKey};

pub(super) fn put(maps: &mut MapState, entry: Entry) {
    match entry {
        Entry::Config(value) => maps.config = Some(value),
        Entry::Port(key, value) => drop(maps.ports.insert(key, value)),
        Entry::Network(key, value) => drop(maps.networks.insert(key, value)),
        Entry::Vni(key, value) => drop(maps.vnis.insert(key, value)),
        Entry::Fdb(key, value) => drop(maps.fdb.insert(key, value)),
        Entry::Flood(key, value) => drop(maps.flood.insert(key, value)),
        Entry::Peer(key, value) => drop(maps.peers.insert(key, value)),
        Entry::Member(key, value) => drop(maps.members.insert(key, value)),
        Entry::Vtep(key, value) => drop(maps.vteps.insert(key, value)),
        Entry::VxlanPort(key, value) => drop(maps.vxlan_ports.insert(key, value)),
        Entry::Target(key, value) => drop(maps.targets.insert(key, value)),
        Entry::Floating(key, value) => drop(maps.floatings.insert(key, value)),
        Entry::External(key, value) => drop(maps.externals.insert(key, value)),
        Entry::Pair(key, value) => drop(maps.pairs.insert(key, value)),
        Entry::Uplink(key, value) => drop(maps.uplinks.insert(key, value)),
        Entry::Local(key, value) => drop(maps.locals.insert(key, value)),
        Entry::Subnet(key, value) => drop(maps.subnets.insert(key, value)),
        Entry::Publish(key, value) => drop(maps.publishes.insert(key, value)),
        Entry::Vlan(key, value) => drop(maps.vlans.insert(key, value)),
        Entry::Binding(key, value) => drop(maps.bindings.insert(key, value)),
        Entry::Neighbour(key, value) => drop(maps.neighbours.insert(key, value)),
    }
}

pub(super) fn delete(maps: &mut MapState, key: EntryKey) {
    let there = match key {
        EntryKey::Port(key) => maps.ports.remove(&key).is_some(),
        EntryKey::Network(key) => maps.networks.remove(&key).is_some(),
        EntryKey::Vni(key) => maps.vnis.remove(&key).is_some(),
        EntryKey::Fdb(key) => maps.fdb.remove(&key).is_some(),
        EntryKey::Flood(key) => maps.flood.remove(&key).is_some(),
        EntryKey::Peer(key) => maps.peers.remove(&key).is_some(),
        EntryKey::Member(key) => maps.members.remove(&key).is_some(),
        EntryKey::Vtep(key) => maps.vteps.remove(&key).is_some(),
        EntryKey::VxlanPort(key) => maps.vxlan_ports.remove(&key).is_some(),
        EntryKey::Target(key) => maps.targets.remove(&key).is_some(),
        EntryKey::Floating(key) => maps.floatings.remove(&key).is_some(),
        EntryKey::External(key) => maps.externals.remove(&key).is_some(),
        EntryKey::Pair(key) => maps.pairs.remove(&key).is_some(),
        EntryKey::Uplink(key) => maps.uplinks.remove(&key).is_some(),
        EntryKey::Local(key) => maps.locals.remove(&key).is_some(),
        EntryKey::Subnet(key) => maps.subnets.remove(&key).is_some(),
        EntryKey::Publish(key) => maps.publishes.remove(&key).is_some(),
        EntryKey::Vlan(key) => maps.vlans.remove(&key).is_some(),
        EntryKey::Binding(key) => maps.bindings.remove(&key).is_some(),
        EntryKey::Neighbour(key) => maps.neighbours.remove(&key).is_some(),
    };
    assert!(there, "{key:?} is not there to delete");
}
