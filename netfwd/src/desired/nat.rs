//! Subnets, publishes, and the neighbours that published ports need.

use std::net::{IpAddr, Ipv4Addr};

use netfwd_common::addr::{Mac, UNSPECIFIED};
use netfwd_common::maps::{self, PublishFlags, PublishKey, Subnet, TargetFlags, TargetKey};

use super::{Builder, Numbered};
use crate::address::{to_addr, to_prefix};
use crate::config::{Gateway, Masquerade, Network, Port, PortAt, Publish};
use crate::observed::Neighbour;

impl Builder<'_> {
    pub(super) fn subnets(&mut self, network: &Numbered<'_>, gateway: &Gateway) {
        for address in &gateway.addresses {
            let v4 = address.addr().is_ipv4();
            let subnet = Subnet {
                source: match gateway.masquerade {
                    Masquerade::To(source) if v4 => to_addr(source),
                    _ => UNSPECIFIED,
                },
                sources: u32::from(v4 && matches!(gateway.masquerade, Masquerade::To(_))),
                network: network.id,
                masquerade: u32::from(v4 && gateway.masquerade != Masquerade::Off),
                pad: 0,
            };
            self.out.maps.subnets.insert(to_prefix(address), subnet);
        }
    }

    pub(super) fn publishes(&mut self, network: &Numbered<'_>) {
        let Some(gateway) = &network.config.gateway else {
            return;
        };
        for publish in &network.config.publishes {
            self.publish(network.id, publish);
            self.out.neighbours.insert(Neighbour {
                interface: gateway.device.clone(),
                address: publish.to,
                mac: known_mac(network.config, publish.to),
            });
        }
    }

    fn publish(&mut self, network: u32, publish: &Publish) {
        let group = self.out.maps.targets.len() as u32;
        let target = maps::Target {
            address: to_addr(publish.to),
            port: publish.to_port,
            flags: TargetFlags::default(),
        };
        self.out
            .maps
            .targets
            .insert(TargetKey { group, index: 0 }, target);
        let (low, high) = publish.listen.ports;
        for (port, offset) in (low..=high).zip(0..) {
            let key = PublishKey {
                address: publish.listen.address.map_or(UNSPECIFIED, to_addr),
                port,
                proto: publish.listen.proto.number(),
                pad: 0,
            };
            let value = maps::Publish {
                network,
                group,
                flags: PublishFlags::default(),
                targets: 1,
                offset,
            };
            self.out.maps.publishes.insert(key, value);
        }
    }
}

impl Gateway {
    /// Its first IPv4 address.
    pub fn first_v4(&self) -> Option<Ipv4Addr> {
        self.addresses
            .iter()
            .find_map(|address| match address.addr() {
                IpAddr::V4(v4) => Some(v4),
                IpAddr::V6(_) => None,
            })
    }
}

/// The MAC of the pair that has this address, where the configuration sets both.
fn known_mac(network: &Network, address: IpAddr) -> Option<Mac> {
    let has = |port: &&Port| {
        let made = matches!(port.at, PortAt::Pair(_));
        made && port.addresses.iter().any(|own| own.addr() == address)
    };
    network.ports.iter().find(has)?.mac
}
