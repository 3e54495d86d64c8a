//! Networks as commands give them.

use std::net::IpAddr;

use ipnet::IpNet;
use netfwd_common::vxlan::MAX_VNI;
use serde::{Deserialize, Serialize};

use super::ChangeError;
use super::spec::{bad, v4};
use crate::config::{self, Gateway, Masquerade, Network, Place, Switch};

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
    /// Whether its subnets are masqueraded.
    pub masquerade: bool,
    /// Other hosts' VTEPs.
    pub peers: Vec<IpAddr>,
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
        let peers = self
            .peers
            .iter()
            .map(|peer| Ok((v4(*peer)?, Place::default())));
        Ok(Network {
            vni: self.vni,
            mtu: self.mtu,
            switch: Switch::default(),
            peers: peers.collect::<Result<_, ChangeError>>()?,
            gateway,
            ports: Vec::new(),
            publishes: Vec::new(),
            fdb: Vec::new(),
            neighbours: Vec::new(),
            place: Place::default(),
            name,
        })
    }

    fn gateway(&self, name: &str) -> Result<Option<Gateway>, ChangeError> {
        if self.gateway.is_empty() {
            return if self.masquerade {
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
        if self.masquerade && !self.gateway.iter().any(|a| a.addr().is_ipv4()) {
            return bad("--masquerade needs an IPv4 address among those of --gateway");
        }
        Ok(Some(Gateway {
            device,
            addresses: self.gateway.clone(),
            mac: None,
            masquerade: if self.masquerade {
                Masquerade::Uplink
            } else {
                Masquerade::Off
            },
            place: Place::default(),
        }))
    }
}
