//! What ports and peers count in: a slot for each network that they are in, so that what a network received and
//! sent is the sum over its ports and peers, and the programs count once.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use netfwd_common::limits::SLOTS;

use super::{Builder, Numbered};
use crate::config::{Config, Port};
use crate::ids::{OutOfSlots, Scope, part};
use crate::naming;

/// Memberships that have slots of their own: half of all, so that they never take those of ports and networks.
const MEMBERSHIPS: usize = SLOTS / 2;

/// For which networks ports and peers count.
pub(super) struct Slots {
    /// By interface, the network that a port of several has by itself: the one that takes its untagged frames, else
    /// the first.
    homes: BTreeMap<String, String>,
    /// Whether a port counts for each of its networks, or for the one that it has by itself.
    ports_by_network: bool,
    /// Whether a peer counts for each of its networks, or for none in particular.
    peers_by_network: bool,
}

impl Slots {
    pub(super) fn of(config: &Config) -> Self {
        Self::within(config, MEMBERSHIPS)
    }

    /// The same, where there are slots for so many memberships.
    fn within(config: &Config, memberships: usize) -> Self {
        let mut homes = BTreeMap::new();
        let mut ports = 0;
        for network in &config.networks {
            for port in &network.ports {
                ports += 1;
                let home = homes.entry(port.interface());
                let home = home.or_insert_with(|| network.name.clone());
                if port.takes_untagged() {
                    home.clone_from(&network.name);
                }
            }
        }
        let peers = config.networks.iter().map(|n| n.underlay().count());
        let peers = Some(peers.sum()).filter(|peers| *peers <= memberships);
        // A port's first network is none of its memberships: it has a slot in any case.
        let further = ports - homes.len();
        Self {
            homes,
            ports_by_network: peers.unwrap_or(0) + further <= memberships,
            peers_by_network: peers.is_some(),
        }
    }

    /// The names of the slots of ports.
    pub(super) fn ports(&self, config: &Config) -> BTreeSet<String> {
        let ports = config.networks.iter().flat_map(|network| {
            let ports = network.ports.iter();
            ports.map(|port| self.port(&port.interface(), &network.name))
        });
        let gateways = config.networks.iter().filter(|n| n.gateway.is_some());
        let gateways = gateways.map(|n| part(&naming::gateway_end(&n.name), &n.name));
        ports.chain(gateways).collect()
    }

    /// The names of the slots of peers and groups.
    pub(super) fn peers(&self, config: &Config) -> BTreeSet<String> {
        let networks = config.networks.iter();
        let of = |network: &crate::config::Network| {
            let peers = network.underlay();
            let names = peers.map(|(address, _)| self.peer(address, &network.name));
            names.collect::<Vec<_>>()
        };
        networks.flat_map(of).collect()
    }

    fn port(&self, interface: &str, network: &str) -> String {
        let home = self.homes.get(interface).filter(|_| !self.ports_by_network);
        part(interface, home.map_or(network, String::as_str))
    }

    fn peer(&self, address: IpAddr, network: &str) -> String {
        if self.peers_by_network {
            part(&address.to_string(), network)
        } else {
            address.to_string()
        }
    }
}

impl Builder<'_> {
    /// What a port counts in for a network.
    pub(super) fn port_slot(
        &mut self,
        network: &Numbered<'_>,
        port: &Port,
    ) -> Result<u32, OutOfSlots> {
        let name = self.slots.port(&port.interface(), &network.config.name);
        self.ids.slot(Scope::Port, &name)
    }

    /// The same, of a port that has one.
    pub(super) fn known_port_slot(&self, network: &Numbered<'_>, port: &Port) -> Option<u32> {
        let name = self.slots.port(&port.interface(), &network.config.name);
        self.ids.slots(Scope::Port).get(&name).copied()
    }

    /// What a peer or group counts in.
    pub(super) fn peer_slot(
        &mut self,
        network: &Numbered<'_>,
        address: IpAddr,
    ) -> Result<u32, OutOfSlots> {
        let name = self.slots.peer(address, &network.config.name);
        self.ids.slot(Scope::Peer, &name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    /// Two trunks in two networks each, and a peer in both.
    fn tenants() -> Config {
        let trunk = |name: &str, vlan: u16| {
            format!("[[network.port]]\ninterface = \"{name}\"\ntrunk = [{vlan}]\n")
        };
        let network = |name: &str, vlan: u16| {
            let ports = trunk("p0", vlan) + &trunk("p1", vlan);
            format!(
                "[[network]]\nname = \"{name}\"\nvni = {vlan}\npeers = [\"192.0.2.7\"]\n{ports}"
            )
        };
        let text = network("a", 10) + &network("b", 20);
        let text = format!("[host]\nuplinks = [\"up0\"]\n{text}");
        config::parse_text(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    #[test]
    fn ports_and_peers_count_for_each_of_their_networks() {
        let config = tenants();
        let slots = Slots::of(&config);
        let ports = ["p0 a", "p0 b", "p1 a", "p1 b"].map(String::from);
        assert_eq!(slots.ports(&config), ports.into());
        let peers = ["192.0.2.7 a", "192.0.2.7 b"].map(String::from);
        assert_eq!(slots.peers(&config), peers.into());
    }

    #[test]
    fn among_too_many_memberships_a_port_counts_for_its_own_network() {
        let config = tenants();
        let own = BTreeSet::from(["p0 a", "p1 a"].map(String::from));
        // Two memberships of the peer, and one more of each port than its first.
        assert_eq!(Slots::within(&config, 4).ports(&config).len(), 4);
        let fewer = Slots::within(&config, 3);
        assert_eq!(fewer.ports(&config), own);
        assert_eq!(fewer.peers(&config).len(), 2);
        // Peers that have no slots of their own leave them to ports.
        let none = Slots::within(&config, 1);
        assert_eq!((none.ports(&config), none.peers(&config).len()), (own, 1));
    }
}
