//! Numbers that name things in the maps: network ids and counter slots. They are kept in `ids.json`,
//! so that they survive restarts and `show` commands can turn them back into names.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;

use netfwd_common::limits::SLOTS;
use serde::{Deserialize, Serialize};

/// What has counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// A network, by name.
    Network,
    /// A port, by the name of its interface in netfwd's namespace, in a network.
    Port,
    /// A peer, by address, in a network.
    Peer,
    /// An uplink, by name of its interface.
    Uplink,
}

impl Scope {
    /// As users read it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Port => "port",
            Self::Peer => "peer",
            Self::Uplink => "uplink",
        }
    }
}

/// Ids and slots in use.
///
/// A slot that was freed is taken again only after every slot has been used once, oldest first, so
/// that counters never go on from another object's in the lifetime of a graph; and it is zeroed then
/// (see [`Ids::zero`]).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ids {
    /// Network ids by name, from 1.
    pub networks: BTreeMap<String, u32>,
    /// Counter slots of networks, by name.
    pub network_slots: BTreeMap<String, u32>,
    /// Counter slots of ports, by [`part`]: interface and network.
    pub port_slots: BTreeMap<String, u32>,
    /// Counter slots of peers, by [`part`]: address and network, or address alone.
    pub peer_slots: BTreeMap<String, u32>,
    /// Counter slots of uplinks, by interface.
    pub uplink_slots: BTreeMap<String, u32>,
    /// Interfaces that were made to take frames for any MAC, which they did not before.
    #[serde(default, rename = "promiscuous_interfaces")]
    pub promiscuous: BTreeSet<Interface>,
    /// Multicast groups that were joined on an uplink, which had not joined them before.
    #[serde(default)]
    pub groups: BTreeSet<(String, IpAddr)>,
    /// Groups of targets, by the listener of their publish.
    #[serde(default)]
    pub publishes: BTreeMap<String, u32>,
    /// The pairs that are made, by interface: the namespace of the other end, and its name there.
    #[serde(default)]
    pub pairs: BTreeMap<String, (String, String)>,
    /// The last network id that was allotted.
    #[serde(default)]
    last_network: u32,
    /// The last group of targets that was allotted.
    #[serde(default)]
    last_group: u32,
    /// Slots below this have been used.
    #[serde(default)]
    used: u32,
    /// Slots that were used and are free, oldest first.
    #[serde(default)]
    free: VecDeque<u32>,
    /// Slots whose counters must be zeroed before they count for their new object.
    #[serde(default)]
    pub zero: Vec<u32>,
    /// The boot that [`Interface`]s are of.
    #[serde(default)]
    boot: String,
}

/// An interface, whatever its name is by now: it keeps its number when it is renamed, and no other has that in
/// the same network namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Interface {
    /// The number of its network namespace.
    pub netns: u64,
    /// Its own.
    pub ifindex: u32,
}

/// The name by which a port or peer has its slot in a network, so that each network counts its part.
/// Neither names of interfaces nor addresses have a space in them (net/core/dev.c, `dev_valid_name`).
pub fn part(name: &str, network: &str) -> String {
    format!("{name} {network}")
}

/// What [`part`] was made of; no network where it is a name alone.
pub fn parts(part: &str) -> (&str, Option<&str>) {
    match part.split_once(' ') {
        Some((name, network)) => (name, Some(network)),
        None => (part, None),
    }
}

/// Every slot is in use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("all {SLOTS} counter slots are in use; remove ports, peers or networks")]
pub struct OutOfSlots;

impl Ids {
    /// The same in a boot: interfaces of another one have numbers that are others' now.
    #[must_use]
    pub fn in_boot(mut self, boot: &str) -> Self {
        if self.boot != boot {
            self.promiscuous.clear();
            boot.clone_into(&mut self.boot);
        }
        self
    }

    /// The id of a network, allotted when it is new.
    pub fn network(&mut self, name: &str) -> u32 {
        if let Some(id) = self.networks.get(name) {
            return *id;
        }
        // Never used twice: what was learned or translated under an id belongs to that network.
        self.last_network += 1;
        let id = self.last_network;
        self.networks.insert(name.to_owned(), id);
        id
    }

    /// The group of targets of a publish, allotted when it is new; the same while the publish stands, so
    /// that no other's targets change with a reload.
    pub fn publish(&mut self, listen: &str) -> u32 {
        if let Some(group) = self.publishes.get(listen) {
            return *group;
        }
        self.last_group += 1;
        let group = self.last_group;
        self.publishes.insert(listen.to_owned(), group);
        group
    }

    /// Forgets the publishes that `keep` does not name.
    pub fn retain_publishes(&mut self, keep: impl Fn(&str) -> bool) {
        self.publishes.retain(|listen, _| keep(listen));
    }

    /// The slot of an object, allotted when it is new.
    pub fn slot(&mut self, scope: Scope, name: &str) -> Result<u32, OutOfSlots> {
        if let Some(slot) = self.slots(scope).get(name) {
            return Ok(*slot);
        }
        let slot = self.fresh()?;
        self.slots_mut(scope).insert(name.to_owned(), slot);
        Ok(slot)
    }

    /// The slots of a scope, by name.
    pub fn slots(&self, scope: Scope) -> &BTreeMap<String, u32> {
        match scope {
            Scope::Network => &self.network_slots,
            Scope::Port => &self.port_slots,
            Scope::Peer => &self.peer_slots,
            Scope::Uplink => &self.uplink_slots,
        }
    }

    /// The slots of a port or peer: one for each network that counts a part of it.
    pub fn slots_of(&self, scope: Scope, name: &str) -> impl Iterator<Item = u32> {
        let from = self.slots(scope).range(name.to_owned()..);
        let own = from.take_while(move |(part, _)| part.starts_with(name));
        own.filter(move |(part, _)| parts(part).0 == name)
            .map(|(_, slot)| *slot)
    }

    /// Whether there is a port or peer of this name.
    pub fn has(&self, scope: Scope, name: &str) -> bool {
        self.slots_of(scope, name).next().is_some()
    }

    /// Forgets the objects of a scope that `keep` does not name.
    pub fn retain(&mut self, scope: Scope, keep: impl Fn(&str) -> bool) {
        let mut freed = Vec::new();
        self.slots_mut(scope).retain(|name, slot| {
            let kept = keep(name);
            if !kept {
                freed.push(*slot);
            }
            kept
        });
        self.free.extend(freed);
        if scope == Scope::Network {
            self.networks.retain(|name, _| keep(name));
        }
    }

    /// The numbers of `before` again, after a change that failed: whoever had one keeps it, and what was
    /// allotted meanwhile goes back, to be taken no sooner than any other number.
    #[must_use]
    pub fn back_to(&self, before: &Self) -> Self {
        let mut ids = before.clone();
        (ids.last_network, ids.last_group) = (self.last_network, self.last_group);
        ids.used = self.used;
        let taken: BTreeSet<u32> = before.taken().collect();
        let freed = self.free.iter().copied().chain(self.taken());
        ids.free = freed.filter(|slot| !taken.contains(slot)).collect();
        ids.zero.retain(|slot| self.zero.contains(slot));
        // What was switched on meanwhile may still be: the next plan says.
        ids.promiscuous.extend(&self.promiscuous);
        ids.groups.extend(self.groups.iter().cloned());
        ids
    }

    fn taken(&self) -> impl Iterator<Item = u32> {
        let scopes = [Scope::Network, Scope::Port, Scope::Peer, Scope::Uplink];
        let slots = scopes
            .into_iter()
            .flat_map(|scope| self.slots(scope).values());
        slots.copied()
    }

    fn fresh(&mut self) -> Result<u32, OutOfSlots> {
        // Slot 0 counts what belongs to nothing.
        let next = self.used.max(1);
        if (next as usize) < SLOTS {
            self.used = next + 1;
            return Ok(next);
        }
        let slot = self.free.pop_front().ok_or(OutOfSlots)?;
        self.zero.push(slot);
        Ok(slot)
    }

    fn slots_mut(&mut self, scope: Scope) -> &mut BTreeMap<String, u32> {
        match scope {
            Scope::Network => &mut self.network_slots,
            Scope::Port => &mut self.port_slots,
            Scope::Peer => &mut self.peer_slots,
            Scope::Uplink => &mut self.uplink_slots,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_stable_and_start_at_one() {
        let mut ids = Ids::default();
        assert_eq!(ids.network("blue"), 1);
        assert_eq!(ids.network("red"), 2);
        assert_eq!(ids.network("blue"), 1);
        assert_eq!(ids.slot(Scope::Port, "p0"), Ok(1));
        assert_eq!(ids.slot(Scope::Peer, "p0"), Ok(2));
        assert_eq!(ids.slot(Scope::Port, "p0"), Ok(1));
    }

    #[test]
    fn a_network_that_comes_back_is_another_one() {
        let mut ids = Ids::default();
        ids.network("blue");
        ids.slot(Scope::Network, "blue").unwrap();
        ids.retain(Scope::Network, |_| false);
        assert_eq!(ids.network("blue"), 2);
    }

    #[test]
    fn a_publish_keeps_its_group_whatever_comes_and_goes() {
        let mut ids = Ids::default();
        assert_eq!((ids.publish("80/tcp"), ids.publish("81/tcp")), (1, 2));
        ids.retain_publishes(|listen| listen != "80/tcp");
        assert_eq!((ids.publish("79/tcp"), ids.publish("81/tcp")), (3, 2));
    }

    #[test]
    fn a_port_counts_for_each_of_its_networks() {
        let mut ids = Ids::default();
        for name in ["p0", "p0 blue", "p0 red", "p01 blue"] {
            ids.slot(Scope::Port, name).unwrap();
        }
        assert_eq!(
            ids.slots_of(Scope::Port, "p0").collect::<Vec<_>>(),
            [1, 2, 3]
        );
        assert_eq!(ids.slots_of(Scope::Port, "p01").collect::<Vec<_>>(), [4]);
        assert!(!ids.has(Scope::Port, "p") && !ids.has(Scope::Peer, "p0"));
        assert_eq!(parts(&part("p0", "blue")), ("p0", Some("blue")));
        assert_eq!(parts("p0"), ("p0", None));
    }

    #[test]
    fn going_back_gives_everybody_the_number_that_they_had() {
        let mut before = Ids::default();
        before.network("blue");
        before.slot(Scope::Network, "blue").unwrap();
        before.slot(Scope::Port, "p0").unwrap();
        before.publish("80/tcp");
        let mut failed = before.clone();
        failed.retain(Scope::Network, |_| false);
        failed.retain(Scope::Port, |_| false);
        failed.retain_publishes(|_| false);
        failed.network("green");
        failed.slot(Scope::Network, "green").unwrap();
        failed.publish("81/tcp");
        let p1 = Interface {
            netns: 1,
            ifindex: 7,
        };
        failed.promiscuous.insert(p1);
        let mut back = failed.back_to(&before);
        assert_eq!(back.networks, before.networks);
        assert_eq!(back.network_slots, before.network_slots);
        assert_eq!(back.port_slots, before.port_slots);
        assert_eq!(back.publishes, before.publishes);
        assert!(back.promiscuous.contains(&p1), "it may be on");
        // What green and 81/tcp had is nobody's, and nobody's for long.
        assert_eq!(back.free, [3]);
        assert_eq!((back.network("red"), back.publish("82/tcp")), (3, 3));
        assert_eq!(back.slot(Scope::Port, "p2"), Ok(4));
    }

    #[test]
    fn numbers_of_interfaces_are_of_one_boot() {
        let mut ids = Ids::default().in_boot("one");
        ids.network("blue");
        ids.promiscuous.insert(Interface {
            netns: 1,
            ifindex: 7,
        });
        assert_eq!(ids.clone().in_boot("one"), ids);
        let after = ids.in_boot("two");
        assert!(after.promiscuous.is_empty());
        assert_eq!(after.networks["blue"], 1);
    }

    #[test]
    fn a_freed_slot_is_taken_last_and_zeroed() {
        let mut ids = Ids::default();
        ids.slot(Scope::Port, "first").unwrap();
        ids.retain(Scope::Port, |_| false);
        for number in 2..SLOTS {
            let slot = ids.slot(Scope::Port, &number.to_string());
            assert_eq!(slot, Ok(number as u32));
        }
        assert_eq!(ids.zero, [0; 0]);
        assert_eq!(ids.slot(Scope::Port, "last"), Ok(1));
        assert_eq!(ids.zero, [1]);
        assert_eq!(ids.slot(Scope::Port, "more"), Err(OutOfSlots));
    }
}
