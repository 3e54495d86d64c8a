//! Which VLANs a network and its ports have.

use std::collections::{BTreeMap, BTreeSet};

use super::{Config, FdbEntry, FdbTarget, Network, Port};

/// The lowest and the highest VLAN: 0 is no VLAN but a priority, 4095 is reserved (IEEE 802.1Q-2018
/// table 9-2).
const RANGE: std::ops::RangeInclusive<u16> = 1..=4094;
/// What [`vlan`] accepts.
pub const VLAN: &str = "a VLAN from 1 to 4094";
/// What [`trunk`] accepts of each of its members.
pub const TRUNK: &str = "a VLAN from 1 to 4094, or a range of them such as \"100-199\"";

/// A VLAN.
pub fn vlan(number: i64) -> Option<u16> {
    let vlan = u16::try_from(number).ok()?;
    RANGE.contains(&vlan).then_some(vlan)
}

/// A VLAN, or a range of them, the lower first.
pub fn trunk(text: &str) -> Option<std::ops::RangeInclusive<u16>> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let (low, high) = (vlan(low.parse().ok()?)?, vlan(high.parse().ok()?)?);
    (low <= high).then_some(low..=high)
}

impl Config {
    /// The interfaces, as users name them, that several networks list: trunks of tenants.
    pub fn shared(&self) -> BTreeSet<String> {
        let ports = self.networks.iter().flat_map(|network| &network.ports);
        let (mut seen, mut shared) = (BTreeSet::new(), BTreeSet::new());
        for label in ports.map(Port::label) {
            if !seen.insert(label.clone()) {
                shared.insert(label);
            }
        }
        shared
    }
}

impl Network {
    /// Whether tags are VLANs on it; else they are payload. `shared` is [`Config::shared`]: where the
    /// tags of a port belong to other networks, they are no payload of this one.
    pub fn is_vlan_aware(&self, shared: &BTreeSet<String>) -> bool {
        let aware = |port: &Port| {
            let options = &port.options;
            options.vlan.is_some() || !options.trunk.is_empty() || shared.contains(&port.label())
        };
        self.switch.vlan.is_some() || self.ports.iter().any(aware)
    }

    /// Its own VLAN, 0 for none.
    pub fn own_vlan(&self) -> u16 {
        self.switch.vlan.unwrap_or(0)
    }

    /// The VLAN of a port's untagged frames, where it takes them.
    pub fn untagged(&self, port: &Port) -> Option<u16> {
        let vlan = port.options.vlan.unwrap_or(self.own_vlan());
        port.takes_untagged().then_some(vlan)
    }

    /// The VLANs of a port, each with the tag by which its frames leave, 0 for none.
    pub fn carried(&self, port: &Port) -> BTreeMap<u16, u16> {
        let tagged = port.options.trunk.iter().map(|vlan| (*vlan, *vlan));
        let mut carried: BTreeMap<u16, u16> = tagged.collect();
        if let Some(vlan) = self.untagged(port) {
            carried.insert(vlan, if port.options.tag_native { vlan } else { 0 });
        }
        carried
    }

    /// The tag by which frames of a VLAN go to peers, 0 for none.
    pub fn peer_tag(&self, vlan: u16) -> u16 {
        if vlan == self.own_vlan() { 0 } else { vlan }
    }

    /// The tag by which frames of a VLAN go to a target, where that carries it.
    pub fn tag(&self, target: &FdbTarget, vlan: u16) -> Option<u16> {
        match target {
            FdbTarget::Peer(_) => Some(self.peer_tag(vlan)),
            FdbTarget::Port(name) => {
                let port = self.ports.iter().find(|port| port.is(name))?;
                self.carried(port).get(&vlan).copied()
            }
        }
    }

    /// The VLAN of a static FDB entry.
    pub fn vlan_of(&self, entry: &FdbEntry) -> u16 {
        let of_port = |port: &Port| self.untagged(port);
        let default = match &entry.target {
            FdbTarget::Peer(_) => None,
            FdbTarget::Port(name) => self.ports.iter().find(|p| p.is(name)).and_then(of_port),
        };
        entry.vlan.or(default).unwrap_or(self.own_vlan())
    }
}

impl Port {
    /// Whether it takes untagged frames: a trunk does only with a native VLAN.
    pub fn takes_untagged(&self) -> bool {
        self.options.trunk.is_empty() || self.options.vlan.is_some()
    }
}
