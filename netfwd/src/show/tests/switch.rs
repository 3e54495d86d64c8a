//! Ports of a trunk, and neighbours.

use netfwd_common::maps::{self, NeighbourFlags, NeighbourKey, PortState, Vlan, VlanKey};
use serde_json::json;

use super::*;

/// A trunk with a native VLAN that a BPDU shut, and a station behind it with an address.
fn trunk(maps: &mut Maps, network: u32, slot: u32) {
    let vlan = |vid, tag| {
        let key = VlanKey {
            ifindex: 7,
            vid,
            pad: 0,
        };
        let value = Vlan {
            network,
            slot,
            vlan: vid,
            tag,
        };
        (key, value)
    };
    for (key, value) in [vlan(10, 0), vlan(20, 20), vlan(30, 30)] {
        maps.vlans.put(&key, &value).expect("written");
    }
    let port = Port {
        network,
        slot,
        flags: PortFlags::EDGE.with(PortFlags::STORM),
        state: PortState::ShutByBpdu as u8,
        vlan: 10,
        storm_rate: 50,
        ..Port::default()
    };
    maps.ports.put(&7, &port).expect("written");
    let station = FdbKey {
        network,
        vlan: 20,
        mac: [2, 0, 0, 0, 0, 3],
    };
    let entry = FdbEntry {
        last_seen_ns: now_ns(),
        ifindex: 7,
        slot,
        tag: 20,
        ..FdbEntry::default()
    };
    maps.put_station(&station, &entry).expect("written");
    neighbour(maps, network, 20, [2, 0, 0, 0, 0, 3]);
    neighbour(maps, network, 0, [2, 0, 0, 0, 0, 4]);
}

/// A learned neighbour in a VLAN, a static one without.
fn neighbour(maps: &mut Maps, network: u32, vlan: u16, mac: [u8; 6]) {
    let key = NeighbourKey {
        network,
        vlan,
        pad: 0,
        ip: from_v4([10, 0, 3, mac[5]]),
    };
    let fixed = vlan == 0;
    let value = maps::Neighbour {
        last_seen_ns: now_ns(),
        mac,
        flags: NeighbourFlags::default().with_if(NeighbourFlags::STATIC, fixed),
    };
    maps.neighbours.put(&key, &value).expect("written");
}

#[test]
fn ports_show_their_vlans_state_and_stations() {
    in_new_netns(|_| async {
        let instance = leave_behind("trunk");
        let name = instance.name.as_str();
        let ids = Store::of(name).ids().expect("ids");
        let mut maps = Maps::open(name).expect("maps");
        trunk(&mut maps, ids.networks["blue"], ids.port_slots["veth1"]);
        let port = ports(name).expect("rows").remove(0);
        assert_eq!((port.vlan, port.trunk), (Some(10), vec![20, 30]));
        assert_eq!((port.state, port.kind), ("shut-by-bpdu", None));
        assert!(port.edge && !port.isolated && !port.anti_spoof);
        assert_eq!((port.storm_control, port.max_learned), (Some(50), None));
        assert_eq!(port.learned, 1);
        let network = networks(name).expect("rows").remove(0);
        assert_eq!(network.ports, ["veth1"]);
        let learned = |row: &&StatsRow| row.scope == "port" && row.counter == "learned";
        let stats = stats(name, None).expect("rows");
        assert_eq!(stats.iter().find(learned).map(|row| row.value), Some(1));
        let rows = serde_json::to_value(neighbours(name).expect("rows")).expect("JSON");
        assert_eq!(
            rows,
            json!([
                {"network": "blue", "ip": "10.0.3.4", "mac": "02:00:00:00:00:04", "vlan": null,
                    "port": null, "peer": null, "flags": ["static"], "age_seconds": null},
                {"network": "blue", "ip": "10.0.3.3", "mac": "02:00:00:00:00:03", "vlan": 20,
                    "port": "veth1", "peer": null, "flags": [], "age_seconds": 0},
            ])
        );
    });
}
