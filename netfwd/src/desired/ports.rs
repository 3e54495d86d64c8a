//! Ports: existing interfaces and pairs that netfwd makes, and static FDB entries.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use netfwd_common::maps::{self, Deliver, FdbFlags, FdbKey, FloodTarget, PortFlags};

use super::{Attach, Builder, DesiredError, Device, Made, Numbered};
use crate::address::to_addr;
use crate::config::{FdbEntry, FdbTarget, Pair, Port, PortAt};
use crate::ids::Scope;
use crate::observed::{Hook, HookAt, Inner, Link, Program, Sysctl};

impl Builder<'_> {
    /// The ports of a network; gives their flood targets.
    pub(super) fn ports(
        &mut self,
        network: &Numbered<'_>,
    ) -> Result<Vec<FloodTarget>, DesiredError> {
        let mut targets = Vec::new();
        for port in &network.config.ports {
            let slot = self.ids.slot(Scope::Port, &port.interface())?;
            if let PortAt::Pair(pair) = &port.at {
                if !self.facts.namespaces.contains(&pair.netns) {
                    self.lacking(DesiredError::NoNamespace {
                        netns: pair.netns.clone(),
                        place: port.place.clone(),
                    });
                    continue;
                }
                self.pair(network, port, pair)?;
            }
            targets.extend(self.port(network, port, slot)?);
        }
        Ok(targets)
    }

    /// The static FDB entries of a network, whose ports and peers are known by now.
    pub(super) fn static_fdb(&mut self, network: &Numbered<'_>) {
        for entry in &network.config.fdb {
            self.fdb(network, entry);
        }
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

    fn port(
        &mut self,
        network: &Numbered<'_>,
        port: &Port,
        slot: u32,
    ) -> Result<Option<FloodTarget>, DesiredError> {
        let interface = port.interface();
        let made = matches!(port.at, PortAt::Pair(_));
        let Some(link) = self.facts.links.get(&interface) else {
            if !made {
                self.lacking(DesiredError::NoInterface {
                    what: "port",
                    interface,
                    place: port.place.clone(),
                });
            }
            return Ok(None);
        };
        if !made {
            usable(port, &interface, link)?;
        }
        let entry = entry(network, port, link, slot);
        self.out.maps.ports.insert(link.ifindex, entry);
        let attach = Attach::tc(Program::PortIngress);
        self.out
            .hooks
            .insert(HookAt::new(&interface, Hook::Ingress), attach);
        Ok(Some(target(link.ifindex, &entry)))
    }

    /// A static FDB entry, once its port exists.
    fn fdb(&mut self, network: &Numbered<'_>, entry: &FdbEntry) {
        let value = match &entry.target {
            FdbTarget::Peer(peer) => self.fdb_peer(to_addr(*peer)),
            FdbTarget::Port(name) => self.fdb_port(network, name),
        };
        let key = FdbKey {
            network: network.id,
            vlan: 0,
            mac: entry.mac,
        };
        if let Some(value) = value {
            self.out.maps.fdb.insert(key, value);
        }
    }

    fn fdb_peer(&self, peer: netfwd_common::addr::Addr) -> Option<maps::FdbEntry> {
        let address = crate::address::from_addr(&peer).to_string();
        Some(maps::FdbEntry {
            peer,
            slot: *self.ids.peer_slots.get(&address)?,
            ..static_entry()
        })
    }

    fn fdb_port(&self, network: &Numbered<'_>, name: &str) -> Option<maps::FdbEntry> {
        let port = network.config.ports.iter().find(|port| port.is(name))?;
        let ifindex = self.ifindex(&port.interface())?;
        let entry = self.out.maps.ports.get(&ifindex)?;
        Some(maps::FdbEntry {
            ifindex,
            slot: entry.slot,
            flags: fdb_flags(entry.flags).with(FdbFlags::STATIC),
            deliver: entry.deliver,
            ..static_entry()
        })
    }
}

/// A static entry that leads nowhere yet.
pub(super) fn static_entry() -> maps::FdbEntry {
    maps::FdbEntry {
        flags: FdbFlags::STATIC,
        ..maps::FdbEntry::default()
    }
}

/// What an FDB entry repeats of its port.
pub fn fdb_flags(port: PortFlags) -> FdbFlags {
    FdbFlags::default()
        .with_if(FdbFlags::ISOLATED, port.has(PortFlags::ISOLATED))
        .with_if(FdbFlags::XDP_TARGET, port.has(PortFlags::XDP_TARGET))
}

/// A port's flood target.
pub(super) fn target(ifindex: u32, port: &maps::Port) -> FloodTarget {
    FloodTarget {
        ifindex,
        ingress_ifindex: ifindex,
        slot: port.slot,
        flags: port.flags,
        deliver: port.deliver,
        ..FloodTarget::default()
    }
}

fn entry(network: &Numbered<'_>, port: &Port, link: &Link, slot: u32) -> maps::Port {
    let config = network.config;
    let made = matches!(port.at, PortAt::Pair(_));
    let (options, default) = (&port.options, &config.switch);
    let unknown = options.unknown_unicast.unwrap_or(default.unknown_unicast);
    let deliver = if link.peer_in_other_netns {
        Deliver::Peer
    } else {
        Deliver::Transmit
    };
    maps::Port {
        network: network.id,
        slot,
        flags: PortFlags::default()
            .with_if(
                PortFlags::LEARNING,
                options.learning.unwrap_or(default.learning),
            )
            .with_if(PortFlags::ISOLATED, options.isolated)
            .with_if(PortFlags::UNKNOWN_UNICAST, unknown)
            .with_if(PortFlags::XDP_TARGET, made),
        deliver: deliver as u8,
        ..maps::Port::default()
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
