//! `network show`.

use std::collections::BTreeMap;

use ipnet::IpNet;
use netfwd_common::addr::{Addr, to_v4};
use netfwd_common::maps::{Member, MemberKey, Network, NetworkFlags, Port, Subnet};
use nix::net::if_::if_indextoname;
use serde::Serialize;

use super::{ShowError, Source, address};
use crate::observed::Prefix;

/// A network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NetworkRow {
    /// Its name.
    pub name: String,
    /// Its VNI, where it spans hosts.
    pub vni: Option<u32>,
    /// The subnets of its gateway.
    pub subnets: Vec<String>,
    /// The gateway's IPv4 address, else its device.
    pub gateway: Option<String>,
    /// Octets of its largest IP packet.
    pub mtu: u32,
    /// The interfaces of its ports.
    pub ports: Vec<String>,
    /// The addresses of its peers.
    pub peers: Vec<String>,
}

/// The networks of an instance.
pub fn networks(instance: &str) -> Result<Vec<NetworkRow>, ShowError> {
    let source = Source::open(instance)?;
    let parts = Parts {
        subnets: source.maps.subnets()?,
        ports: source.maps.ports.entries()?,
        members: source.maps.members.entries()?,
    };
    let networks = source.maps.networks.entries()?;
    let rows = networks.iter();
    Ok(rows
        .map(|(id, network)| row(&source, &parts, *id, network))
        .collect())
}

/// What networks are made of.
struct Parts {
    subnets: BTreeMap<Prefix, Subnet>,
    ports: BTreeMap<u32, Port>,
    members: BTreeMap<MemberKey, Member>,
}

fn row(source: &Source, parts: &Parts, id: u32, network: &Network) -> NetworkRow {
    let subnets = parts.subnets.iter().filter(|(_, s)| s.network == id);
    let interfaces = parts.ports.iter().filter(|(_, p)| p.network == id);
    let peers = parts.members.keys().filter(|m| m.network == id);
    let overlay = network.flags.has(NetworkFlags::OVERLAY);
    NetworkRow {
        name: source.names.network(id),
        vni: overlay.then_some(network.vni),
        subnets: subnets.filter_map(|(prefix, _)| cidr(prefix)).collect(),
        gateway: gateway(network),
        mtu: network.mtu,
        ports: interfaces
            .map(|(ifindex, port)| source.names.port(port.slot, *ifindex))
            .collect(),
        peers: peers
            .map(|member| address(&member.peer).to_string())
            .collect(),
    }
}

fn gateway(network: &Network) -> Option<String> {
    if !network.flags.has(NetworkFlags::GATEWAY) {
        return None;
    }
    if network.gateway_v4 != [0; 4] {
        return Some(std::net::Ipv4Addr::from(network.gateway_v4).to_string());
    }
    let device = if_indextoname(network.gateway_ifindex).ok()?;
    Some(device.to_string_lossy().into_owned())
}

/// A prefix of the trie, where an IPv4 one is 96 bits longer.
fn cidr((bits, data): &Prefix) -> Option<String> {
    let data: &Addr = data;
    let longer = if to_v4(data).is_some() { 96 } else { 0 };
    let length = u8::try_from(bits.checked_sub(longer)?).ok()?;
    Some(IpNet::new(address(data), length).ok()?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::to_prefix;

    #[test]
    fn a_prefix_comes_back_as_it_went() {
        for text in ["10.0.3.0/24", "fd00:3::/64"] {
            let net: IpNet = text.parse().expect("a net");
            assert_eq!(cidr(&to_prefix(&net)).as_deref(), Some(text));
        }
    }
}
