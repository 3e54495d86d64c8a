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
    /// By interface, the network that a port of several counts for: the one that takes its untagged frames, else the
    /// first.
    homes: BTreeMap<String, String>,
    /// Whether a peer counts for each of its networks, or for none in particular.
    by_network: bool,
}

impl Slots {
    pub(super) fn of(config: &Config) -> Self {
        let mut homes = BTreeMap::new();
        for network in &config.networks {
            for port in &network.ports {
                let home = homes.entry(port.interface());
                let home = home.or_insert_with(|| network.name.clone());
                if port.takes_untagged() {
                    home.clone_from(&network.name);
                }
            }
        }
        let peers = config.networks.iter().map(|n| n.underlay().count());
        Self {
            homes,
            by_network: peers.sum::<usize>() <= MEMBERSHIPS,
        }
    }

    /// The names of the slots of ports.
    pub(super) fn ports(&self, config: &Config) -> BTreeSet<String> {
        let ports = self.homes.iter();
        let ports = ports.map(|(interface, network)| part(interface, network));
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
        let home = self.homes.get(interface);
        part(interface, home.map_or(network, String::as_str))
    }

    fn peer(&self, address: IpAddr, network: &str) -> String {
        if self.by_network {
            part(&address.to_string(), network)
        } else {
            address.to_string()
        }
    }
}

impl Builder<'_> {
    /// What a port counts in.
    pub(super) fn port_slot(
        &mut self,
        network: &Numbered<'_>,
        port: &Port,
    ) -> Result<u32, OutOfSlots> {
        let name = self.slots.port(&port.interface(), &network.config.name);
        self.ids.slot(Scope::Port, &name)
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
