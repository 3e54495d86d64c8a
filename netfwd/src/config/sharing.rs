//! Every interface is one thing only: uplink, gateway device or port. A port alone may be in several
//! networks, each of which takes VLANs of its own from it.

use std::collections::BTreeMap;

use super::{Config, ConfigError, Network, Place, Port, PortOptions};

/// What an interface is used for.
#[derive(Clone, Copy)]
enum Use<'a> {
    Uplink(&'a Place),
    Gateway(&'a Place),
    Port(&'a Network, &'a Port),
}

/// Refuses interfaces that serve two purposes.
pub(super) fn interfaces(config: &Config) -> Result<(), ConfigError> {
    let mut seen: BTreeMap<String, Uses<'_>> = BTreeMap::new();
    let mut take = |name: String, purpose| {
        let uses = seen.entry(name.clone()).or_default();
        uses.take(&name, purpose)
    };
    for name in &config.host.uplinks {
        take(name.clone(), Use::Uplink(&config.host.uplinks_at))?;
    }
    for network in &config.networks {
        if let Some(gateway) = &network.gateway {
            take(gateway.device.clone(), Use::Gateway(&gateway.place))?;
        }
        for port in &network.ports {
            take(port.label(), Use::Port(network, port))?;
        }
    }
    Ok(())
}

/// What an interface is used for so far. Each new use is looked up here, and not compared with every
/// other: a trunk may be in thousands of networks.
#[derive(Default)]
struct Uses<'a> {
    first: Option<Use<'a>>,
    networks: BTreeMap<&'a str, &'a Port>,
    untagged: Option<&'a Port>,
    vlans: BTreeMap<u16, &'a Port>,
}

impl<'a> Uses<'a> {
    fn take(&mut self, name: &str, purpose: Use<'a>) -> Result<(), ConfigError> {
        if let Some(first) = self.first {
            self.together(name, first, purpose)?;
        }
        self.first.get_or_insert(purpose);
        if let Use::Port(network, port) = purpose {
            self.networks.insert(&network.name, port);
            if port.takes_untagged() {
                self.untagged = Some(port);
            }
            let vlans = network.carried(port).into_keys();
            self.vlans.extend(vlans.map(|vlan| (vlan, port)));
        }
        Ok(())
    }

    fn together(&self, name: &str, first: Use<'_>, second: Use<'_>) -> Result<(), ConfigError> {
        let place = second.place();
        let refuse = |what: String| Err(ConfigError::new(&place, what));
        let used = |before: &Place| format!("interface {name} is already used ({before})");
        let (Use::Port(_, one), Use::Port(network, port)) = (first, second) else {
            let used = used(&first.place());
            return refuse(format!("{used}; an interface serves one purpose"));
        };
        if let Some(before) = self.networks.get(network.name.as_str()) {
            let used = used(&before.place);
            return refuse(format!("{used}; a network lists it once"));
        }
        if let Some(before) = self.untagged.filter(|_| port.takes_untagged()) {
            let used = used(&before.place);
            return refuse(format!(
                "{used} for its untagged frames; give it a `trunk` and no `vlan` in one of the networks"
            ));
        }
        if let Some((vlan, before)) = self.common(network, port) {
            return refuse(format!(
                "VLAN {vlan} of interface {name} is already used ({}); give it to one network",
                before.place
            ));
        }
        if alike(one) != alike(port) {
            return refuse(format!(
                "interface {name} has other options at {}; but for `vlan`, `trunk` and `tag_native` they must be the same",
                one.place
            ));
        }
        Ok(())
    }

    /// The first VLAN of a port that another network has already, and where.
    fn common(&self, network: &Network, port: &Port) -> Option<(u16, &'a Port)> {
        let vlans = network.carried(port).into_keys();
        let mut vlans = vlans.filter(|vlan| *vlan != 0);
        vlans.find_map(|vlan| Some((vlan, *self.vlans.get(&vlan)?)))
    }
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
            Self::Uplink(place) | Self::Gateway(place) => place.clone(),
            Self::Port(_, port) => port.place.clone(),
        }
    }
}
