//! Objects as commands give them, and as the control socket and the state file carry them.

use std::net::IpAddr;

use ipnet::IpNet;
use netfwd_common::addr::Mac;
use serde::{Deserialize, Serialize};

use super::ChangeError;
use crate::config::{self, FdbEntry, FdbTarget, Pair, Place, Port, PortAt, PortOptions, Publish};

/// A port.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PortSpec {
    /// Its network; a `del` needs none.
    pub network: Option<String>,
    /// An existing interface. To delete, also `netns/name` or the pair's end here.
    pub interface: Option<String>,
    /// The namespace of a pair's other end.
    pub netns: Option<String>,
    /// The name of a pair's other end.
    pub name: Option<String>,
    /// The MAC of a pair's other end.
    pub mac: Option<String>,
    /// Addresses of a pair's other end.
    pub addresses: Vec<IpNet>,
    /// Whether a pair's other end gets a default route.
    pub default_route: bool,
    /// Whether it reaches only ports that are not isolated.
    pub isolated: bool,
}

/// A peer of a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerSpec {
    /// The network.
    pub network: String,
    /// The peer's VTEP.
    pub address: IpAddr,
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
    /// Its kind.
    pub kind: FdbKind,
}

/// A published port.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PublishSpec {
    /// `[address:]port[-port]/proto`.
    pub listen: String,
    /// `address:port`; a `del` needs none.
    pub to: Option<String>,
    /// Its network; a `del` needs none.
    pub network: Option<String>,
}

pub(super) fn bad<T>(message: impl Into<String>) -> Result<T, ChangeError> {
    Err(ChangeError::Bad(message.into()))
}

impl PortSpec {
    /// The port that it describes.
    pub fn port(&self) -> Result<Port, ChangeError> {
        let at = match (&self.interface, &self.netns, &self.name) {
            (Some(interface), None, None) => PortAt::Interface(self.existing(interface)?),
            (None, Some(netns), Some(name)) => PortAt::Pair(self.pair(netns, name)?),
            _ => {
                return bad(
                    "a port is either an existing INTERFACE, or --netns and --name of a pair that netfwd makes",
                );
            }
        };
        Ok(Port {
            at,
            mac: self.mac.as_deref().map(mac).transpose()?,
            addresses: self.addresses.clone(),
            options: PortOptions {
                isolated: self.isolated,
                ..PortOptions::default()
            },
            place: Place::default(),
        })
    }

    fn existing(&self, interface: &str) -> Result<String, ChangeError> {
        if self.mac.is_some() || !self.addresses.is_empty() || self.default_route {
            return bad(
                "--mac, --address and --default-route are for a pair that netfwd makes; leave them out",
            );
        }
        match config::device_name(interface) {
            Some(name) => Ok(name),
            None => bad(format!(
                "`{interface}` is no interface name; use 1 to 15 characters"
            )),
        }
    }

    fn pair(&self, netns: &str, name: &str) -> Result<Pair, ChangeError> {
        let Some(name) = config::device_name(name) else {
            return bad(format!(
                "`{name}` is no interface name; use 1 to 15 characters"
            ));
        };
        let Some(netns) = config::netns_name(netns) else {
            return bad(format!(
                "`{netns}` is no network namespace; use a name under /run/netns or an absolute path"
            ));
        };
        Ok(Pair {
            netns,
            name,
            default_route: self.default_route,
        })
    }

    /// How the command names the port.
    pub fn label(&self) -> String {
        match (&self.interface, &self.netns, &self.name) {
            (Some(interface), ..) => interface.clone(),
            (None, Some(netns), Some(name)) => format!("{netns}/{name}"),
            _ => String::new(),
        }
    }
}

impl PeerSpec {
    /// The peer's address, which this version can use.
    pub fn peer(&self) -> Result<IpAddr, ChangeError> {
        v4(self.address)
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
            (None, Some(peer)) => FdbTarget::Peer(v4(peer)?),
            _ => return bad("an FDB entry needs either --port or --peer"),
        };
        Ok(FdbEntry {
            mac: self.station()?,
            vlan: None,
            target,
            place: Place::default(),
        })
    }
}

impl PublishSpec {
    /// The listener.
    pub fn listener(&self) -> Result<config::Listen, ChangeError> {
        match config::listen(&self.listen) {
            Some(listen) => Ok(listen),
            None => bad(format!(
                "`{}` is no listener; it is {}",
                self.listen,
                config::LISTEN
            )),
        }
    }

    /// The publish that it describes.
    pub fn publish(&self) -> Result<Publish, ChangeError> {
        let text = self.to.as_deref().unwrap_or_default();
        let Some((to, to_port)) = config::endpoint(text) else {
            return bad(format!(
                "`{text}` is no destination; it is {}",
                config::ENDPOINT
            ));
        };
        let publish = Publish {
            listen: self.listener()?,
            to,
            to_port,
            place: Place::default(),
        };
        publish
            .fits()
            .map_err(|error| ChangeError::Bad(error.message))?;
        Ok(publish)
    }
}

fn mac(text: &str) -> Result<Mac, ChangeError> {
    match config::unicast_mac(text) {
        Some(mac) => Ok(mac),
        None => bad(format!("`{text}` is not {}", config::MAC)),
    }
}

pub(super) fn v4(address: IpAddr) -> Result<IpAddr, ChangeError> {
    if address.is_ipv6() {
        return bad(format!(
            "peer {address} is IPv6, which is not in this version of netfwd yet; use IPv4"
        ));
    }
    if address.is_unspecified() || address.is_multicast() {
        return bad(format!("{address} is no peer's address; use a unicast one"));
    }
    Ok(address)
}
