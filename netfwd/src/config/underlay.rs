//! What networks say of the underlay: their peers, groups and VTEPs, and how they contradict each
//! other.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::overlap::unique;
use super::reader::{Section, Value};
use super::{Config, ConfigError, GROUP, Network, Peer, Place, group, sections, vxlan};

/// Reads what a network says of the underlay into it.
pub(super) fn read(section: &Section<'_>, network: &mut Network) -> Result<(), ConfigError> {
    network.peers = section.or("peers", Vec::new(), peers)?;
    network.group = section.maybe("group", |value| {
        Ok((value.parse(GROUP, group)?, value.place()))
    })?;
    network.vtep = section.maybe("vtep", |value| {
        Ok((sections::address(value)?, value.place()))
    })?;
    network.accept_unknown = section.maybe("unknown_sources", vxlan::unknown_sources)?;
    Ok(())
}

fn peers(value: &Value<'_>) -> Result<Vec<Peer>, ConfigError> {
    let list = value.list()?;
    let peer = |value: &Value<'_>| {
        Ok(Peer {
            at: value.parse(super::PEER, |text| text.parse().ok())?,
            place: value.place(),
        })
    };
    list.iter().map(peer).collect()
}

/// Refuses what contradicts itself.
pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    for network in &config.networks {
        needs_vni(network)?;
        let peers = network.peers.iter();
        unique("peer", peers.map(|peer| (peer.at.address, &peer.place)))?;
        vteps(config, network)?;
    }
    ports(config)
}

/// Refuses what says how a network spans hosts when it does not.
fn needs_vni(network: &Network) -> Result<(), ConfigError> {
    let peer = network.peers.first();
    let peer = peer.map(|peer| (format!("peer {}", peer.at), &peer.place));
    let group = network.group.as_ref();
    let group = group.map(|(group, place)| (format!("group {group}"), place));
    let vtep = network.vtep.as_ref();
    let vtep = vtep.map(|(vtep, place)| (format!("VTEP {vtep}"), place));
    match (network.vni, peer.or(group).or(vtep)) {
        (None, Some((what, place))) => {
            let name = &network.name;
            let message = format!("network {name} has {what} but no VNI; give it a `vni`");
            Err(ConfigError::new(place, message))
        }
        _ => Ok(()),
    }
}

/// Refuses a VTEP that is none of the host's, and peers and groups of a family without one, where the
/// configuration says which there are.
fn vteps(config: &Config, network: &Network) -> Result<(), ConfigError> {
    let known = &config.host.vteps;
    if known.is_empty() {
        return Ok(());
    }
    let name = &network.name;
    if let Some((vtep, place)) = &network.vtep
        && !known.contains(vtep)
    {
        let list = listed(known);
        let message = format!("`vtep` {vtep} of network {name} is none of [host]; use {list}");
        return Err(ConfigError::new(place, message));
    }
    let lost = |address: &IpAddr| !known.iter().any(|vtep| same_family(*vtep, *address));
    match network.underlay().find(|(address, _)| lost(address)) {
        None => Ok(()),
        Some((address, place)) => Err(ConfigError::new(place, no_vtep(address, name, known))),
    }
}

/// That there is no VTEP towards an address.
pub fn no_vtep(address: IpAddr, network: &str, known: &[IpAddr]) -> String {
    let (family, list) = (family(address), listed(known));
    format!(
        "{address} of network {network} is {family}, and this host's VTEP is {list}; add an {family} address to `vtep` of [host]"
    )
}

fn listed(addresses: &[IpAddr]) -> String {
    let addresses: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
    addresses.join(" or ")
}

/// `IPv4` or `IPv6`.
pub fn family(address: IpAddr) -> &'static str {
    if address.is_ipv4() { "IPv4" } else { "IPv6" }
}

/// Whether both are IPv4 or both IPv6.
pub fn same_family(one: IpAddr, other: IpAddr) -> bool {
    one.is_ipv4() == other.is_ipv4()
}

/// Refuses a peer with two UDP ports: its address alone says who a frame is from.
fn ports(config: &Config) -> Result<(), ConfigError> {
    let mut seen: BTreeMap<IpAddr, (u16, &Place)> = BTreeMap::new();
    for peer in config.networks.iter().flat_map(|network| &network.peers) {
        let (address, port) = (peer.at.address, config.port_of(peer));
        let (first, place) = *seen.entry(address).or_insert((port, &peer.place));
        if first != port {
            let message = format!(
                "peer {address} has UDP port {port} here and {first} elsewhere ({place}); give it the same one everywhere"
            );
            return Err(ConfigError::new(&peer.place, message));
        }
    }
    Ok(())
}

impl Config {
    /// The UDP port of a peer.
    pub fn port_of(&self, peer: &Peer) -> u16 {
        peer.at.port.unwrap_or(self.vxlan.port)
    }
}

impl Network {
    /// The addresses that it sends to: its peers and its group.
    pub fn underlay(&self) -> impl Iterator<Item = (IpAddr, &Place)> {
        let peers = self.peers.iter().map(|peer| (peer.at.address, &peer.place));
        let group = self.group.iter().map(|(group, place)| (*group, place));
        peers.chain(group)
    }

    /// Whether VXLAN for it is accepted from an address that is no peer.
    pub fn accepts_unknown(&self, config: &Config) -> bool {
        let default = config.vxlan.accept_unknown || self.group.is_some();
        self.accept_unknown.unwrap_or(default)
    }
}
