//! Publishes, and the neighbours that those whom outsiders reach need.

use std::net::IpAddr;

use netfwd_common::addr::{Mac, UNSPECIFIED};
use netfwd_common::maps::{self, PublishFlags, PublishKey, TargetFlags, TargetKey};

use super::{Builder, Numbered};
use crate::address::to_addr;
use crate::config::{Affinity, Network, Port, PortAt, Publish};
use crate::observed::Neighbour;

impl Builder<'_> {
    pub(super) fn publishes(&mut self, network: &Numbered<'_>) {
        for publish in &network.config.publishes {
            self.publish(network.id, publish);
            for to in &publish.to {
                self.reached(network, to.ip());
            }
        }
    }

    /// Has the FIB find a station's MAC, which the first packet from outside needs.
    pub(super) fn reached(&mut self, network: &Numbered<'_>, address: IpAddr) {
        let Some(gateway) = &network.config.gateway else {
            return;
        };
        self.out.neighbours.insert(Neighbour {
            interface: gateway.device.clone(),
            address,
            mac: known_mac(network.config, address),
        });
    }

    fn publish(&mut self, network: u32, publish: &Publish) {
        let listener = publish.listener();
        let group = self.ids.publish(&listener.to_string());
        for (index, to) in (0..).zip(&publish.to) {
            let target = maps::Target {
                address: to_addr(to.ip()),
                port: to.port(),
                flags: TargetFlags::default(),
            };
            let key = TargetKey { group, index };
            self.out.maps.targets.insert(key, target);
        }
        let affinity = publish.affinity == Affinity::Source;
        let (low, high) = publish.listen.ports;
        for (port, offset) in (low..=high).zip(0..) {
            let key = PublishKey {
                address: listener.address.map_or(UNSPECIFIED, to_addr),
                port,
                proto: publish.listen.proto.number(),
                pad: 0,
            };
            let value = maps::Publish {
                network,
                group,
                flags: PublishFlags::default().with_if(PublishFlags::AFFINITY, affinity),
                targets: publish.to.len() as u16,
                offset,
            };
            self.out.maps.publishes.insert(key, value);
        }
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
