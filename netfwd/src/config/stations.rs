//! Stations that a network names: no two are the same one, and none is the gateway.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use netfwd_common::addr::Mac;

use super::{Config, ConfigError, Network, Port, PortAt, format_mac};

/// What a station is known by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Name {
    Mac(Mac),
    Address(IpAddr),
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mac(mac) => write!(f, "MAC {}", format_mac(mac)),
            Self::Address(address) => write!(f, "address {address}"),
        }
    }
}

/// Refuses stations that contradict each other, and default routes to nowhere.
pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    // A pair that several networks list is set by the first.
    let mut routed = BTreeSet::new();
    for network in &config.networks {
        fdb(network)?;
        ports(network)?;
        for port in &network.ports {
            if matches!(&port.at, PortAt::Pair(pair) if pair.default_route)
                && routed.insert(port.interface())
            {
                default_route(network, port)?;
            }
        }
    }
    Ok(())
}

/// The gateway's FDB entry is netfwd's own.
fn fdb(network: &Network) -> Result<(), ConfigError> {
    let Some(gateway) = &network.gateway else {
        return Ok(());
    };
    let (name, mac) = (&network.name, gateway.mac_of(&network.name));
    let own = network.own_vlan();
    let mut entries = network.fdb.iter();
    match entries.find(|entry| entry.mac == mac && network.vlan_of(entry) == own) {
        None => Ok(()),
        Some(entry) => {
            let mac = format_mac(&mac);
            let message = format!("{mac} is the gateway of network {name}; use another MAC");
            Err(ConfigError::new(&entry.place, message))
        }
    }
}

fn ports(network: &Network) -> Result<(), ConfigError> {
    let mut seen: BTreeMap<Name, Vec<&Port>> = BTreeMap::new();
    for port in &network.ports {
        let addresses = port.addresses.iter().map(|net| Name::Address(net.addr()));
        for name in port.mac.map(Name::Mac).into_iter().chain(addresses) {
            gateway(network, port, name)?;
            let others = seen.entry(name).or_default();
            if let Some(other) = others.iter().find(|other| collide(network, other, port)) {
                let (one, label, place) = (port.label(), other.label(), &other.place);
                let message = format!(
                    "port {one} has {name}, which port {label} has already ({place}); give it another one"
                );
                return Err(ConfigError::new(&port.place, message));
            }
            others.push(port);
        }
    }
    Ok(())
}

/// Whether two ports in one VLAN cannot have the same MAC or address: a pair is given it. Of existing
/// interfaces it is only allowed: the ends of a bond have one MAC, and routers by VRRP one address.
fn collide(network: &Network, one: &Port, other: &Port) -> bool {
    let is_pair = |port: &Port| matches!(port.at, PortAt::Pair(_));
    let vlans = network.carried(one);
    let mut others = network.carried(other).into_keys();
    (is_pair(one) || is_pair(other)) && others.any(|vlan| vlans.contains_key(&vlan))
}

fn gateway(network: &Network, port: &Port, name: Name) -> Result<(), ConfigError> {
    let is_gateways = network.gateway.as_ref().is_some_and(|gateway| match name {
        Name::Mac(mac) => gateway.mac_of(&network.name) == mac,
        Name::Address(ip) => gateway.addresses.iter().any(|net| net.addr() == ip),
    });
    if !is_gateways || !network.carried(port).contains_key(&network.own_vlan()) {
        return Ok(());
    }
    let (label, of) = (port.label(), &network.name);
    let message = format!(
        "port {label} has {name}, which is the gateway's of network {of}; give it another one"
    );
    Err(ConfigError::new(&port.place, message))
}

/// A default route needs a gateway in a subnet of the port's own.
fn default_route(network: &Network, port: &Port) -> Result<(), ConfigError> {
    let (label, name) = (port.label(), &network.name);
    let gateways = network
        .gateway
        .iter()
        .flat_map(|gateway| &gateway.addresses);
    let gateways: Vec<_> = gateways.collect();
    let near = |ip: IpAddr| port.addresses.iter().any(|own| own.contains(&ip));
    if gateways.iter().any(|gateway| near(gateway.addr())) {
        return Ok(());
    }
    let subnets: Vec<String> = gateways.iter().map(|net| net.trunc().to_string()).collect();
    let message = if subnets.is_empty() {
        format!(
            "port {label} has `default_route`, and network {name} has no gateway address; give the network a [network.gateway] with `addresses`, or leave `default_route` out"
        )
    } else {
        let subnets = subnets.join(" or ");
        format!(
            "port {label} has `default_route`, and no gateway is in the subnets of its `addresses`; give it an address in {subnets}, or leave `default_route` out"
        )
    };
    Err(ConfigError::new(&port.place, message))
}
