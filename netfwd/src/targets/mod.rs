//! Which targets of publishes are there. The kernel asks for each by ARP or ND all the time (they are
//! managed neighbours), and the port of a container that ends goes at once. A target that is gone gets no
//! new sessions while another serves the same listener, and those that it had are ended.

mod sessions;
mod state;

#[cfg(test)]
mod tests;

pub use sessions::end;
pub use state::{Answer, Change, Signs};

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use netfwd_common::addr::{Addr, Mac};
use netfwd_common::maps::{FdbKey, Network, Publish, Target, TargetFlags, TargetKey};

use crate::address::from_addr;
use crate::dataplane::{DataplaneError, Maps, maps::now_ns};
use crate::links::Neighbour;
use crate::observed::MapState;
use state::Known;

/// A target: its network's id and its address. Its l4 ports are there or gone together.
pub type Place = (u32, Addr);

/// The gateway of a target's network: the device that neighbours are on, and the VLAN.
type Gateway = (u32, u16);

/// The targets of an instance.
#[derive(Debug, Default)]
pub struct Targets {
    known: BTreeMap<Place, Known>,
    gateways: BTreeMap<u32, Gateway>,
    /// Which entries of the map are whose.
    entries: BTreeMap<TargetKey, Place>,
}

impl Targets {
    /// Takes over which targets are in force. What the map says of those that are new holds until they are
    /// heard of: another process may have found it out.
    pub fn follow(&mut self, wanted: &MapState, maps: &mut Maps) -> Result<(), DataplaneError> {
        self.entries = entries(&wanted.publishes, &wanted.targets);
        let gateway = |network: &Network| (network.gateway_ifindex, network.vlan);
        let networks = wanted.networks.iter();
        self.gateways = networks.map(|(id, n)| (*id, gateway(n))).collect();
        let places: BTreeSet<Place> = self.entries.values().copied().collect();
        self.known.retain(|place, _| places.contains(place));
        for (key, place) in &self.entries {
            if !self.known.contains_key(place) {
                let entry = maps.targets.get(key)?;
                let down = entry.is_some_and(|entry| is_down(&entry));
                self.known.insert(*place, Known::new(down));
            }
        }
        self.mark(maps)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Takes in what the kernel says of its neighbours, and which interfaces carry frames; gives what
    /// changed, which stands in the map by then.
    pub fn hear(
        &mut self,
        neighbours: &[Neighbour],
        carrying: &BTreeSet<u32>,
        maps: &mut Maps,
    ) -> Result<Vec<Change>, DataplaneError> {
        let by_place: BTreeMap<(u32, IpAddr), &Neighbour> = neighbours
            .iter()
            .map(|n| ((n.ifindex, n.address), n))
            .collect();
        let (now, mut changes) = (now_ns(), Vec::new());
        for (place, known) in &mut self.known {
            let Some(&(ifindex, vlan)) = self.gateways.get(&place.0) else {
                continue;
            };
            let neighbour = by_place.get(&(ifindex, from_addr(&place.1)));
            let mac = neighbour.and_then(|neighbour| neighbour.mac);
            let signs = Signs {
                answer: neighbour.map_or(Answer::Unknown, |neighbour| neighbour.answer),
                mac,
                port: mac
                    .map(|mac| port(maps, place.0, vlan, mac))
                    .transpose()?
                    .flatten(),
            };
            changes.extend(known.hear(*place, signs, carrying, now));
        }
        if !changes.is_empty() {
            self.mark(maps)?;
        }
        Ok(changes)
    }

    /// Writes who is down where the map says otherwise.
    fn mark(&self, maps: &mut Maps) -> Result<(), DataplaneError> {
        for (key, place) in &self.entries {
            let down = self.is_down(place);
            let Some(entry) = maps.targets.get(key)? else {
                continue;
            };
            if is_down(&entry) != down {
                let flags = entry.flags.without(TargetFlags::DOWN);
                let flags = flags.with_if(TargetFlags::DOWN, down);
                maps.targets.put(key, &Target { flags, ..entry })?;
            }
        }
        Ok(())
    }

    /// Whether a target is down.
    pub fn is_down(&self, place: &Place) -> bool {
        self.known.get(place).is_some_and(Known::is_down)
    }

    /// The groups that a target is in and that another target serves.
    pub fn served_without(&self, place: &Place) -> BTreeSet<u32> {
        let of = |wanted: bool| {
            let entries = self.entries.iter();
            let chosen = entries.filter(move |(_, other)| {
                if wanted {
                    *other == place
                } else {
                    !self.is_down(other)
                }
            });
            chosen.map(|(key, _)| key.group).collect::<BTreeSet<u32>>()
        };
        &of(true) & &of(false)
    }

    /// The gateway device that a target is a neighbour on.
    pub fn device(&self, place: &Place) -> Option<u32> {
        self.gateways.get(&place.0).map(|(ifindex, _)| *ifindex)
    }
}

/// Whose the entries of the map are: a group is one network's.
fn entries(
    publishes: &BTreeMap<netfwd_common::maps::PublishKey, Publish>,
    targets: &BTreeMap<TargetKey, Target>,
) -> BTreeMap<TargetKey, Place> {
    let groups = publishes
        .values()
        .map(|publish| (publish.group, publish.network));
    let groups: BTreeMap<u32, u32> = groups.collect();
    let place = |(key, target): (&TargetKey, &Target)| {
        Some((*key, (*groups.get(&key.group)?, target.address)))
    };
    targets.iter().filter_map(place).collect()
}

fn is_down(target: &Target) -> bool {
    target.flags.has(TargetFlags::DOWN)
}

/// The port that a station is behind; `None` for one behind a peer, and one that was not heard.
fn port(maps: &Maps, network: u32, vlan: u16, mac: Mac) -> Result<Option<u32>, DataplaneError> {
    let station = maps.fdb.get(&FdbKey { network, vlan, mac })?;
    let ifindex = station.map(|entry| entry.ifindex);
    Ok(ifindex.filter(|ifindex| *ifindex != 0))
}
