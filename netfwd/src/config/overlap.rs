//! What single values cannot show: that two parts of a configuration contradict each other. It is
//! checked again when something is added by command.

use std::collections::btree_map::Entry as Slot;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use netfwd_common::addr::Mac;

use crate::naming;

use super::{
    Config, ConfigError, FdbEntry, FdbTarget, Gateway, Neighbour, Network, Place, Port, PortAt,
    Tap, format_mac, outside, publish, routing, sharing, stations, underlay,
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
    sharing::interfaces(config)?;
    underlay::check(config)?;
    let shared = config.shared();
    for network in networks {
        publish::check(network)?;
        let aware = network.is_vlan_aware(&shared);
        fdb(network, aware)?;
        neighbours(network, aware)?;
    }
    stations::check(config)?;
    publish::listeners(networks)?;
    subnets(networks)?;
    outside::check(config)?;
    routing::check(config)
}

/// Refuses the second of two with one key.
pub(super) fn unique<'a, K: Ord + ToString>(
    what: &str,
    items: impl Iterator<Item = (K, &'a Place)>,
) -> Result<(), ConfigError> {
    let mut seen = BTreeMap::new();
    for (key, place) in items {
        match seen.entry(key) {
            Slot::Vacant(free) => {
                free.insert(place);
            }
            Slot::Occupied(taken) => {
                let (name, first) = (taken.key().to_string(), taken.get());
                let message =
                    format!("{what} {name} is already used ({first}); give it another one");
                return Err(ConfigError::new(place, message));
            }
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
        match &self.at {
            PortAt::Interface(own) | PortAt::Tap(Tap { name: own, .. }) => own == name,
            PortAt::Pair(_) => self.label() == name || self.interface() == name,
        }
    }
}

impl Config {
    /// The pairs that are made, by the interface in netfwd's namespace: the namespace of the other end, and its name.
    pub fn pairs(&self) -> BTreeMap<String, (String, String)> {
        let ports = self.networks.iter().flat_map(|network| &network.ports);
        let pair = |port: &Port| match &port.at {
            PortAt::Pair(pair) => Some((port.interface(), (pair.netns.clone(), pair.name.clone()))),
            PortAt::Interface(_) | PortAt::Tap(_) => None,
        };
        ports.filter_map(pair).collect()
    }
}

/// A station as an error names it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Station {
    vlan: u16,
    mac: Mac,
}

impl fmt::Display for Station {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format_mac(&self.mac))?;
        match self.vlan {
            0 => Ok(()),
            vlan => write!(f, " of VLAN {vlan}"),
        }
    }
}

fn fdb(network: &Network, aware: bool) -> Result<(), ConfigError> {
    // What is asked of a target and a VLAN is asked once for all the entries that share them.
    let mut vlans = BTreeMap::new();
    let mut stations = Vec::new();
    for entry in &network.fdb {
        let vlan = vlans.entry((&entry.target, entry.vlan));
        let vlan = *vlan.or_insert_with(|| network.vlan_of(entry));
        let mac = entry.mac;
        stations.push((Station { vlan, mac }, &entry.place));
    }
    unique("FDB entry", stations.into_iter())?;
    let peers: BTreeSet<IpAddr> = network.peers.iter().map(|peer| peer.at.address).collect();
    for entry in &network.fdb {
        if vlans.remove(&(&entry.target, entry.vlan)).is_some() {
            target(network, &peers, entry)?;
            has_vlans(network, aware, entry.vlan, &entry.place)?;
            carried(network, entry)?;
        }
    }
    Ok(())
}

/// Refuses an FDB entry whose target the network does not have.
fn target(
    network: &Network,
    peers: &BTreeSet<IpAddr>,
    entry: &FdbEntry,
) -> Result<(), ConfigError> {
    let known = match &entry.target {
        FdbTarget::Port(port) => network.ports.iter().any(|p| p.is(port)),
        FdbTarget::Peer(peer) => peers.contains(peer),
    };
    if known {
        return Ok(());
    }
    let (name, target) = (&network.name, &entry.target);
    let message = format!("network {name} has no {target}; add it first");
    Err(ConfigError::new(&entry.place, message))
}

/// Refuses a VLAN in a network where tags are payload.
fn has_vlans(
    network: &Network,
    aware: bool,
    vlan: Option<u16>,
    place: &Place,
) -> Result<(), ConfigError> {
    if aware || vlan.is_none() {
        return Ok(());
    }
    let name = &network.name;
    let message =
        format!("network {name} has no VLANs; leave `vlan` out, or give the network or a port one");
    Err(ConfigError::new(place, message))
}

/// Refuses an FDB entry in a VLAN that its port does not carry.
fn carried(network: &Network, entry: &FdbEntry) -> Result<(), ConfigError> {
    let FdbTarget::Port(name) = &entry.target else {
        return Ok(());
    };
    let port = network.ports.iter().find(|port| port.is(name));
    let vlans = port.map(|port| network.carried(port)).unwrap_or_default();
    if vlans.contains_key(&network.vlan_of(entry)) {
        return Ok(());
    }
    let vlans: Vec<_> = vlans.keys().map(u16::to_string).collect();
    let message = match entry.vlan {
        Some(vlan) => format!("port {name} does not carry VLAN {vlan}; it has "),
        None => format!("port {name} takes no untagged frames; give the entry a `vlan` of "),
    };
    Err(ConfigError::new(&entry.place, message + &vlans.join(", ")))
}

fn neighbours(network: &Network, aware: bool) -> Result<(), ConfigError> {
    let name = |neighbour: &Neighbour| match neighbour.vlan {
        Some(vlan) if vlan != network.own_vlan() => format!("{} of VLAN {vlan}", neighbour.ip),
        _ => neighbour.ip.to_string(),
    };
    let neighbours = network.neighbours.iter();
    unique("neighbour", neighbours.map(|n| (name(n), &n.place)))?;
    let gateway = network
        .gateway
        .iter()
        .flat_map(|gateway| &gateway.addresses);
    let gateway: Vec<IpAddr> = gateway.map(IpNet::addr).collect();
    for neighbour in &network.neighbours {
        has_vlans(network, aware, neighbour.vlan, &neighbour.place)?;
        let own = network.own_vlan();
        if neighbour.vlan.unwrap_or(own) == own && gateway.contains(&neighbour.ip) {
            let (ip, name) = (neighbour.ip, &network.name);
            let message = format!(
                "{ip} is the gateway of network {name}, which is a neighbour already; remove it"
            );
            return Err(ConfigError::new(&neighbour.place, message));
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

/// Refuses overlapping subnets where one is masqueraded: replies would not know their network. Of two
/// that overlap one holds the other, and stands before it in the order of addresses.
fn subnets(networks: &[Network]) -> Result<(), ConfigError> {
    let gateways = networks.iter().filter_map(|n| n.gateway.as_ref());
    let subnets = gateways.flat_map(|gateway| {
        let addresses = gateway.addresses.iter();
        addresses.map(move |address| (address.trunc(), gateway))
    });
    let mut all: Vec<(usize, IpNet, &Gateway)> = subnets
        .enumerate()
        .map(|(order, (subnet, gateway))| (order, subnet, gateway))
        .collect();
    all.sort_by_key(|(order, subnet, _)| (subnet.network(), subnet.prefix_len(), *order));
    let mut around: Vec<(usize, IpNet, &Gateway)> = Vec::new();
    for one @ (order, subnet, gateway) in all {
        while around
            .pop_if(|(_, wide, _)| !wide.contains(&subnet))
            .is_some()
        {}
        let mut wider = around.iter();
        if let Some(other) = wider.find(|(_, _, of)| masqueraded(gateway, of)) {
            let (first, second) = if order < other.0 {
                (&one, other)
            } else {
                (other, &one)
            };
            return Err(overlapping((first.1, first.2), (second.1, second.2)));
        }
        around.push(one);
    }
    Ok(())
}

fn overlapping(first: (IpNet, &Gateway), second: (IpNet, &Gateway)) -> ConfigError {
    let (other, subnet, place) = (first.0, second.0, &first.1.place);
    let message =
        format!("masqueraded subnet {subnet} overlaps {other} ({place}); give it another one");
    ConfigError::new(&second.1.place, message)
}

fn masqueraded(one: &Gateway, other: &Gateway) -> bool {
    one.masquerade.is_on() || other.masquerade.is_on()
}
