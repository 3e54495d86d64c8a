//! The gateway of a network: a pair whose one end the host's stack sees, and whose other is a port.

use std::collections::BTreeMap;

use netfwd_common::maps::{self, Deliver, FdbFlags, FdbKey, FloodTarget, PortFlags};

use super::stations::static_entry;
use super::{Attach, Builder, DesiredError, Device, Made, Numbered};
use crate::config::Gateway;
use crate::ids::{Scope, part};
use crate::naming;
use crate::observed::{Hook, HookAt, Program, Sysctl};

impl Builder<'_> {
    /// The gateway of a network, if it has one; gives its flood target.
    pub(super) fn gateway(
        &mut self,
        network: &Numbered<'_>,
    ) -> Result<Vec<FloodTarget>, DesiredError> {
        let Some(gateway) = &network.config.gateway else {
            return Ok(Vec::new());
        };
        let end = naming::gateway_end(&network.config.name);
        self.gateway_pair(network, gateway, &end)?;
        self.subnets(network, gateway);
        self.sources(gateway);
        let slot = self
            .ids
            .slot(Scope::Port, &part(&end, &network.config.name))?;
        let attach = Attach::tc(Program::PortIngress);
        self.out
            .hooks
            .insert(HookAt::new(&end, Hook::Ingress), attach);
        let (Some(device), Some(ingress)) = (self.ifindex(&gateway.device), self.ifindex(&end))
        else {
            return Ok(Vec::new());
        };
        self.gateway_addresses(gateway, device);
        self.gateway_port(network, ingress, slot);
        self.gateway_fdb(network, gateway, device, slot);
        let target = gateway_target(device, ingress, slot);
        Ok(vec![FloodTarget {
            vlan: network.config.own_vlan(),
            ..target
        }])
    }

    fn gateway_pair(
        &mut self,
        network: &Numbered<'_>,
        gateway: &Gateway,
        end: &str,
    ) -> Result<(), DesiredError> {
        let device = Device {
            made: Made::Pair {
                peer: end.to_owned(),
            },
            mac: Some(gateway.mac_of(&network.config.name)),
            mtu: network.mtu,
            addresses: gateway.addresses.iter().copied().collect(),
            sysctls: settings(gateway),
        };
        let other = Device {
            made: Made::PeerOf {
                device: gateway.device.clone(),
            },
            mac: None,
            mtu: network.mtu,
            addresses: [].into(),
            sysctls: BTreeMap::from([(Sysctl::DisableIpv6, 1)]),
        };
        self.device(&gateway.device, device)?;
        self.device(end, other)
    }

    fn gateway_port(&mut self, network: &Numbered<'_>, ingress: u32, slot: u32) {
        let entry = maps::Port {
            network: network.id,
            slot,
            flags: PortFlags::GATEWAY
                .with_if(PortFlags::VLAN, network.aware)
                .with_if(PortFlags::UNTAGGED, network.aware),
            deliver: Deliver::Receive as u8,
            vlan: network.config.own_vlan(),
            ..maps::Port::default()
        };
        self.vlan(ingress, &entry, entry.vlan, 0);
        self.out.maps.ports.insert(ingress, entry);
    }

    fn gateway_fdb(&mut self, network: &Numbered<'_>, gateway: &Gateway, device: u32, slot: u32) {
        let key = FdbKey {
            network: network.id,
            vlan: network.config.own_vlan(),
            mac: gateway.mac_of(&network.config.name),
        };
        let entry = maps::FdbEntry {
            ifindex: device,
            slot,
            flags: FdbFlags::STATIC.with(FdbFlags::GATEWAY),
            deliver: Deliver::Receive as u8,
            ..static_entry()
        };
        self.out.maps.fdb.insert(key, entry);
    }
}

impl Gateway {
    /// Its MAC, given the name of its network.
    pub fn mac_of(&self, network: &str) -> netfwd_common::addr::Mac {
        self.mac.unwrap_or_else(|| naming::gateway_mac(network))
    }
}

/// What FIB lookups need of the device; no other interface's settings change.
fn settings(gateway: &Gateway) -> BTreeMap<Sysctl, u8> {
    let v6 = gateway.first_v6().map(|_| (Sysctl::Forwarding6, 1));
    let v4 = [
        (Sysctl::Forwarding, 1),
        (Sysctl::RpFilter, 0),
        (Sysctl::SendRedirects, 0),
    ];
    v4.into_iter().chain(v6).collect()
}

/// The host's stack drops what is not for it, so unknown unicast is not sent there.
fn gateway_target(device: u32, ingress: u32, slot: u32) -> FloodTarget {
    FloodTarget {
        ifindex: device,
        ingress_ifindex: ingress,
        slot,
        flags: PortFlags::GATEWAY,
        deliver: Deliver::Receive as u8,
        ..FloodTarget::default()
    }
}
