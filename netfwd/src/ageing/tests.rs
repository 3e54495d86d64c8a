//! Live tests: tables that age, and what that costs.

use std::time::Duration;

use netfwd_common::addr::{Addr, UNSPECIFIED};
use netfwd_common::limits::FDB_ENTRIES;
use netfwd_common::maps::{FdbFlags, Group, GroupKey, Neighbour, NeighbourFlags, NeighbourKey};
use netfwd_common::maps::{Member, MemberKey, Network, Peer, PeerFlags, Port};

use super::*;
use crate::dataplane::{LoadOptions, maps::now_ns};
use crate::sandbox::in_new_netns;

const SECOND: u64 = 1_000_000_000;
const AGEING: u64 = 300 * SECOND;

/// A network whose slot is 1, with a port on interface 7 whose slot is 2.
fn open() -> Dataplane {
    let mut dataplane = Dataplane::open("test", &LoadOptions::default()).expect("the object loads");
    let network = Network {
        ageing_ns: AGEING,
        slot: 1,
        ..Network::default()
    };
    let port = Port {
        network: 1,
        slot: 2,
        ..Port::default()
    };
    let maps = dataplane.maps_mut();
    maps.networks.put(&1, &network).expect("a network");
    maps.ports.put(&7, &port).expect("a port");
    dataplane
}

fn key(number: u32) -> FdbKey {
    let [a, b, c, d] = number.to_be_bytes();
    FdbKey {
        network: 1,
        vlan: 0,
        mac: [2, 0, a, b, c, d],
    }
}

fn entry(last_seen_ns: u64) -> FdbEntry {
    FdbEntry {
        last_seen_ns,
        ifindex: 7,
        slot: 2,
        ..FdbEntry::default()
    }
}

fn tick(ageing: &mut Ageing, dataplane: &mut Dataplane) -> Vec<FdbKey> {
    let aged = ageing.tick(dataplane).expect("a tick");
    aged.into_iter().map(|(key, _)| key).collect()
}

#[test]
fn only_what_is_old_or_orphaned_goes() {
    in_new_netns(|_| async {
        let mut dataplane = open();
        let now = now_ns();
        let old = now.saturating_sub(AGEING + SECOND);
        let fixed = FdbEntry {
            flags: FdbFlags::STATIC,
            ..entry(old)
        };
        let orphan = FdbEntry {
            ifindex: 8,
            ..entry(now)
        };
        let maps = dataplane.maps_mut();
        for (number, entry) in [(1, entry(old)), (2, entry(now)), (3, fixed), (4, orphan)] {
            maps.put_station(&key(number), &entry).expect("written");
        }
        assert_eq!(maps.stations(1).expect("counted"), 3);
        let mut ageing = Ageing::default();
        let mut aged = tick(&mut ageing, &mut dataplane);
        aged.sort();
        assert_eq!(aged, [key(1), key(4)]);
        let maps = dataplane.maps();
        let left: Vec<FdbKey> = maps.fdb.entries().expect("read").into_keys().collect();
        assert_eq!(left, [key(2), key(3)]);
        assert_eq!(maps.stations(1).expect("counted"), 1);
        assert_eq!(maps.stations(2).expect("counted"), 1);
    });
}

#[test]
fn a_wrong_count_is_corrected_by_the_second_walk() {
    in_new_netns(|_| async {
        let mut dataplane = open();
        let maps = dataplane.maps_mut();
        let fresh = entry(now_ns());
        for number in 0..5 {
            maps.fdb.put(&key(number), &fresh).expect("written");
        }
        let mut ageing = Ageing::default();
        for expected in [0, 5, 5] {
            tick(&mut ageing, &mut dataplane);
            let stations = dataplane.maps().stations(2).expect("counted");
            assert_eq!(stations, expected);
        }
        assert_eq!(dataplane.maps().stations(1).expect("counted"), 5);
    });
}

#[test]
fn learned_peers_go_and_configured_ones_stay() {
    in_new_netns(|_| async {
        let mut dataplane = open();
        let now = now_ns();
        let old = now.saturating_sub(AGEING + SECOND);
        let (learned, configured) = (PeerFlags::LEARNED, PeerFlags::default());
        let [a, b, c, d] = [1, 2, 3, 4].map(|octet| Addr::new([octet; 16]));
        // The slot of the network is 1, that of the configured peer 3.
        let given = [
            (a, learned, 1, old),
            (b, learned, 1, now),
            (c, configured, 3, 0),
            (d, configured, 1, old),
        ];
        let maps = dataplane.maps_mut();
        for (peer, flags, slot, last_seen_ns) in given {
            let entry = Peer {
                flags,
                slot,
                ..Peer::default()
            };
            let member = Member {
                last_seen_ns,
                slot,
                pad: 0,
            };
            maps.peers.put(&peer, &entry).expect("written");
            let key = MemberKey { network: 1, peer };
            maps.members.put(&key, &member).expect("written");
        }
        Ageing::default().tick(&mut dataplane).expect("a tick");
        let maps = dataplane.maps();
        let peers: Vec<_> = maps.peers.entries().expect("read").into_keys().collect();
        assert_eq!(peers, [b, c, d]);
        let members = maps.members.entries().expect("read").into_keys();
        let members: Vec<_> = members.map(|key| key.peer).collect();
        assert_eq!(members, [b, c]);
    });
}

#[test]
fn neighbours_and_groups_go_when_they_are_over() {
    in_new_netns(|_| async {
        let mut dataplane = open();
        let now = now_ns();
        let maps = dataplane.maps_mut();
        let ip = |last| NeighbourKey {
            network: 1,
            vlan: 0,
            pad: 0,
            ip: Addr::new([last; 16]),
        };
        let neighbour = |last_seen_ns, flags| Neighbour {
            last_seen_ns,
            mac: [2; 6],
            flags,
        };
        let known = [
            neighbour(now, NeighbourFlags::default()),
            neighbour(0, NeighbourFlags::STATIC),
            neighbour(0, NeighbourFlags::default()),
        ];
        for (last, neighbour) in (1..).zip(known) {
            maps.neighbours.put(&ip(last), &neighbour).expect("written");
        }
        let group = |slot| GroupKey {
            network: 1,
            slot,
            group: UNSPECIFIED,
            vlan: 0,
            pad: 0,
        };
        let soon = now + SECOND;
        for (slot, expires_ns) in [(1, now.saturating_sub(1)), (2, soon), (9, soon)] {
            let member = Group {
                expires_ns,
                since_ns: 0,
            };
            maps.groups.put(&group(slot), &member).expect("written");
        }
        tick(&mut Ageing::default(), &mut dataplane);
        let left = dataplane.maps().neighbours.entries().expect("read");
        let expected = (now < AGEING).then_some(ip(3));
        assert!(left.keys().eq([ip(1), ip(2)].iter().chain(&expected)));
        let left = dataplane.maps().groups.entries().expect("read");
        assert!(left.keys().eq([&group(2)]));
    });
}

/// What this thread has had of a CPU.
pub(super) fn cpu_time() -> Duration {
    let clock = nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID;
    let time = nix::time::clock_gettime(clock).expect("every kernel has that clock");
    time.into()
}

/// A full FDB, and the CPU time that ticks take. What they take of a core is bounded whatever the table
/// holds, as a tick reads no more than a slice; here it is asserted only that a walk ends.
#[test]
fn a_sweep_costs_little() {
    in_new_netns(|_| async {
        let mut dataplane = open();
        let now = now_ns();
        for number in 0..FDB_ENTRIES as u32 {
            // Heard at any time within the ageing time, as busy and quiet stations are.
            let ago = u64::from(number) * (AGEING / FDB_ENTRIES as u64);
            let entry = entry(now.saturating_sub(ago) + SECOND);
            let new = dataplane.maps_mut().fdb.put_new(&key(number), &entry);
            assert!(new.expect("written"));
        }
        let mut ageing = Ageing::default();
        let mut ticks: Vec<(Duration, usize)> = Vec::new();
        while ticks.is_empty() || !ageing.stations.is_idle() {
            let start = cpu_time();
            let aged = ageing.tick(&mut dataplane).expect("a tick");
            ticks.push((cpu_time().saturating_sub(start), aged.len()));
        }
        let whole: Duration = ticks.iter().map(|(time, _)| *time).sum();
        let longest = ticks.iter().map(|(time, _)| *time).max();
        println!("{ticks:?}");
        println!(
            "a walk over {FDB_ENTRIES} entries: {whole:?} in {} ticks",
            ticks.len()
        );
        println!("longest tick: {longest:?}");
    });
}
