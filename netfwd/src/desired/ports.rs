//! Ports: existing interfaces, and pairs and taps that netfwd makes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use netfwd_common::maps::{self, FloodTarget, PortFlags, Vlan, VlanKey};

use super::{Attach, Builder, DesiredError, Device, Made, Numbered, entry};
use crate::config::{Pair, Port, PortAt, TapKind};
use crate::observed::{Hook, HookAt, Inner, Link, Program, Sysctl};

impl Builder<'_> {
    /// The ports of a network; gives their flood targets.
    pub(super) fn ports(
        &mut self,
        network: &Numbered<'_>,
    ) -> Result<Vec<FloodTarget>, DesiredError> {
        let mut targets = Vec::new();
        for port in &network.config.ports {
            let slot = self.port_slot(network, port)?;
            if self.made(network, port)? {
                targets.extend(self.port(network, port, slot)?);
            }
        }
        Ok(targets)
    }

    /// The device of a port, where netfwd makes it; whether it can be made.
    fn made(&mut self, network: &Numbered<'_>, port: &Port) -> Result<bool, DesiredError> {
        // A network before may have listed it, too.
        if self.out.devices.contains_key(&port.interface()) {
            return Ok(true);
        }
        match &port.at {
            PortAt::Interface(_) => {}
            PortAt::Tap(tap) => self.tap(network, &tap.name, tap.kind)?,
            PortAt::Pair(pair) if self.facts.namespaces.contains(&pair.netns) => {
                self.pair(network, port, pair)?;
            }
            PortAt::Pair(pair) => {
                let error = DesiredError::NoNamespace {
                    netns: pair.netns.clone(),
                    place: port.place.clone(),
                };
                self.lacking(error);
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn pair(
        &mut self,
        network: &Numbered<'_>,
        port: &Port,
        pair: &Pair,
    ) -> Result<(), DesiredError> {
        let inner = Inner {
            netns: pair.netns.clone(),
            name: pair.name.clone(),
            mac: port.mac,
            mtu: network.mtu,
            addresses: port.addresses.iter().copied().collect(),
            default_routes: default_routes(network, port, pair),
            gro: true,
            up: true,
        };
        let device = Device {
            made: Made::PairInto(inner),
            mac: None,
            mtu: network.mtu,
            addresses: [].into(),
            sysctls: BTreeMap::from([(Sysctl::DisableIpv6, 1)]),
        };
        self.device(&port.interface(), device)
    }

    fn tap(
        &mut self,
        network: &Numbered<'_>,
        name: &str,
        kind: TapKind,
    ) -> Result<(), DesiredError> {
        let device = Device {
            made: Made::Tap(kind),
            mac: None,
            mtu: network.mtu,
            addresses: [].into(),
            sysctls: BTreeMap::from([(Sysctl::DisableIpv6, 1)]),
        };
        self.device(name, device)
    }

    fn port(
        &mut self,
        network: &Numbered<'_>,
        port: &Port,
        slot: u32,
    ) -> Result<Vec<FloodTarget>, DesiredError> {
        let interface = port.interface();
        let existing = matches!(port.at, PortAt::Interface(_));
        let Some(link) = self.facts.links.get(&interface) else {
            if existing {
                self.lacking(DesiredError::NoInterface {
                    what: "port",
                    interface,
                    place: port.place.clone(),
                });
            }
            return Ok(Vec::new());
        };
        if existing {
            usable(port, &interface, link)?;
        }
        let entry = entry::of(network, port, link, slot, self.facts.xdp_targets);
        if entry.flags.has(PortFlags::OUTSIDE) {
            self.outside.insert(link.ifindex);
        }
        // Where several networks list it, its untagged frames decide whose it is.
        let ports = &mut self.out.maps.ports;
        if port.takes_untagged() || !ports.contains_key(&link.ifindex) {
            ports.insert(link.ifindex, entry);
        }
        entry::bindings(port, link.ifindex, &mut self.out.maps.bindings);
        let attach = Attach::tc(Program::PortIngress);
        self.out
            .hooks
            .insert(HookAt::new(&interface, Hook::Ingress), attach);
        Ok(self.vlans(network, port, link.ifindex, &entry))
    }

    /// The VLANs of a port in a network, and its flood target in each; none while it is shut.
    fn vlans(
        &mut self,
        network: &Numbered<'_>,
        port: &Port,
        ifindex: u32,
        entry: &maps::Port,
    ) -> Vec<FloodTarget> {
        let carried = network.config.carried(port);
        for (&vlan, &tag) in &carried {
            self.vlan(ifindex, entry, vlan, tag);
        }
        if self.facts.shut.contains(&ifindex) {
            return Vec::new();
        }
        let target = |(vlan, tag)| entry::target(ifindex, entry, vlan, tag);
        carried.into_iter().map(target).collect()
    }

    /// Where frames with a tag belong that came in by a port, given its entry in that network. VLAN 0 has no tag.
    pub(super) fn vlan(&mut self, ifindex: u32, entry: &maps::Port, vlan: u16, tag: u16) {
        if vlan == 0 {
            return;
        }
        let key = VlanKey {
            ifindex,
            vid: vlan,
            pad: 0,
        };
        let value = Vlan {
            network: entry.network,
            slot: entry.slot,
            vlan,
            tag,
        };
        self.out.maps.vlans.insert(key, value);
    }
}

fn default_routes(network: &Numbered<'_>, port: &Port, pair: &Pair) -> BTreeSet<IpAddr> {
    if !pair.default_route {
        return BTreeSet::new();
    }
    let gateways = network
        .config
        .gateway
        .iter()
        .flat_map(|gateway| &gateway.addresses);
    let near = |gateway: &&IpNet| {
        port.addresses
            .iter()
            .any(|own| own.contains(&gateway.addr()))
    };
    // One for each family: a second default route would be another route, not a spare.
    let mut routes = BTreeSet::new();
    for gateway in gateways.filter(near) {
        let family = gateway.addr().is_ipv4();
        if !routes
            .iter()
            .any(|other: &IpAddr| other.is_ipv4() == family)
        {
            routes.insert(gateway.addr());
        }
    }
    routes
}

fn usable(port: &Port, interface: &str, link: &Link) -> Result<(), DesiredError> {
    let netfwd = link
        .alias
        .as_deref()
        .is_some_and(|alias| alias.starts_with("netfwd:"));
    let why = match (link.loopback, netfwd) {
        (true, _) => "the loopback",
        (_, true) => "a device that netfwd made",
        _ => return Ok(()),
    };
    Err(DesiredError::NotAPort {
        interface: interface.to_owned(),
        why,
        place: port.place.clone(),
    })
}
