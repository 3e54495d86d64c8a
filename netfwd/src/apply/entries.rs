//! Map entries by their type.

use crate::dataplane::{DataplaneError, Maps};
use crate::plan::{Entry, EntryKey};

/// Writes an entry.
pub(super) fn put(maps: &mut Maps, entry: &Entry) -> Result<(), DataplaneError> {
    match entry {
        Entry::Config(config) => maps.set_config(*config),
        Entry::Port(key, value) => maps.ports.put(key, value),
        Entry::Network(key, value) => maps.networks.put(key, value),
        Entry::Vni(key, value) => maps.vnis.put(key, value),
        Entry::Fdb(key, value) => maps.put_station(key, value),
        Entry::Flood(key, value) => maps.flood.put(key, value),
        Entry::Peer(key, value) => maps.peers.put(key, value),
        Entry::Member(key, value) => maps.members.put(key, value),
        Entry::Vtep(key, value) => maps.vteps.put(key, value),
        Entry::VxlanPort(key, value) => maps.vxlan_ports.put(key, value),
        Entry::Target(key, value) => maps.targets.put(key, value),
        Entry::Floating(key, value) => maps.floatings.put(key, value),
        Entry::External(key, value) => maps.externals.put(key, value),
        Entry::Pair(key, value) => maps.pairs.put(key, value),
        Entry::Uplink(key, value) => maps.uplinks.put(key, value),
        Entry::Local(key, value) => maps.locals.put(key, value),
        Entry::Subnet(prefix, value) => maps.put_subnet(*prefix, *value),
        Entry::Publish(key, value) => maps.publishes.put(key, value),
        Entry::Vlan(key, value) => maps.vlans.put(key, value),
        Entry::Binding(key, value) => maps.bindings.put(key, value),
        Entry::Neighbour(key, value) => maps.neighbours.put(key, value),
    }
}

/// Deletes an entry; that it is absent is no error.
pub(super) fn delete(maps: &mut Maps, key: &EntryKey) -> Result<(), DataplaneError> {
    match key {
        EntryKey::Port(key) => maps.ports.remove(key).map(drop),
        EntryKey::Network(key) => maps.networks.remove(key).map(drop),
        EntryKey::Vni(key) => maps.vnis.remove(key).map(drop),
        EntryKey::Fdb(key) => maps.remove_station(key).map(drop),
        EntryKey::Flood(key) => maps.flood.remove(key).map(drop),
        EntryKey::Peer(key) => maps.peers.remove(key).map(drop),
        EntryKey::Member(key) => maps.members.remove(key).map(drop),
        EntryKey::Vtep(key) => maps.vteps.remove(key).map(drop),
        EntryKey::VxlanPort(key) => maps.vxlan_ports.remove(key).map(drop),
        EntryKey::Target(key) => maps.targets.remove(key).map(drop),
        EntryKey::Floating(key) => maps.floatings.remove(key).map(drop),
        EntryKey::External(key) => maps.externals.remove(key).map(drop),
        EntryKey::Pair(key) => maps.pairs.remove(key).map(drop),
        EntryKey::Uplink(key) => maps.uplinks.remove(key).map(drop),
        EntryKey::Local(key) => maps.locals.remove(key).map(drop),
        EntryKey::Subnet(prefix) => maps.remove_subnet(*prefix),
        EntryKey::Publish(key) => maps.publishes.remove(key).map(drop),
        EntryKey::Vlan(key) => maps.vlans.remove(key).map(drop),
        EntryKey::Binding(key) => maps.bindings.remove(key).map(drop),
        EntryKey::Neighbour(key) => maps.neighbours.remove(key).map(drop),
    }
}

/// The entry as it is, if it is there.
pub(super) fn get(maps: &Maps, key: &EntryKey) -> Result<Option<Entry>, DataplaneError> {
    Ok(match key {
        EntryKey::Port(key) => maps.ports.get(key)?.map(|v| Entry::Port(*key, v)),
        EntryKey::Network(key) => maps.networks.get(key)?.map(|v| Entry::Network(*key, v)),
        EntryKey::Vni(key) => maps.vnis.get(key)?.map(|v| Entry::Vni(*key, v)),
        EntryKey::Fdb(key) => maps.fdb.get(key)?.map(|v| Entry::Fdb(*key, v)),
        EntryKey::Flood(key) => maps.flood.get(key)?.map(|v| Entry::Flood(*key, v)),
        EntryKey::Peer(key) => maps.peers.get(key)?.map(|v| Entry::Peer(*key, v)),
        EntryKey::Member(key) => maps.members.get(key)?.map(|v| Entry::Member(*key, v)),
        EntryKey::Vtep(key) => maps.vteps.get(key)?.map(|v| Entry::Vtep(*key, v)),
        EntryKey::Target(key) => maps.targets.get(key)?.map(|v| Entry::Target(*key, v)),
        EntryKey::Floating(key) => maps.floatings.get(key)?.map(|v| Entry::Floating(*key, v)),
        EntryKey::External(key) => maps.externals.get(key)?.map(|v| Entry::External(*key, v)),
        EntryKey::Pair(key) => maps.pairs.get(key)?.map(|v| Entry::Pair(*key, v)),
        EntryKey::VxlanPort(key) => maps
            .vxlan_ports
            .get(key)?
            .map(|v| Entry::VxlanPort(*key, v)),
        EntryKey::Uplink(key) => maps.uplinks.get(key)?.map(|v| Entry::Uplink(*key, v)),
        EntryKey::Local(key) => maps.locals.get(key)?.map(|v| Entry::Local(*key, v)),
        EntryKey::Subnet(key) => maps.subnet(*key)?.map(|v| Entry::Subnet(*key, v)),
        EntryKey::Publish(key) => maps.publishes.get(key)?.map(|v| Entry::Publish(*key, v)),
        EntryKey::Vlan(key) => maps.vlans.get(key)?.map(|v| Entry::Vlan(*key, v)),
        EntryKey::Binding(key) => maps.bindings.get(key)?.map(|v| Entry::Binding(*key, v)),
        EntryKey::Neighbour(key) => maps.neighbours.get(key)?.map(|v| Entry::Neighbour(*key, v)),
    })
}

/// The key of an entry; the configuration has none and cannot be deleted.
pub(super) fn key_of(entry: &Entry) -> Option<EntryKey> {
    Some(match entry {
        Entry::Config(_) => return None,
        Entry::Port(key, _) => EntryKey::Port(*key),
        Entry::Network(key, _) => EntryKey::Network(*key),
        Entry::Vni(key, _) => EntryKey::Vni(*key),
        Entry::Fdb(key, _) => EntryKey::Fdb(*key),
        Entry::Flood(key, _) => EntryKey::Flood(*key),
        Entry::Peer(key, _) => EntryKey::Peer(*key),
        Entry::Member(key, _) => EntryKey::Member(*key),
        Entry::Vtep(key, _) => EntryKey::Vtep(*key),
        Entry::VxlanPort(key, _) => EntryKey::VxlanPort(*key),
        Entry::Target(key, _) => EntryKey::Target(*key),
        Entry::Floating(key, _) => EntryKey::Floating(*key),
        Entry::External(key, _) => EntryKey::External(*key),
        Entry::Pair(key, _) => EntryKey::Pair(*key),
        Entry::Uplink(key, _) => EntryKey::Uplink(*key),
        Entry::Local(key, _) => EntryKey::Local(*key),
        Entry::Subnet(prefix, _) => EntryKey::Subnet(*prefix),
        Entry::Publish(key, _) => EntryKey::Publish(*key),
        Entry::Vlan(key, _) => EntryKey::Vlan(*key),
        Entry::Binding(key, _) => EntryKey::Binding(*key),
        Entry::Neighbour(key, _) => EntryKey::Neighbour(*key),
    })
}
