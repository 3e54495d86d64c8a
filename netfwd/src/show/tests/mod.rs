//! Live tests: rows from maps that a dead loader left.

mod switch;

use netfwd_common::addr::{UNSPECIFIED, from_v4};
use netfwd_common::maps::{
    Deliver, FdbEntry, FdbFlags, FdbKey, Member, MemberKey, Network, NetworkFlags, NextHop, Peer,
    Port, PortFlags, Session, SessionFlags, SessionKey,
};
use netfwd_common::tcp;
use serde_json::json;

use super::*;
use crate::{
    dataplane::{Dataplane, LoadOptions},
    ids::{Ids, Scope},
    plan::SessionFilter,
    sandbox::in_new_netns,
};

/// An instance whose state file goes with the value.
struct Instance {
    name: String,
}

impl Drop for Instance {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(Store::of(&self.name).dir());
    }
}

fn leave_behind(name: &str) -> Instance {
    let instance = Instance {
        name: format!("{name}-{}", std::process::id()),
    };
    let mut ids = Ids::default();
    let network = ids.network("blue");
    let port_slot = ids.slot(Scope::Port, "veth1").expect("a slot");
    let peer_slot = ids.slot(Scope::Peer, "192.0.2.2").expect("a slot");
    Store::of(&instance.name).save_ids(&ids).expect("kept");
    let mut dataplane = Dataplane::open(&instance.name, &LoadOptions::default()).expect("it loads");
    let maps = dataplane.maps_mut();
    blue(maps, network);
    port(maps, network, port_slot);
    peer(maps, network, peer_slot);
    stations(maps, network, (port_slot, peer_slot));
    session(maps, network);
    instance
}

fn blue(maps: &mut Maps, network: u32) {
    let entry = Network {
        ageing_ns: 1,
        vni: 200,
        slot: 0,
        flags: NetworkFlags::OVERLAY.with(NetworkFlags::GATEWAY),
        gateway_ifindex: 9,
        mtu: 1450,
        flood_len: 0,
        gateway_v4: [10, 0, 3, 1],
        gateway_mac: [2; 6],
        ..Network::default()
    };
    maps.networks.put(&network, &entry).expect("written");
    let subnet = netfwd_common::maps::Subnet {
        source: UNSPECIFIED,
        sources: 0,
        network,
        masquerade: 1,
        pad: 0,
    };
    let net = "10.0.3.0/24".parse().expect("a net");
    maps.put_subnet(crate::address::to_prefix(&net), subnet)
        .expect("written");
}

fn port(maps: &mut Maps, network: u32, slot: u32) {
    let port = Port {
        network,
        slot,
        flags: PortFlags::ISOLATED,
        deliver: Deliver::Peer as u8,
        ..Port::default()
    };
    maps.ports.put(&7, &port).expect("written");
}

fn peer(maps: &mut Maps, network: u32, slot: u32) {
    let peer = from_v4([192, 0, 2, 2]);
    maps.peers
        .put(
            &peer,
            &Peer {
                slot,
                port: 8472,
                source: from_v4([192, 0, 2, 1]),
                next_hop: NextHop {
                    mtu: 1500,
                    ..NextHop::default()
                },
                ..Peer::default()
            },
        )
        .expect("written");
    let member = Member {
        last_seen_ns: now_ns(),
        slot,
        pad: 0,
    };
    maps.members
        .put(&MemberKey { network, peer }, &member)
        .expect("written");
}

fn stations(maps: &mut Maps, network: u32, slots: (u32, u32)) {
    let local = FdbEntry {
        last_seen_ns: now_ns(),
        ifindex: 7,
        slot: slots.0,
        ..FdbEntry::default()
    };
    let remote = FdbEntry {
        peer: from_v4([192, 0, 2, 2]),
        ifindex: 0,
        slot: slots.1,
        flags: FdbFlags::STATIC,
        ..local
    };
    let key = |last| FdbKey {
        network,
        vlan: 0,
        mac: [2, 0, 0, 0, 0, last],
    };
    maps.fdb.put(&key(1), &local).expect("written");
    maps.fdb.put(&key(2), &remote).expect("written");
}

/// 10.0.3.20:4000 → 198.51.100.1:80, masqueraded to 203.0.113.1:40000.
fn session(maps: &mut Maps, network: u32) {
    let (inside, server) = (from_v4([10, 0, 3, 20]), from_v4([198, 51, 100, 1]));
    let key = SessionKey {
        src: inside,
        dst: server,
        network,
        src_port: 4000,
        dst_port: 80,
        proto: 6,
        pad: [0; 3],
    };
    let there = Session {
        created_ns: now_ns(),
        last_seen_ns: now_ns(),
        packets: 3,
        bytes: 300,
        next_hop: NextHop::default(),
        src: from_v4([203, 0, 113, 1]),
        dst: server,
        network,
        src_port: 40000,
        dst_port: 80,
        deliver: 0,
        epoch: 0,
        enter: 0,
        slot: 0,
        station: [0; 6],
        port: 0,
        pad2: 0,
        tcp_flags: tcp::SYN | tcp::ACK,
        kind: 0,
        flags: SessionFlags::ORIGINAL.with(SessionFlags::FROM_INSIDE),
        xdp: 0,
    };
    let back = Session {
        src: server,
        dst: inside,
        enter: network,
        src_port: 80,
        dst_port: 4000,
        packets: 2,
        bytes: 200,
        flags: SessionFlags::default(),
        ..there
    };
    let opposite = key.opposite(&there);
    assert_eq!(opposite.opposite(&back), key);
    maps.sessions.put(&key, &there).expect("written");
    maps.sessions.put(&opposite, &back).expect("written");
}

#[test]
fn rows_name_what_a_dead_loader_left() {
    in_new_netns(|_| async {
        let instance = leave_behind("show");
        let name = instance.name.as_str();
        let networks = serde_json::to_value(networks(name).expect("rows")).expect("JSON");
        assert_eq!(
            networks,
            json!([{"name": "blue", "vni": 200, "subnets": ["10.0.3.0/24"], "gateway": "10.0.3.1",
                "mtu": 1450, "ports": ["veth1"], "peers": ["192.0.2.2"], "group": null, "unknown_sources": "drop", "vlan": null,
                "ageing_seconds": 0, "learning": false, "unknown_unicast": false,
                "arp_suppression": false, "multicast_snooping": false, "max_learned_total": null,
                "learned": 0}])
        );
        let ports = ports(name).expect("rows");
        assert_eq!(
            (ports[0].interface.as_str(), ports[0].isolated),
            ("veth1", true)
        );
        assert_eq!((ports[0].mode, &ports[0].mac), (None, &None));
        let peers = serde_json::to_value(peers(name).expect("rows")).expect("JSON");
        assert_eq!(
            peers,
            json!([{"address": "192.0.2.2", "l4_port": 8472, "networks": ["blue"], "kind": "peer",
                "state": "up", "source": "192.0.2.1", "mtu": 1450, "rx_packets": 0, "rx_bytes": 0,
                "tx_packets": 0, "tx_bytes": 0, "last_seen_seconds": 0}])
        );
        let fdb = serde_json::to_value(fdb(name).expect("rows")).expect("JSON");
        assert_eq!(
            fdb,
            json!([
                {"network": "blue", "mac": "02:00:00:00:00:01", "vlan": null, "port": "veth1",
                    "peer": null, "flags": [], "age_seconds": 0},
                {"network": "blue", "mac": "02:00:00:00:00:02", "vlan": null, "port": null,
                    "peer": "192.0.2.2", "flags": ["static"], "age_seconds": null},
            ])
        );
        assert_eq!(stats(name, None).expect("rows").len(), 10);
        assert!(publishes(name).expect("rows").is_empty());
        assert!(status(name).expect("rows").is_empty());
    });
}

#[test]
fn a_session_is_one_row_with_both_tuples() {
    in_new_netns(|_| async {
        let instance = leave_behind("session");
        let all = SessionFilter::default();
        let rows = sessions(&instance.name, &all).expect("rows");
        let rows = serde_json::to_value(rows).expect("JSON");
        assert_eq!(
            rows,
            json!([{"proto": "tcp", "kind": "masquerade", "network": "blue",
                "inside_src": "10.0.3.20:4000", "inside_dst": "198.51.100.1:80", "outside_src": "203.0.113.1:40000",
                "outside_dst": "198.51.100.1:80", "state": "established", "age_seconds": 0,
                "idle_seconds": 0, "packets": 5, "bytes": 500}])
        );
        let other = SessionFilter {
            proto: Some(17),
            ..all
        };
        assert!(sessions(&instance.name, &other).expect("rows").is_empty());
    });
}

#[test]
fn an_instance_that_never_ran_is_an_error() {
    let error = fdb("never-ran").expect_err("no maps").to_string();
    assert!(error.contains("netfwd -N never-ran run"), "{error}");
}
