//! Peers that programs learned, beside those that are configured.

use netfwd_common::addr::Addr;
use netfwd_common::maps::{Member, MemberKey, Peer, PeerFlags};

use super::underlay::{BOTH, addr, dual_world, overlay};
use super::world::World;
use super::{desired, parse, plan};
use crate::plan::{Action, Entry, EntryKey};

/// A host that a program has learned a peer on, in network `a`.
fn with_learned(text: &str) -> (World, Addr, MemberKey) {
    let mut world = dual_world(text);
    let maps = &mut world.sim.observed.maps;
    let (&network, of) = maps.networks.iter().next().unwrap();
    let peer = addr("192.0.2.99");
    let key = MemberKey { network, peer };
    let member = Member {
        slot: of.slot,
        ..Member::default()
    };
    let entry = Peer {
        slot: of.slot,
        flags: PeerFlags::LEARNED,
        ..Peer::default()
    };
    maps.members.insert(key, member);
    maps.peers.insert(peer, entry);
    (world, peer, key)
}

#[test]
fn learned_peers_are_left_to_the_sweep() {
    let text = overlay(BOTH, "unknown_sources = \"accept\"");
    let (mut world, peer, key) = with_learned(&text);
    let actions = plan(&world.wanted, &world.sim.observed);
    assert_eq!(actions, []);
    let maps = &world.wanted.maps;
    assert!(maps.peers.is_empty() && maps.members.is_empty());
    // The membership goes with its network.
    let wanted = desired(&parse(""), &mut world.ids, &world.sim);
    let actions = plan(&wanted, &world.sim.observed);
    assert!(actions.contains(&Action::Delete(EntryKey::Member(key))));
    assert!(!actions.contains(&Action::Delete(EntryKey::Peer(peer))));
}

#[test]
fn a_learned_peer_that_is_configured_is_learned_no_more() {
    let text = overlay(BOTH, "unknown_sources = \"accept\"");
    let (mut world, peer, key) = with_learned(&text);
    let actions = world.become_that(&overlay(BOTH, "peers = [\"192.0.2.99\"]"));
    let put = actions.iter().any(|action| {
        matches!(action, Action::Put(Entry::Peer(at, value)) if *at == peer && value.flags == PeerFlags::default())
    });
    assert!(put, "{actions:?}");
    // Its stations counted for the network, and are learned again.
    let flushed = actions.iter().any(|action| {
        matches!(action, Action::FlushFdb(f) if f.peer == Some(peer) && f.network == Some(key.network))
    });
    assert!(flushed, "{actions:?}");
}
