//! What single values cannot show: that two parts of a configuration contradict each other. It is
//! checked again when something is added by command.

use std::collections::BTreeMap;

use ipnet::IpNet;

use crate::naming;

use super::{
    Config, ConfigError, FdbTarget, Gateway, Listen, Masquerade, Network, Place, Port, PortAt,
    Publish, Tap,
};

/// Refuses a configuration whose parts contradict each other.
pub fn check(config: &Config) -> Result<(), ConfigError> {
    let networks = &config.networks;
    unique(
        "network",
        networks.iter().map(|n| (n.name.clone(), &n.place)),
    )?;
    let vnis = networks.iter().filter_map(|n| Some((n.vni?, &n.place)));
    unique("VNI", vnis)?;
    interfaces(config)?;
    for network in networks {
        peers(network)?;
        publishes(network)?;
        fdb(network)?;
    }
    listeners(networks)?;
    subnets(networks)
}

/// Refuses the second of two with one key.
fn unique<'a, K: Ord + ToString>(
    what: &str,
    items: impl Iterator<Item = (K, &'a Place)>,
) -> Result<(), ConfigError> {
    let mut seen = BTreeMap::new();
    for (key, place) in items {
        let name = key.to_string();
        if let Some(first) = seen.insert(key, place) {
            let message = format!("{what} {name} is already used ({first}); give it another one");
            return Err(ConfigError::new(place, message));
        }
    }
    Ok(())
}

/// Every interface is one thing only: uplink, gateway device or port.
fn interfaces(config: &Config) -> Result<(), ConfigError> {
    let host = Place::default();
    let mut all: Vec<(String, &Place)> = Vec::new();
    for uplink in &config.host.uplinks {
        all.push((uplink.clone(), &host));
    }
    for network in &config.networks {
        if let Some(gateway) = &network.gateway {
            all.push((gateway.device.clone(), &gateway.place));
        }
        all.extend(network.ports.iter().map(|port| (port.label(), &port.place)));
    }
    let mut seen: BTreeMap<String, &Place> = BTreeMap::new();
    for (name, place) in all {
        if let Some(first) = seen.insert(name.clone(), place) {
            let first = if std::ptr::eq(first, &raw const host) {
                "an uplink".to_owned()
            } else {
                first.to_string()
            };
            let message = format!(
                "interface {name} is already used ({first}); an interface serves one purpose"
            );
            return Err(ConfigError::new(place, message));
        }
    }
    Ok(())
}

impl Port {
    /// How users name the port: the interface, or `netns/name` of the other end.
    pub fn label(&self) -> String {
        match &self.at {
            PortAt::Interface(name) | PortAt::Tap(Tap { name, .. }) => name.clone(),
            PortAt::Pair(pair) => format!("{}/{}", pair.netns, pair.name),
        }
    }

    /// Its interface in netfwd's namespace.
    pub fn interface(&self) -> String {
        match &self.at {
            PortAt::Interface(name) | PortAt::Tap(Tap { name, .. }) => name.clone(),
            PortAt::Pair(pair) => naming::pair_end(&pair.netns, &pair.name),
        }
    }

    /// Whether `name` means this port: its label, or its interface.
    pub fn is(&self, name: &str) -> bool {
        self.label() == name || self.interface() == name
    }
}

fn peers(network: &Network) -> Result<(), ConfigError> {
    if let (None, Some((peer, place))) = (network.vni, network.peers.first()) {
        let name = &network.name;
        let message = format!("network {name} has peer {peer} but no VNI; give it a `vni`");
        return Err(ConfigError::new(place, message));
    }
    unique(
        "peer",
        network.peers.iter().map(|(peer, place)| (*peer, place)),
    )
}

fn publishes(network: &Network) -> Result<(), ConfigError> {
    for publish in &network.publishes {
        let subnets = network
            .gateway
            .iter()
            .flat_map(|gateway| &gateway.addresses);
        if !subnets
            .into_iter()
            .any(|subnet| subnet.contains(&publish.to))
        {
            let (to, name) = (publish.to, &network.name);
            let message = format!(
                "{to} is in no subnet of network {name}'s gateway; publish to an address that is"
            );
            return Err(ConfigError::new(&publish.place, message));
        }
    }
    Ok(())
}

fn fdb(network: &Network) -> Result<(), ConfigError> {
    let macs = network.fdb.iter();
    unique(
        "FDB entry",
        macs.map(|e| (super::format_mac(&e.mac), &e.place)),
    )?;
    for entry in &network.fdb {
        let known = match &entry.target {
            FdbTarget::Port(port) => network.ports.iter().any(|p| p.is(port)),
            FdbTarget::Peer(peer) => network.peers.iter().any(|(known, _)| known == peer),
        };
        if !known {
            let target = entry.target.to_string();
            let name = &network.name;
            let message = format!("network {name} has no {target}; add it first");
            return Err(ConfigError::new(&entry.place, message));
        }
    }
    Ok(())
}

impl std::fmt::Display for FdbTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Port(port) => write!(f, "port {port}"),
            Self::Peer(peer) => write!(f, "peer {peer}"),
        }
    }
}

impl Listen {
    /// Whether a packet could match both.
    pub fn overlaps(&self, other: &Self) -> bool {
        let address = match (self.address, other.address) {
            (Some(one), Some(two)) => one == two,
            _ => true,
        };
        let ports = self.ports.0 <= other.ports.1 && other.ports.0 <= self.ports.1;
        address && ports && self.proto == other.proto
    }
}

/// Refuses two publishes on one listener. Compared pairwise after sorting by l4 port, so that only
/// neighbours in the order are looked at.
fn listeners(networks: &[Network]) -> Result<(), ConfigError> {
    let mut all: Vec<&Publish> = networks.iter().flat_map(|n| &n.publishes).collect();
    all.sort_by_key(|publish| (publish.listen.proto, publish.listen.ports));
    for (index, one) in all.iter().enumerate() {
        let near = |other: &&&Publish| {
            other.listen.proto == one.listen.proto && other.listen.ports.0 <= one.listen.ports.1
        };
        let mut later = all[index + 1..].iter().take_while(near);
        if let Some(other) = later.find(|other| other.listen.overlaps(&one.listen)) {
            let (listen, first) = (other.listen, one.listen);
            let message = format!(
                "listener {listen} overlaps {first} ({}); give it another address or l4 port",
                one.place
            );
            return Err(ConfigError::new(&other.place, message));
        }
    }
    Ok(())
}

/// Refuses overlapping subnets where one is masqueraded: replies would not know their network.
fn subnets(networks: &[Network]) -> Result<(), ConfigError> {
    let mut all: Vec<(IpNet, &Gateway)> = Vec::new();
    for gateway in networks
        .iter()
        .filter_map(|network| network.gateway.as_ref())
    {
        for address in &gateway.addresses {
            let subnet = address.trunc();
            let clash = all.iter().find(|(other, of)| {
                let same = other.contains(&subnet) || subnet.contains(other);
                same && masqueraded(gateway, of)
            });
            if let Some((other, first)) = clash {
                let place = &first.place;
                let message = format!(
                    "masqueraded subnet {subnet} overlaps {other} ({place}); give it another one"
                );
                return Err(ConfigError::new(&gateway.place, message));
            }
            all.push((subnet, gateway));
        }
    }
    Ok(())
}

fn masqueraded(one: &Gateway, other: &Gateway) -> bool {
    one.masquerade != Masquerade::Off || other.masquerade != Masquerade::Off
}
