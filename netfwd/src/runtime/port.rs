//! Ports as commands give them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::ChangeError;
use super::spec::{bad, mac, vlan};
use crate::config::{self, Pair, Place, Port, PortAt, PortOptions, Tap, TapKind};

/// A port.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PortSpec {
    /// Its network; a `del` and a `set` need none.
    pub network: Option<String>,
    /// An existing interface. To delete, also `netns/name`, the pair's end here or a tap.
    pub interface: Option<String>,
    /// The namespace of a pair's other end.
    pub netns: Option<String>,
    /// The name of a pair's other end.
    pub name: Option<String>,
    /// The name of a tap.
    pub tap: Option<String>,
    /// Whether a tap takes several queues.
    pub multi_queue: bool,
    /// Whether a tap's frames have a virtio-net header; absent: they do.
    pub vnet_header: Option<bool>,
    /// The user who may open a tap besides root.
    pub owner: Option<u32>,
    /// The station's MAC.
    pub mac: Option<String>,
    /// The station's addresses; those of a pair with their prefixes.
    pub addresses: Vec<String>,
    /// Whether a pair's other end gets a default route.
    pub default_route: bool,
    /// What it takes and sends.
    #[serde(flatten)]
    pub options: PortChange,
}

/// What a port takes and sends; what is absent stays as it is, or is as it is by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PortChange {
    /// VLAN of its untagged frames; 0 for none of its own.
    pub vlan: Option<u16>,
    /// VLANs that it takes and sends tagged; none of them: it is no trunk.
    pub trunk: Option<BTreeSet<u16>>,
    /// Whether frames of `vlan` leave a trunk with their tag.
    pub tag_native: Option<bool>,
    /// Whether it reaches only ports that are not isolated.
    pub isolated: Option<bool>,
    /// Whether sources are learned.
    pub learning: Option<bool>,
    /// Whether unknown unicast is flooded to it.
    pub unknown_unicast: Option<bool>,
    /// Learned FDB entries that it may have, 0 for any number.
    pub max_learned: Option<u32>,
    /// Flooded frames a second that it may send, 0 for any number.
    pub storm_control: Option<u32>,
    /// Whether only the station's MAC and addresses may be sources.
    pub anti_spoof: Option<bool>,
    /// Whether a DHCP server or router stands behind it.
    pub server: Option<bool>,
    /// Whether no bridge may stand behind it.
    pub edge: Option<bool>,
    /// Whether frames may leave by the port that they came in by.
    pub hairpin: Option<bool>,
    /// Whether a multicast router stands behind it.
    pub multicast_router: Option<bool>,
    /// Whether the interface's own address stays with the host's stack.
    pub outside: Option<bool>,
}

impl PortSpec {
    /// The port that it describes.
    pub fn port(&self) -> Result<Port, ChangeError> {
        let at = match (&self.interface, &self.netns, &self.name, &self.tap) {
            (Some(interface), None, None, None) => PortAt::Interface(interface_name(interface)?),
            (None, Some(netns), Some(name), None) => PortAt::Pair(self.pair(netns, name)?),
            (None, None, None, Some(tap)) => PortAt::Tap(self.tap(tap)?),
            _ => {
                return bad(
                    "a port is either an existing INTERFACE, --netns and --name of a pair that netfwd makes, or --tap of a tap that netfwd makes",
                );
            }
        };
        self.fits(&at)?;
        Ok(Port {
            mac: self.mac.as_deref().map(mac).transpose()?,
            addresses: self.addresses(&at)?,
            options: self.options.options()?,
            place: Place::default(),
            at,
        })
    }

    /// Refuses options of another kind of port.
    fn fits(&self, at: &PortAt) -> Result<(), ChangeError> {
        let tap = self.multi_queue || self.vnet_header.is_some() || self.owner.is_some();
        if self.default_route && !matches!(at, PortAt::Pair(_)) {
            return bad("--default-route is for a pair that netfwd makes; leave it out");
        }
        if tap && !matches!(at, PortAt::Tap(_)) {
            return bad(
                "--multi-queue, --vnet-header and --owner are for a tap that netfwd makes; leave them out",
            );
        }
        if self.options.outside.is_some() && !matches!(at, PortAt::Interface(_)) {
            return bad("--outside is for an existing interface; leave it out");
        }
        Ok(())
    }

    fn addresses(&self, at: &PortAt) -> Result<Vec<ipnet::IpNet>, ChangeError> {
        let (parse, what): (fn(&str) -> Option<ipnet::IpNet>, _) = match at {
            PortAt::Pair(_) => (config::host_address, config::ADDRESS),
            _ => (
                |text| config::station(text).map(Into::into),
                config::STATION,
            ),
        };
        let addresses = self.addresses.iter().map(|text| match parse(text) {
            Some(address) => Ok(address),
            None => bad(format!("`{text}` is not {what}")),
        });
        addresses.collect()
    }

    fn pair(&self, netns: &str, name: &str) -> Result<Pair, ChangeError> {
        let Some(netns) = config::netns_name(netns) else {
            return bad(format!(
                "`{netns}` is no network namespace; use a name under /run/netns or an absolute path"
            ));
        };
        Ok(Pair {
            netns,
            name: interface_name(name)?,
            default_route: self.default_route,
        })
    }

    fn tap(&self, name: &str) -> Result<Tap, ChangeError> {
        Ok(Tap {
            name: interface_name(name)?,
            kind: TapKind {
                multi_queue: self.multi_queue,
                vnet_header: self.vnet_header.unwrap_or(TapKind::default().vnet_header),
                owner: self.owner,
            },
        })
    }

    /// How the command names the port.
    pub fn label(&self) -> String {
        match (&self.interface, &self.tap, &self.netns, &self.name) {
            (Some(interface), ..) => interface.clone(),
            (None, Some(tap), ..) => tap.clone(),
            (None, None, Some(netns), Some(name)) => format!("{netns}/{name}"),
            _ => String::new(),
        }
    }
}

fn interface_name(text: &str) -> Result<String, ChangeError> {
    match config::device_name(text) {
        Some(name) => Ok(name),
        None => bad(format!(
            "`{text}` is no interface name; use 1 to 15 characters"
        )),
    }
}

impl PortChange {
    /// The options that it describes, from the defaults on.
    fn options(&self) -> Result<PortOptions, ChangeError> {
        let trunk = self.trunk.clone().unwrap_or_default();
        for number in &trunk {
            vlan(*number)?;
        }
        let on = |switch: Option<bool>| switch.unwrap_or_default();
        let options = PortOptions {
            vlan: self.vlan.filter(|vlan| *vlan != 0).map(vlan).transpose()?,
            trunk,
            tag_native: on(self.tag_native),
            isolated: on(self.isolated),
            learning: self.learning,
            unknown_unicast: self.unknown_unicast,
            max_learned: self.max_learned,
            storm_control: self.storm_control,
            anti_spoof: on(self.anti_spoof),
            server: on(self.server),
            edge: on(self.edge),
            hairpin: on(self.hairpin),
            multicast_router: on(self.multicast_router),
            outside: self.outside,
        };
        match options.contradiction() {
            Some(message) => bad(message),
            None => Ok(options),
        }
    }

    /// This change after another one.
    #[must_use]
    pub fn over(self, before: Self) -> Self {
        Self {
            vlan: self.vlan.or(before.vlan),
            trunk: self.trunk.or(before.trunk),
            tag_native: self.tag_native.or(before.tag_native),
            isolated: self.isolated.or(before.isolated),
            learning: self.learning.or(before.learning),
            unknown_unicast: self.unknown_unicast.or(before.unknown_unicast),
            max_learned: self.max_learned.or(before.max_learned),
            storm_control: self.storm_control.or(before.storm_control),
            anti_spoof: self.anti_spoof.or(before.anti_spoof),
            server: self.server.or(before.server),
            edge: self.edge.or(before.edge),
            hairpin: self.hairpin.or(before.hairpin),
            multicast_router: self.multicast_router.or(before.multicast_router),
            outside: self.outside.or(before.outside),
        }
    }

    /// Whether it changes the port's VLANs, which differ from network to network.
    pub fn is_of_vlans(&self) -> bool {
        self.vlan.is_some() || self.trunk.is_some() || self.tag_native.is_some()
    }

    /// The part that is the same in every network that lists the port.
    #[must_use]
    pub fn without_vlans(&self) -> Self {
        Self {
            vlan: None,
            trunk: None,
            tag_native: None,
            ..self.clone()
        }
    }
}
