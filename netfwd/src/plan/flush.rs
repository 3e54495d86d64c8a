//! What is forgotten: what was learned behind ports and peers that are gone or changed, and the
//! sessions that use what is no more.

use std::collections::BTreeSet;

use netfwd_common::maps::{MemberKey, Network, NetworkFlags, Port, PortFlags, PortState, VlanKey};

use super::{Action, FdbFilter, Gone, NeighbourFilter, unwanted};
use crate::desired::{Desired, fdb_flags};
use crate::observed::{MapState, Observed};

/// Flags of a port that say which VLANs its frames are of.
const VLAN_FLAGS: PortFlags = PortFlags::VLAN
    .with(PortFlags::UNTAGGED)
    .with(PortFlags::TAG_NATIVE);

pub(super) fn flush(desired: &Desired, observed: &Observed) -> Vec<Action> {
    let (wanted, known) = (&desired.maps, &observed.maps);
    let networks = known.networks.iter();
    let other = networks.filter(|(id, old)| !same_vlans(old, wanted.networks.get(id)));
    let other: BTreeSet<u32> = other.map(|(id, _)| *id).collect();
    let mut actions: Vec<Action> = other.iter().flat_map(|id| network(*id)).collect();
    for (ifindex, old) in &known.ports {
        let covered = networks_of(known, *ifindex, old).is_subset(&other);
        if !covered && !same_stations(wanted, known, *ifindex, old) {
            actions.push(port(*ifindex));
        }
    }
    for (key, member) in &known.members {
        let new = wanted.members.get(key);
        let stays = new.is_none() && unwanted::is_learned(known, key, member);
        let same = stays || new.is_some_and(|new| new.slot == member.slot);
        if !same && !other.contains(&key.network) {
            actions.push(peer(*key));
        }
    }
    let ended = Gone::between(wanted, known);
    if !ended.is_empty() {
        actions.push(Action::EndSessions(Box::new(ended)));
    }
    actions
}

/// Whether the FDB and the neighbours of a network are still of the same VLANs.
fn same_vlans(old: &Network, new: Option<&Network>) -> bool {
    let vlans = |network: &Network| (network.vlan, network.flags.has(NetworkFlags::VLAN));
    new.is_some_and(|new| vlans(new) == vlans(old))
}

/// The networks that frames from a port belong to.
fn networks_of(maps: &MapState, ifindex: u32, port: &Port) -> BTreeSet<u32> {
    let vlans = maps.vlans.range(vlans_of(ifindex));
    let vlans = vlans.map(|(_, vlan)| vlan.network);
    vlans.chain([port.network]).collect()
}

fn vlans_of(ifindex: u32) -> std::ops::RangeInclusive<VlanKey> {
    let key = |vid| VlanKey {
        ifindex,
        vid,
        pad: 0,
    };
    key(0)..=key(u16::MAX)
}

/// Whether what was learned behind a port still holds: FDB entries repeat this of their port, and a
/// port that was shut since it was flooded to has nobody behind it.
fn same_stations(wanted: &MapState, known: &MapState, ifindex: u32, old: &Port) -> bool {
    let Some(new) = wanted.ports.get(&ifindex) else {
        return false;
    };
    let kept = |port: &Port| {
        let flags = (fdb_flags(port.flags), port.flags.bits & VLAN_FLAGS.bits);
        (port.network, port.slot, port.deliver, port.vlan, flags)
    };
    let mut vlans = known.vlans.range(vlans_of(ifindex));
    let carried = vlans.all(|(key, vlan)| wanted.vlans.get(key) == Some(vlan));
    let flooded = |maps: &MapState| {
        let mut targets = maps.flood.values();
        targets.any(|target| target.ingress_ifindex == ifindex)
    };
    let shut = old.state != PortState::Forwarding as u8 && flooded(known) && !flooded(wanted);
    kept(old) == kept(new) && carried && !shut
}

fn network(network: u32) -> [Action; 2] {
    let fdb = FdbFilter {
        network: Some(network),
        ..FdbFilter::default()
    };
    let neighbours = NeighbourFilter {
        network: Some(network),
        ..NeighbourFilter::default()
    };
    [Action::FlushFdb(fdb), Action::FlushNeighbours(neighbours)]
}

fn port(ifindex: u32) -> Action {
    Action::FlushFdb(FdbFilter {
        ifindex: Some(ifindex),
        ..FdbFilter::default()
    })
}

fn peer(key: MemberKey) -> Action {
    Action::FlushFdb(FdbFilter {
        network: Some(key.network),
        peer: Some(key.peer),
        ..FdbFilter::default()
    })
}
