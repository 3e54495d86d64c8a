//! `network show`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use netfwd_common::addr::{Addr, UNSPECIFIED, to_v4};
use netfwd_common::maps::{Member, MemberKey, Network, NetworkFlags, Port, PortFlags};
use nix::net::if_::if_indextoname;
use serde::Serialize;

use super::{ShowError, Source, address};
use crate::observed::Prefix;

/// What a table shows of a network; JSON has the rest.
pub const NETWORK_COLUMNS: &[&str] = &[
    "name", "vni", "vlan", "subnets", "gateway", "mtu", "ports", "peers", "learned",
];

/// A network.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a property of its own"
)]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NetworkRow {
    /// Its name.
    pub name: String,
    /// Its VNI, where it spans hosts.
    pub vni: Option<u32>,
    /// The subnets of its gateway.
    pub subnets: Vec<String>,
    /// The gateway's IPv4 address, else its IPv6 one, else its device.
    pub gateway: Option<String>,
    /// Octets of its largest IP packet.
    pub mtu: u32,
    /// The interfaces of its ports.
    pub ports: Vec<String>,
    /// The addresses of its peers.
    pub peers: Vec<String>,
    /// The multicast group by which it floods.
    pub group: Option<String>,
    /// What becomes of VXLAN from an address that is no peer: `accept` or `drop`.
    pub unknown_sources: &'static str,
    /// Its own VLAN.
    pub vlan: Option<u16>,
    /// Seconds that a learned FDB entry lives unrefreshed.
    pub ageing_seconds: u64,
    /// Sources from peers are learned, and those from ports by default.
    pub learning: bool,
    /// Unknown unicast is flooded to peers, and to ports by default.
    pub unknown_unicast: bool,
    /// ARP and ND are answered from the neighbours.
    pub arp_suppression: bool,
    /// IP multicast goes to members and routers alone.
    pub multicast_snooping: bool,
    /// Learned FDB entries that it may have; `None` for any number.
    pub max_learned_total: Option<u32>,
    /// Learned FDB entries that it has.
    pub learned: u64,
}

/// The networks of an instance.
pub fn networks(instance: &str) -> Result<Vec<NetworkRow>, ShowError> {
    let source = Source::open(instance)?;
    let parts = Parts {
        subnets: subnets(&source)?,
        ports: ports(&source)?,
        members: source.maps.members.entries()?,
    };
    let networks = source.maps.networks.entries()?;
    let rows = networks.iter();
    rows.map(|(id, network)| row(&source, &parts, *id, network))
        .collect()
}

/// The subnets of every network.
fn subnets(source: &Source) -> Result<BTreeMap<u32, Vec<Prefix>>, ShowError> {
    let mut subnets: BTreeMap<u32, Vec<Prefix>> = BTreeMap::new();
    for (prefix, subnet) in source.maps.subnets()? {
        subnets.entry(subnet.network).or_default().push(prefix);
    }
    Ok(subnets)
}

/// The network and interface of every port, with its slot; a trunk may be in several networks.
fn ports(source: &Source) -> Result<BTreeMap<(u32, u32), u32>, ShowError> {
    let own = |_: &u32, port: &Port| !port.flags.has(PortFlags::GATEWAY);
    let ports = source.maps.ports.matching(own)?;
    let own = ports.iter();
    let own = own.map(|(ifindex, port)| ((port.network, *ifindex), port.slot));
    let vlans = source.maps.vlans.entries()?;
    let tagged = vlans.iter().filter_map(|(key, vlan)| {
        let port = ports.get(&key.ifindex)?;
        Some(((vlan.network, key.ifindex), port.slot))
    });
    Ok(own.chain(tagged).collect())
}

/// What networks are made of.
struct Parts {
    /// By network.
    subnets: BTreeMap<u32, Vec<Prefix>>,
    /// Slots by network and ifindex.
    ports: BTreeMap<(u32, u32), u32>,
    members: BTreeMap<MemberKey, Member>,
}

fn row(
    source: &Source,
    parts: &Parts,
    id: u32,
    network: &Network,
) -> Result<NetworkRow, ShowError> {
    let subnets = parts.subnets.get(&id).into_iter().flatten();
    let interfaces = parts.ports.range((id, 0)..=(id, u32::MAX));
    let (groups, peers): (Vec<IpAddr>, Vec<IpAddr>) =
        sent_to(&parts.members, id).partition(IpAddr::is_multicast);
    let has = |flag| network.flags.has(flag);
    Ok(NetworkRow {
        name: source.names.network(id),
        vni: has(NetworkFlags::OVERLAY).then_some(network.vni),
        subnets: subnets.filter_map(cidr).collect(),
        gateway: gateway(network),
        mtu: network.mtu,
        ports: interfaces
            .map(|((_, ifindex), slot)| source.names.port(*slot, *ifindex))
            .collect(),
        peers: peers.iter().map(IpAddr::to_string).collect(),
        group: groups.first().map(IpAddr::to_string),
        unknown_sources: if has(NetworkFlags::ANY_PEER) {
            "accept"
        } else {
            "drop"
        },
        vlan: (network.vlan != 0).then_some(network.vlan),
        ageing_seconds: network.ageing_ns / 1_000_000_000,
        learning: has(NetworkFlags::LEARNING),
        unknown_unicast: has(NetworkFlags::UNKNOWN_UNICAST),
        arp_suppression: has(NetworkFlags::SUPPRESSION),
        multicast_snooping: has(NetworkFlags::SNOOPING),
        max_learned_total: (network.max_learned != 0).then_some(network.max_learned),
        learned: source.maps.stations(network.slot)?,
    })
}

/// The peers and the group of a network.
fn sent_to(members: &BTreeMap<MemberKey, Member>, network: u32) -> impl Iterator<Item = IpAddr> {
    let key = |peer| MemberKey { network, peer };
    let members = members.range(key(UNSPECIFIED)..=key(Addr::new([0xff; 16])));
    members.map(|(member, _)| address(&member.peer))
}

fn gateway(network: &Network) -> Option<String> {
    if !network.flags.has(NetworkFlags::GATEWAY) {
        return None;
    }
    if network.gateway_v4 != [0; 4] {
        return Some(std::net::Ipv4Addr::from(network.gateway_v4).to_string());
    }
    if network.gateway_v6 != UNSPECIFIED {
        return Some(address(&network.gateway_v6).to_string());
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
