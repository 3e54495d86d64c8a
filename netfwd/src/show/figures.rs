//! What is counted, by whom it is counted for. `stats` and the metrics are made of it.
//!
//! The programs count once for each frame: for the port or peer that it came from or goes to, in a slot of that port
//! or peer in the network. What a network received and sent is the sum over them, and of what it counts itself:
//! frames of peers that were learned, and frames that are handed to its gateway's device.

use std::collections::BTreeMap;

use netfwd_common::maps::Counters;
use netfwd_common::verdict::DropReason;

use super::names::Owner;
use super::{ShowError, Source};
use crate::ids::Scope;

/// What is counted for somebody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Frames and octets.
    pub counters: Counters,
    /// Drops by the number of their reason.
    pub drops: BTreeMap<u32, u64>,
    /// Learned FDB entries.
    pub learned: u64,
    /// Stations that were not learned because of a limit.
    pub learn_refused: u64,
}

impl Figures {
    fn add(&mut self, other: &Self) {
        self.counters = self.counters.plus(&other.counters);
        self.learned += other.learned;
        self.learn_refused += other.learn_refused;
        for (reason, count) in &other.drops {
            *self.drops.entry(*reason).or_default() += count;
        }
    }

    /// Frames and octets, without what was learned.
    fn traffic(&self) -> Self {
        Self {
            learned: 0,
            learn_refused: 0,
            ..self.clone()
        }
    }
}

/// Who is counted for: of a port or peer in the network.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part {
    /// What it is.
    pub scope: Scope,
    /// Its name.
    pub name: String,
    /// The network; `None` for an uplink, and for a peer that counts for none in particular.
    pub network: Option<String>,
}

impl From<&Owner> for Part {
    fn from(owner: &Owner) -> Self {
        let own = (owner.scope == Scope::Network).then(|| owner.name.clone());
        Self {
            scope: owner.scope,
            name: owner.name.clone(),
            network: owner.network.clone().or(own),
        }
    }
}

/// All that is counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// By port, peer, network by itself, and uplink.
    pub parts: BTreeMap<Part, Figures>,
    /// Drops of frames that belong to none of them, or to what is gone, by the number of their reason.
    pub others: BTreeMap<u32, u64>,
}

impl Counted {
    /// Reads all counters.
    pub(super) fn read(source: &Source) -> Result<Self, ShowError> {
        let (mut counted, mut drops) = (Self::default(), drops(source)?);
        for (slot, owner) in source.names.slots() {
            let figures = Figures {
                counters: source.maps.counters(*slot)?,
                drops: drops.remove(slot).unwrap_or_default(),
                learned: source.maps.stations(*slot)?,
                learn_refused: source.maps.learned(*slot)?.refused,
            };
            counted.parts.entry(owner.into()).or_default().add(&figures);
        }
        let mut others = Figures::default();
        for drops in drops.into_values() {
            others.add(&Figures {
                drops,
                ..Figures::default()
            });
        }
        counted.others = others.drops;
        Ok(counted)
    }

    /// The figures of every object: of a network, the sum over its ports and peers; of a port or peer, over its
    /// networks.
    pub fn objects(&self) -> BTreeMap<(Scope, String), Figures> {
        let mut objects: BTreeMap<(Scope, String), Figures> = BTreeMap::new();
        for (part, figures) in &self.parts {
            let own = (part.scope, part.name.clone());
            objects.entry(own).or_default().add(figures);
            if let (Some(network), Scope::Port | Scope::Peer) = (&part.network, part.scope) {
                let network = (Scope::Network, network.clone());
                objects.entry(network).or_default().add(&figures.traffic());
            }
        }
        objects
    }

    /// The same, of what counts for a network alone.
    #[must_use]
    pub fn within(mut self, network: &str) -> Self {
        let is_within = |part: &Part| part.network.as_deref() == Some(network);
        self.parts.retain(|part, _| is_within(part));
        self.others.clear();
        self
    }
}

/// Drops by slot, and by the number of their reason.
fn drops(source: &Source) -> Result<BTreeMap<u32, BTreeMap<u32, u64>>, ShowError> {
    let mut drops: BTreeMap<u32, BTreeMap<u32, u64>> = BTreeMap::new();
    for (key, count) in source.maps.drops()? {
        drops.entry(key.slot).or_default().insert(key.reason, count);
    }
    Ok(drops)
}

/// The name of a drop reason; its number where this version does not know it.
pub fn reason(number: u32) -> String {
    let reason = DropReason::from_number(number);
    reason.map_or_else(|| number.to_string(), |reason| reason.name().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(scope: Scope, name: &str, network: Option<&str>) -> Part {
        Part {
            scope,
            name: name.to_owned(),
            network: network.map(ToOwned::to_owned),
        }
    }

    fn figures(packets: u64, dropped: u64) -> Figures {
        Figures {
            counters: Counters {
                rx_packets: packets,
                tx_packets: 2 * packets,
                ..Counters::default()
            },
            drops: BTreeMap::from([(1, dropped)]),
            learned: packets,
            learn_refused: 0,
        }
    }

    fn counted() -> Counted {
        let parts = [
            (part(Scope::Network, "blue", Some("blue")), figures(1, 1)),
            (part(Scope::Port, "p0", Some("blue")), figures(10, 2)),
            (part(Scope::Port, "p0", Some("red")), figures(100, 4)),
            (
                part(Scope::Peer, "192.0.2.1", Some("blue")),
                figures(1000, 8),
            ),
            (part(Scope::Uplink, "up0", None), figures(10_000, 16)),
        ];
        Counted {
            parts: parts.into(),
            others: [].into(),
        }
    }

    #[test]
    fn a_network_counts_what_its_ports_and_peers_count_for_it() {
        let objects = counted().objects();
        let of = |scope, name: &str| {
            let figures = &objects[&(scope, name.to_owned())];
            (
                figures.counters.rx_packets,
                figures.counters.tx_packets,
                figures.drops[&1],
                figures.learned,
            )
        };
        assert_eq!(of(Scope::Network, "blue"), (1011, 2022, 11, 1));
        assert_eq!(of(Scope::Network, "red"), (100, 200, 4, 0));
        assert_eq!(of(Scope::Port, "p0"), (110, 220, 6, 110));
        assert_eq!(of(Scope::Uplink, "up0"), (10_000, 20_000, 16, 10_000));
    }

    #[test]
    fn a_port_within_a_network_counts_that_networks_part() {
        let objects = counted().within("red").objects();
        let port = &objects[&(Scope::Port, "p0".to_owned())];
        assert_eq!(port.counters.rx_packets, 100);
        assert!(!objects.contains_key(&(Scope::Network, "blue".to_owned())));
    }

    #[test]
    fn reasons_have_names() {
        let known = DropReason::from_number(1).expect("the first reason");
        assert_eq!(reason(1), known.name());
        assert_eq!(reason(u32::MAX), u32::MAX.to_string());
    }
}
