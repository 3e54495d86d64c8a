//! Every interface is one thing only: uplink, gateway device or port. A port alone may be in several
//! networks, each of which takes VLANs of its own from it.

use std::collections::BTreeMap;

use super::{Config, ConfigError, Network, Place, Port, PortOptions};

/// What an interface is used for.
#[derive(Clone, Copy)]
enum Use<'a> {
    Uplink,
    Gateway(&'a Place),
    Port(&'a Network, &'a Port),
}

/// Refuses interfaces that serve two purposes.
pub(super) fn interfaces(config: &Config) -> Result<(), ConfigError> {
    let uplinks = config.host.uplinks.iter();
    let mut all: Vec<(String, Use<'_>)> = uplinks.map(|name| (name.clone(), Use::Uplink)).collect();
    for network in &config.networks {
        if let Some(gateway) = &network.gateway {
            all.push((gateway.device.clone(), Use::Gateway(&gateway.place)));
        }
        let ports = network.ports.iter();
        all.extend(ports.map(|port| (port.label(), Use::Port(network, port))));
    }
    let mut seen: BTreeMap<String, Vec<Use<'_>>> = BTreeMap::new();
    for (name, purpose) in all {
        let others = seen.entry(name.clone()).or_default();
        for first in others.iter() {
            together(&name, *first, purpose)?;
        }
        others.push(purpose);
    }
    Ok(())
}

fn together(name: &str, first: Use<'_>, second: Use<'_>) -> Result<(), ConfigError> {
    let (first_place, place) = (first.place(), second.place());
    let refuse = |what: String| Err(ConfigError::new(&place, what));
    let used = format!("interface {name} is already used ({first_place})");
    let (Use::Port(network, one), Use::Port(other, two)) = (first, second) else {
        return refuse(format!("{used}; an interface serves one purpose"));
    };
    if network.name == other.name {
        return refuse(format!("{used}; a network lists it once"));
    }
    if one.takes_untagged() && two.takes_untagged() {
        return refuse(format!(
            "{used} for its untagged frames; give it a `trunk` and no `vlan` in one of the networks"
        ));
    }
    if let Some(vlan) = common(&network.carried(one), &other.carried(two)) {
        return refuse(format!(
            "VLAN {vlan} of interface {name} is already used ({first_place}); give it to one network"
        ));
    }
    if alike(one) != alike(two) {
        return refuse(format!(
            "interface {name} has other options at {first_place}; but for `vlan`, `trunk` and `tag_native` they must be the same"
        ));
    }
    Ok(())
}

/// The first VLAN of both.
fn common(one: &BTreeMap<u16, u16>, other: &BTreeMap<u16, u16>) -> Option<u16> {
    one.keys()
        .find(|vlan| **vlan != 0 && other.contains_key(vlan))
        .copied()
}

/// What must be the same wherever an interface is listed.
fn alike(port: &Port) -> Port {
    Port {
        options: PortOptions {
            vlan: None,
            trunk: [].into(),
            tag_native: false,
            ..port.options.clone()
        },
        place: Place::default(),
        ..port.clone()
    }
}

impl Use<'_> {
    fn place(self) -> Place {
        match self {
            Self::Uplink => Place::in_section("an uplink"),
            Self::Gateway(place) => place.clone(),
            Self::Port(_, port) => port.place.clone(),
        }
    }
}
