//! Objects as commands give them, and as the control socket and the state file carry them.

use std::net::IpAddr;

use netfwd_common::addr::Mac;
use serde::{Deserialize, Serialize};

use super::ChangeError;
use crate::config::{self, FdbEntry, FdbTarget, Neighbour, Network, Peer, PeerAt, Place};

/// A peer of a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerSpec {
    /// The network.
    pub network: String,
    /// The peer's VTEP, with its UDP port where that is one of its own.
    pub address: PeerAt,
}

/// What kind of FDB entry a command adds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FdbKind {
    /// Ages and moves, as if learned.
    #[default]
    Learned,
    /// Ages, but never moves.
    Sticky,
    /// Never ages, never moves; kept across restarts like the file's.
    Static,
}

/// An FDB entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FdbSpec {
    /// The network.
    pub network: String,
    /// The station.
    pub mac: String,
    /// The port that it is behind.
    pub port: Option<String>,
    /// The peer that it is behind.
    pub peer: Option<IpAddr>,
    /// Its VLAN; absent: that of the port's untagged frames, else the network's.
    pub vlan: Option<u16>,
    /// Its kind.
    pub kind: FdbKind,
}

/// A neighbour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NeighSpec {
    /// The network.
    pub network: String,
    /// The address.
    pub ip: IpAddr,
    /// The MAC; a `del` needs none.
    #[serde(default)]
    pub mac: Option<String>,
    /// The VLAN; absent: the network's.
    #[serde(default)]
    pub vlan: Option<u16>,
}

pub(super) fn bad<T>(message: impl Into<String>) -> Result<T, ChangeError> {
    Err(ChangeError::Bad(message.into()))
}

impl PeerSpec {
    /// The peer that it describes.
    pub fn peer(&self) -> Peer {
        Peer {
            at: self.address,
            place: Place::default(),
        }
    }
}

impl FdbSpec {
    /// The station.
    pub fn station(&self) -> Result<Mac, ChangeError> {
        mac(&self.mac)
    }

    /// The entry that it describes.
    pub fn entry(&self) -> Result<FdbEntry, ChangeError> {
        let target = match (&self.port, self.peer) {
            (Some(port), None) => FdbTarget::Port(port.clone()),
            (None, Some(peer)) => FdbTarget::Peer(underlay(peer)?),
            _ => return bad("an FDB entry needs either --port or --peer"),
        };
        Ok(FdbEntry {
            mac: self.station()?,
            vlan: self.vlan.map(vlan).transpose()?,
            target,
            place: Place::default(),
        })
    }
}

impl FdbSpec {
    /// How users name it.
    pub fn what(&self) -> String {
        let (mac, network) = (&self.mac, &self.network);
        match self.vlan {
            None => format!("FDB entry {mac} of network {network}"),
            Some(vlan) => format!("FDB entry {mac} of VLAN {vlan} of network {network}"),
        }
    }

    /// The VLAN that it is in; that of the only entry of the station for a `del`, which names no port.
    pub fn vlan_in(&self, network: &Network) -> Result<u16, ChangeError> {
        if let Some(given) = self.vlan {
            return vlan(given);
        }
        if self.port.is_some() || self.peer.is_some() {
            return Ok(network.vlan_of(&self.entry()?));
        }
        let mac = self.station()?;
        let entries = network.fdb.iter().filter(|entry| entry.mac == mac);
        let mut vlans = entries.map(|entry| network.vlan_of(entry));
        let first = vlans.next().unwrap_or(network.own_vlan());
        if vlans.next().is_some() {
            let what = self.what();
            return bad(format!(
                "{what} is in several VLANs; say with --vlan which is meant"
            ));
        }
        Ok(first)
    }
}

impl NeighSpec {
    /// How users name it.
    pub fn what(&self) -> String {
        let (ip, network) = (self.ip, &self.network);
        match self.vlan {
            None => format!("neighbour {ip} of network {network}"),
            Some(vlan) => format!("neighbour {ip} of VLAN {vlan} of network {network}"),
        }
    }

    /// The neighbour that it describes.
    pub fn neighbour(&self) -> Result<Neighbour, ChangeError> {
        let text = self.ip.to_string();
        let Some(ip) = config::station(&text) else {
            return bad(format!("`{text}` is not {}", config::STATION));
        };
        Ok(Neighbour {
            ip,
            mac: mac(self.mac.as_deref().unwrap_or_default())?,
            vlan: self.vlan.map(vlan).transpose()?,
            place: Place::default(),
        })
    }
}

pub(super) fn vlan(number: u16) -> Result<u16, ChangeError> {
    match config::vlan(number.into()) {
        Some(vlan) => Ok(vlan),
        None => bad(format!("{number} is not {}", config::VLAN)),
    }
}

pub(super) fn mac(text: &str) -> Result<Mac, ChangeError> {
    match config::unicast_mac(text) {
        Some(mac) => Ok(mac),
        None => bad(format!("`{text}` is not {}", config::MAC)),
    }
}

fn underlay(address: IpAddr) -> Result<IpAddr, ChangeError> {
    match config::vtep(&address.to_string()) {
        Some(address) => Ok(address),
        None => bad(format!(
            "{address} is no peer's address; use {}",
            config::VTEP
        )),
    }
}
