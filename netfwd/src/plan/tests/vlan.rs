//! VLANs: access ports, trunks, and networks that share one.

use netfwd_common::maps::{FloodTarget, NetworkFlags, PortFlags, Vlan, VlanKey};

use super::world::{World, flushes, network, world};
use crate::naming;
use crate::plan::{Action, Entry, EntryKey};

#[test]
fn tags_are_payload_where_nothing_has_a_vlan() {
    let world = world(&network(""));
    assert!(!world.port("p0").flags.has(PortFlags::VLAN));
    assert!(!world.port("p0").flags.has(PortFlags::UNTAGGED));
    assert_eq!(world.targets("p0"), [(0, 0)]);
    assert!(world.vlans("p0").is_empty());
    let network = world.wanted.maps.networks[&1];
    assert!(!network.flags.has(NetworkFlags::VLAN));
}

#[test]
fn an_access_port_takes_its_vlan_without_a_tag() {
    let other = "[[network.port]]\ninterface = \"p1\"\n";
    let world = world(&(network("vlan = 10") + other));
    let (access, plain) = (world.port("p0"), world.port("p1"));
    assert!(access.flags.has(PortFlags::VLAN.with(PortFlags::UNTAGGED)));
    assert_eq!((access.vlan, plain.vlan), (10, 0));
    assert_eq!(world.targets("p0"), [(10, 0)]);
    assert_eq!(world.vlans("p0"), [(10, (1, 10, 0))]);
    assert!(plain.flags.has(PortFlags::VLAN.with(PortFlags::UNTAGGED)));
    assert_eq!(world.targets("p1"), [(0, 0)]);
}

#[test]
fn a_trunk_takes_tags_and_its_native_vlan_as_it_says() {
    let plain = world(&network("trunk = [10, 20]"));
    assert!(!plain.port("p0").flags.has(PortFlags::UNTAGGED));
    assert_eq!(plain.targets("p0"), [(10, 10), (20, 20)]);
    let native = world(&network("trunk = [10, 20]\nvlan = 10"));
    assert!(native.port("p0").flags.has(PortFlags::UNTAGGED));
    assert_eq!(native.targets("p0"), [(10, 0), (20, 20)]);
    assert_eq!(native.vlans("p0")[0], (10, (1, 10, 0)));
    let tagged = world(&network("trunk = [10, 20]\nvlan = 10\ntag_native = true"));
    assert!(tagged.port("p0").flags.has(PortFlags::TAG_NATIVE));
    assert_eq!(tagged.targets("p0"), [(10, 10), (20, 20)]);
}

#[test]
fn what_goes_to_peers_and_the_gateway_is_of_the_networks_own_vlan() {
    let text = "[host]\nuplinks = [\"up0\"]\n[[network]]\nname = \"a\"\nvni = 9\nvlan = 5\npeers = [\"192.0.2.7\"]\n[network.gateway]\naddresses = [\"10.0.0.1/24\"]\n[[network.fdb]]\nmac = \"02:00:00:00:00:01\"\npeer = \"192.0.2.7\"\nvlan = 6\n[[network.fdb]]\nmac = \"02:00:00:00:00:01\"\npeer = \"192.0.2.7\"\n";
    let world = world(text);
    let maps = &world.wanted.maps;
    let peer = |target: &&FloodTarget| target.ifindex == 0;
    let peer = maps.flood.values().find(peer).unwrap();
    assert!(peer.flags.has(PortFlags::VLAN));
    assert_eq!((peer.vlan, peer.tag), (0, 0));
    assert_eq!(world.targets("a"), [(5, 0)]);
    let end = naming::gateway_end("a");
    assert_eq!(world.port(&end).vlan, 5);
    assert!(world.port(&end).flags.has(PortFlags::UNTAGGED));
    let entries = maps.fdb.iter().map(|(key, entry)| (key.vlan, entry.tag));
    let entries: Vec<_> = entries.collect();
    assert_eq!(entries, [(5, 0), (5, 0), (6, 6)]);
    assert_eq!(maps.networks[&1].vlan, 5);
}

#[test]
fn networks_share_a_trunk() {
    let port = "[[network.port]]\ninterface = \"p0\"\n";
    let text = format!(
        "[[network]]\nname = \"a\"\n{port}trunk = [10]\n[[network]]\nname = \"b\"\n{port}\n[[network]]\nname = \"c\"\n{port}trunk = [20]\n"
    );
    let mut world = world(&text);
    // b takes its untagged frames.
    assert_eq!(world.port("p0").network, 2);
    assert!(
        world
            .port("p0")
            .flags
            .has(PortFlags::VLAN.with(PortFlags::UNTAGGED))
    );
    assert_eq!(world.vlans("p0"), [(10, (1, 10, 10)), (20, (3, 20, 20))]);
    assert_eq!(world.targets("p0"), [(10, 10), (0, 0), (20, 20)]);
    let slots = ["p0 a", "p0 b", "p0 c"].map(|name| world.ids.port_slots[name]);
    assert_eq!(world.ids.port_slots.len(), 3);
    assert_eq!(world.port("p0").slot, slots[1]);
    let ifindex = world.ifindex("p0");
    assert_eq!(vlan_slots(&world, ifindex), [slots[0], slots[2]]);
    let targets = world.wanted.maps.flood.values().map(|target| target.slot);
    assert_eq!(targets.collect::<Vec<_>>(), slots);
    let less = text.replace("trunk = [20]", "trunk = [21]");
    let actions = world.become_that(&less);
    assert!(actions.contains(&Action::Delete(EntryKey::Vlan(VlanKey {
        ifindex,
        vid: 20,
        pad: 0
    }))));
    assert!(flushes(&actions, ifindex));
    // Whoever stays keeps its counters, whichever network is the port's own.
    let without = less.split("[[network]]\nname = \"b\"").next().unwrap();
    world.become_that(without);
    assert_eq!(world.ids.port_slots.len(), 1);
    assert_eq!(world.port("p0").slot, slots[0]);
    assert_eq!(vlan_slots(&world, ifindex), slots[..1]);
}

/// What the tags on a port's wire count in.
fn vlan_slots(world: &World, ifindex: u32) -> Vec<u32> {
    let vlans = world.wanted.maps.vlans.iter();
    let vlans = vlans.filter(|(key, _)| key.ifindex == ifindex);
    vlans.map(|(_, vlan)| vlan.slot).collect()
}

#[test]
fn a_static_station_behind_a_trunk_counts_for_its_network() {
    let port = "[[network.port]]\ninterface = \"p0\"\n";
    let fdb = "[[network.fdb]]\nmac = \"02:00:00:00:00:01\"\nport = \"p0\"\nvlan = 20\n";
    let text = format!(
        "[[network]]\nname = \"a\"\n{port}trunk = [10]\n[[network]]\nname = \"b\"\n{port}trunk = [20]\n{fdb}"
    );
    let world = world(&text);
    let mut entries = world.wanted.maps.fdb.values();
    let slot = entries.next().map(|entry| entry.slot);
    assert_eq!(slot, Some(world.ids.port_slots["p0 b"]));
    assert_ne!(slot, Some(world.port("p0").slot));
}

#[test]
fn a_trunk_that_grows_forgets_nothing() {
    let mut world = world(&network("trunk = [10]"));
    let ifindex = world.ifindex("p0");
    let actions = world.become_that(&network("trunk = [10, 20]"));
    let vlan = Vlan {
        network: 1,
        slot: world.port("p0").slot,
        vlan: 20,
        tag: 20,
    };
    let key = VlanKey {
        ifindex,
        vid: 20,
        pad: 0,
    };
    assert!(actions.contains(&Action::Put(Entry::Vlan(key, vlan))));
    assert!(!flushes(&actions, ifindex));
}

#[test]
fn a_network_whose_own_vlan_changes_forgets_its_stations() {
    let mut world = world(&network(""));
    let actions = world.become_that(&network("").replace("\"a\"\n", "\"a\"\nvlan = 7\n"));
    let of_network = |a: &&Action| {
        matches!(a, Action::FlushFdb(f) if f.network == Some(1))
            || matches!(a, Action::FlushNeighbours(f) if f.network == Some(1))
    };
    assert_eq!(actions.iter().filter(of_network).count(), 2);
}
