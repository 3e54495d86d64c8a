//! What a switch shall be like, in words that each stack has its own for.

use std::{collections::BTreeMap, net::IpAddr};

use anyhow::Result;

use super::{HOST_MAC, Make, Switch, overlay::PEER_VTEP, text};
use crate::{
    packet::Mac,
    topology::{GATEWAY, GATEWAY_DEVICE, VNI},
};

/// What makes a port differ from the usual one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortOption {
    /// It reaches only ports that are not isolated.
    Isolated,
    /// Sources are not learned from it.
    NoLearning,
    /// Unknown unicast is not flooded to it.
    NoUnknownUnicast,
    /// Untagged frames are of this VLAN: an access port, or with [`Self::Trunk`] the native VLAN.
    Vlan(u16),
    /// Frames tagged with these VLANs are taken.
    Trunk(Vec<u16>),
    /// Frames of the native VLAN leave tagged all the same.
    TagNative,
    /// Frames may leave by it that came in by it.
    Hairpin,
    /// A multicast router stands behind it, whether it is heard or not.
    MulticastRouter,
    /// So many stations may be learned from it.
    MaxLearned(u32),
    /// Only the first MAC and addresses that are seen may be used.
    AntiSpoof,
    /// Servers' answers are taken from it.
    Server,
    /// With [`Self::AntiSpoof`]: only this MAC and these addresses may be used.
    Station(Mac, Vec<IpAddr>),
    /// So many frames a second may be flooded from it.
    StormControl(u32),
    /// A BPDU shuts it.
    Edge,
    /// It faces the outside, and its host keeps the address that it has there.
    Outside,
}

impl PortOption {
    /// A line of the port's table in netfwd's configuration.
    pub(super) fn netfwd(&self) -> String {
        match self {
            Self::Isolated => "isolated = true".into(),
            Self::NoLearning => "learning = false".into(),
            Self::NoUnknownUnicast => "unknown_unicast = \"drop\"".into(),
            Self::Vlan(vlan) => format!("vlan = {vlan}"),
            Self::Trunk(vlans) => format!("trunk = {vlans:?}"),
            Self::TagNative => "tag_native = true".into(),
            Self::Hairpin => "hairpin = true".into(),
            Self::MulticastRouter => "multicast_router = true".into(),
            Self::MaxLearned(most) => format!("max_learned = {most}"),
            Self::AntiSpoof => "anti_spoof = true".into(),
            Self::Server => "server = true".into(),
            Self::Station(mac, addresses) => {
                let quoted = addresses.iter().map(|address| format!("\"{address}\""));
                let addresses = quoted.collect::<Vec<_>>().join(", ");
                format!("mac = \"{}\"\n  addresses = [{addresses}]", text(*mac))
            }
            Self::StormControl(rate) => format!("storm_control = {rate}"),
            Self::Edge => "edge = true".into(),
            Self::Outside => "outside = true".into(),
        }
    }

    /// Columns of Open vSwitch's port table, where it is asked for that here.
    pub(super) fn ovs(&self) -> Option<String> {
        match self {
            Self::Vlan(vlan) => Some(format!("tag={vlan}")),
            Self::Trunk(vlans) => {
                let vlans: Vec<_> = vlans.iter().map(u16::to_string).collect();
                Some(format!("trunks={}", vlans.join(",")))
            }
            Self::TagNative => Some("vlan_mode=native-tagged".into()),
            _ => None,
        }
    }

    /// Words of `ip link set … type bridge_slave`, where it has some: this kernel's bridge filters
    /// neither VLANs nor sources.
    pub(super) fn bridge(&self) -> Option<&'static str> {
        match self {
            Self::Isolated => Some("isolated on"),
            Self::NoLearning => Some("learning off"),
            Self::NoUnknownUnicast => Some("flood off"),
            Self::Hairpin => Some("hairpin on"),
            Self::MulticastRouter => Some("mcast_router 2"),
            _ => None,
        }
    }
}

/// What makes the network differ from the usual one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetworkOption {
    /// Seconds after which a station that was not heard is forgotten.
    Ageing(u32),
    /// The network's own VLAN.
    Vlan(u16),
    /// IP multicast is flooded.
    NoSnooping,
    /// The switch asks for members itself.
    Querier,
    /// So many stations may be learned.
    MaxLearned(u32),
    /// The network spans hosts: there is a peer.
    Overlay,
    /// What is known is answered, and kept from the overlay.
    Suppression,
    /// Who has an address.
    Neighbour(IpAddr, Mac),
    /// The host has an address in the network.
    Gateway,
}

impl NetworkOption {
    /// A line of the network's table in netfwd's configuration.
    pub(super) fn netfwd(&self) -> String {
        match self {
            Self::Ageing(seconds) => format!("ageing = \"{seconds}s\""),
            Self::Vlan(vlan) => format!("vlan = {vlan}"),
            Self::NoSnooping => "multicast_snooping = false".into(),
            Self::Querier => "multicast_querier = true".into(),
            Self::MaxLearned(most) => format!("max_learned_total = {most}"),
            Self::Overlay => format!("vni = {VNI}\npeers = [\"{PEER_VTEP}\"]"),
            Self::Suppression => "arp_suppression = true".into(),
            Self::Neighbour(..) | Self::Gateway => String::new(),
        }
    }

    /// A table within the network's in netfwd's configuration.
    pub(super) fn netfwd_table(&self) -> Option<String> {
        match self {
            Self::Neighbour(ip, mac) => Some(format!(
                "\n  [[network.neighbour]]\n  ip = \"{ip}\"\n  mac = \"{}\"\n",
                text(*mac)
            )),
            Self::Gateway => Some(format!(
                "\n  [network.gateway]\n  device = \"{GATEWAY_DEVICE}\"\n  \
                 addresses = [\"{GATEWAY}/24\"]\n  mac = \"{}\"\n",
                text(HOST_MAC)
            )),
            _ => None,
        }
    }

    /// Words of `ip link add … type bridge`, where it has some.
    pub(super) fn bridge(&self) -> Option<String> {
        match self {
            Self::Ageing(seconds) => Some(format!("ageing_time {}", seconds * 100)),
            Self::NoSnooping => Some("mcast_snooping 0".into()),
            Self::Querier => Some("mcast_querier 1".into()),
            // Set apart, see `bridge`.
            Self::Vlan(_) => None,
            _ => Some(String::new()),
        }
    }
}

/// A network to be.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// What is different about it.
    pub options: Vec<NetworkOption>,
    /// Its ports by number, each with what is different about it there.
    pub ports: BTreeMap<usize, Vec<PortOption>>,
}

/// A switch to be: so many ports, numbered from 1 on, and the networks that they are in.
#[derive(Clone, Debug)]
pub struct Layout {
    /// How many ports.
    pub ports: usize,
    /// The networks.
    pub networks: Vec<Network>,
}

impl Layout {
    /// A switch with so many ports, all as usual, in one network.
    pub fn ports(ports: usize) -> Self {
        let all = (1..=ports).map(|port| (port, Vec::new())).collect();
        let network = Network {
            options: Vec::new(),
            ports: all,
        };
        Self::networks(ports, vec![network])
    }

    /// A switch with so many ports in these networks.
    pub fn networks(ports: usize, networks: Vec<Network>) -> Self {
        Self { ports, networks }
    }

    /// Gives a port of the first network an option.
    #[must_use]
    pub fn port(mut self, port: usize, option: PortOption) -> Self {
        let ports = &mut self.networks[0].ports;
        ports.entry(port).or_default().push(option);
        self
    }

    /// Gives the first network an option.
    #[must_use]
    pub fn network(mut self, option: NetworkOption) -> Self {
        self.networks[0].options.push(option);
        self
    }

    /// Whether a network has this option.
    pub(super) fn has(&self, option: &NetworkOption) -> bool {
        let mut networks = self.networks.iter();
        networks.any(|network| network.options.contains(option))
    }

    /// Builds and starts it.
    pub fn start(&self, make: Make) -> Result<Switch> {
        Switch::start(self, make)
    }
}
