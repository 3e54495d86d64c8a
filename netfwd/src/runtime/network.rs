//! Networks as commands give them.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use netfwd_common::vxlan::MAX_VNI;
use serde::{Deserialize, Serialize};

use super::ChangeError;
use super::spec::{bad, vlan};
use crate::config::{self, Gateway, Masquerade, Network, Peer, PeerAt, Place, Switch};

/// A network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NetworkSpec {
    /// Its name.
    pub name: String,
    /// Its VNI.
    pub vni: Option<u32>,
    /// Its MTU.
    pub mtu: Option<u32>,
    /// Addresses of its gateway; none: no gateway.
    pub gateway: Vec<IpNet>,
    /// To what its subnets are masqueraded.
    pub masquerade: MasqueradeSpec,
    /// Other hosts' VTEPs.
    pub peers: Vec<PeerAt>,
    /// The multicast group by which it floods.
    pub group: Option<IpAddr>,
    /// The VTEP that its peers of that family see.
    pub vtep: Option<IpAddr>,
    /// Whether VXLAN from an address that is no peer is accepted.
    pub unknown_sources: Option<bool>,
    /// How it learns and floods.
    #[serde(flatten)]
    pub switch: SwitchChange,
}

/// To what the subnets of a network are masqueraded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum MasqueradeSpec {
    /// To the uplink's addresses, or not at all.
    Uplink(bool),
    /// As these words say, one for each family.
    Words(Vec<String>),
}

impl Default for MasqueradeSpec {
    fn default() -> Self {
        Self::Uplink(false)
    }
}

impl MasqueradeSpec {
    fn masquerade(&self) -> Result<Masquerade, ChangeError> {
        let words = match self {
            Self::Uplink(true) => return Ok(Masquerade::UPLINK),
            Self::Uplink(false) => return Ok(Masquerade::OFF),
            Self::Words(words) => words,
        };
        let each: Vec<&str> = words.iter().map(String::as_str).collect();
        match Masquerade::parse(&each) {
            Some(masquerade) => Ok(masquerade),
            None => bad(format!(
                "`{}` is nothing to masquerade as; use {}",
                words.join(","),
                config::MASQUERADE
            )),
        }
    }
}

/// How a network learns and floods; what is absent is as it is by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SwitchChange {
    /// Its own VLAN.
    pub vlan: Option<u16>,
    /// Seconds that a learned FDB entry lives unrefreshed.
    pub ageing_seconds: Option<u64>,
    /// Whether sources are learned.
    pub learning: Option<bool>,
    /// Whether unknown unicast is flooded.
    pub unknown_unicast: Option<bool>,
    /// Learned FDB entries that each of its ports may have; 0 for any number.
    pub max_learned: Option<u32>,
    /// Learned FDB entries that it may have in all; 0 for any number.
    pub max_learned_total: Option<u32>,
    /// Flooded frames a second that each of its ports may send; 0 for any number.
    pub storm_control: Option<u32>,
    /// Whether ARP and ND are answered from the neighbours.
    pub arp_suppression: Option<bool>,
    /// Whether IP multicast goes to members and routers alone.
    pub multicast_snooping: Option<bool>,
    /// Whether netfwd asks for members where no router does.
    pub multicast_querier: Option<bool>,
}

fn group(address: IpAddr) -> Result<(IpAddr, Place), ChangeError> {
    match config::group(&address.to_string()) {
        Some(group) => Ok((group, Place::default())),
        None => bad(format!("{address} is no group; use {}", config::GROUP)),
    }
}

fn vtep(address: IpAddr) -> Result<(IpAddr, Place), ChangeError> {
    match config::vtep(&address.to_string()) {
        Some(vtep) => Ok((vtep, Place::default())),
        None => bad(format!("{address} is no VTEP; use {}", config::VTEP)),
    }
}

impl SwitchChange {
    fn switch(&self) -> Result<Switch, ChangeError> {
        let default = Switch::default();
        let seconds = self.ageing_seconds.map(Duration::from_secs);
        let ageing = seconds.unwrap_or(default.ageing);
        if !config::is_ageing(ageing) {
            let seconds = ageing.as_secs();
            return bad(format!(
                "{seconds} s is no time for ageing; use 10 to 1000000"
            ));
        }
        let switch = Switch {
            vlan: self.vlan.map(vlan).transpose()?,
            ageing,
            learning: self.learning.unwrap_or(default.learning),
            unknown_unicast: self.unknown_unicast.unwrap_or(default.unknown_unicast),
            max_learned: self.max_learned.unwrap_or_default(),
            max_learned_total: self.max_learned_total.unwrap_or_default(),
            storm_control: self.storm_control.unwrap_or_default(),
            arp_suppression: self.arp_suppression.unwrap_or(default.arp_suppression),
            multicast_snooping: self
                .multicast_snooping
                .unwrap_or(default.multicast_snooping),
            multicast_querier: self.multicast_querier.unwrap_or(default.multicast_querier),
        };
        match switch.contradiction() {
            Some(message) => bad(message),
            None => Ok(switch),
        }
    }
}

impl NetworkSpec {
    /// The network that it describes.
    pub fn network(&self) -> Result<Network, ChangeError> {
        let Some(name) = config::instance_name(&self.name) else {
            return bad(format!(
                "`{}` is no name for a network; use letters, digits, `-`, `_` and `.`",
                self.name
            ));
        };
        if let Some(vni) = self.vni.filter(|vni| !(1..=MAX_VNI).contains(vni)) {
            return bad(format!("{vni} is no VNI; use 1 to {MAX_VNI}"));
        }
        if let Some(mtu) = self.mtu.filter(|mtu| !(576..=65535).contains(mtu)) {
            return bad(format!("{mtu} is no MTU; use 576 to 65535"));
        }
        let gateway = self.gateway(&name)?;
        let peer = |at: &PeerAt| Peer {
            at: *at,
            place: Place::default(),
        };
        Ok(Network {
            vni: self.vni,
            mtu: self.mtu,
            switch: self.switch.switch()?,
            peers: self.peers.iter().map(peer).collect(),
            group: self.group.map(group).transpose()?,
            vtep: self.vtep.map(vtep).transpose()?,
            accept_unknown: self.unknown_sources,
            gateway,
            ports: Vec::new(),
            publishes: Vec::new(),
            floatings: Vec::new(),
            fdb: Vec::new(),
            neighbours: Vec::new(),
            place: Place::default(),
            name,
        })
    }

    fn gateway(&self, name: &str) -> Result<Option<Gateway>, ChangeError> {
        let masquerade = self.masquerade.masquerade()?;
        if self.gateway.is_empty() {
            return if masquerade.is_on() {
                bad("--masquerade needs a gateway; give one with --gateway CIDR")
            } else {
                Ok(None)
            };
        }
        let Some(device) = config::device_name(name) else {
            return bad(format!(
                "`{name}` is too long for a gateway device; use at most 15 characters"
            ));
        };
        let address = |net: &IpNet| match config::host_address(&net.to_string()) {
            Some(address) => Ok(address),
            None => bad(format!("`{net}` is not {}", config::ADDRESS)),
        };
        let gateway = Gateway {
            device,
            addresses: self.gateway.iter().map(address).collect::<Result<_, _>>()?,
            mac: None,
            masquerade,
            place: Place::default(),
        };
        match gateway.untranslatable() {
            Some(message) => bad(message),
            None => Ok(Some(gateway)),
        }
    }
}
