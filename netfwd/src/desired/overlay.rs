//! The overlay: companion device, configuration of the programs, VNIs, peers, MTUs.

use std::collections::BTreeMap;
use std::net::IpAddr;

use netfwd_common::addr::UNSPECIFIED;
use netfwd_common::limits::{LAYOUT, MTU_OVERHEAD_V4};
use netfwd_common::maps::{self, ConfigFlags, FloodTarget, Member, MemberKey, Peer, PortFlags};

use super::{Attach, Builder, DesiredError, Device, Made, Numbered};
use crate::address::to_addr;
use crate::config::{Network, Place, Tos};
use crate::ids::Scope;
use crate::naming::{self, COMPANION};
use crate::observed::{Hook, HookAt, Program, Sysctl};

/// MTU of the companion: the largest IP packet less the encapsulation; the programs keep each
/// network's own.
const COMPANION_MTU: u32 = 65535 - MTU_OVERHEAD_V4;

impl Builder<'_> {
    /// What is the same for all networks.
    pub(super) fn overlay(&mut self) -> Result<(), DesiredError> {
        if self
            .config
            .networks
            .iter()
            .any(|network| network.vni.is_some())
        {
            self.port_is_free()?;
            self.companion()?;
            if self.vtep().is_none() {
                self.lacking(DesiredError::NoVtep);
            }
        }
        self.out.maps.config = Some(self.host_entry());
        Ok(())
    }

    fn port_is_free(&self) -> Result<(), DesiredError> {
        let port = self.config.vxlan.port;
        let ours = naming::alias(self.facts.instance);
        let taken = self.facts.links.iter().find(|(_, link)| {
            link.vxlan.is_some_and(|vxlan| vxlan.port == port)
                && link.alias.as_deref() != Some(&ours)
        });
        match taken {
            Some((name, _)) => Err(DesiredError::PortTaken(name.clone(), port)),
            None => Ok(()),
        }
    }

    fn companion(&mut self) -> Result<(), DesiredError> {
        let device = Device {
            made: Made::Companion {
                port: self.config.vxlan.port,
            },
            mac: None,
            mtu: COMPANION_MTU,
            addresses: [].into(),
            sysctls: BTreeMap::from([(Sysctl::Forwarding, 1), (Sysctl::DisableIpv6, 1)]),
        };
        self.device(COMPANION, device)?;
        let attach = Attach::tc(Program::OverlayIngress);
        self.out
            .hooks
            .insert(HookAt::new(COMPANION, Hook::Ingress), attach);
        Ok(())
    }

    fn host_entry(&self) -> maps::Config {
        let vxlan = &self.config.vxlan;
        let (inherit, tos) = match vxlan.tos {
            Tos::Inherit => (true, 0),
            Tos::Fixed(tos) => (false, tos),
        };
        maps::Config {
            layout: LAYOUT,
            flags: ConfigFlags::default()
                .with_if(ConfigFlags::UNKNOWN_SOURCES, vxlan.accept_unknown)
                .with_if(ConfigFlags::TOS_INHERIT, inherit)
                .with_if(ConfigFlags::UDP_CHECKSUM, vxlan.udp_checksum),
            vtep: self.vtep().map_or(UNSPECIFIED, to_addr),
            companion_ifindex: self.ifindex(COMPANION).unwrap_or(0),
            vxlan_port: vxlan.port,
            source_port_low: vxlan.source_ports.0,
            source_port_high: vxlan.source_ports.1,
            nat_port_low: self.config.nat.ports.0,
            nat_port_high: self.config.nat.ports.1,
            ttl: vxlan.ttl,
            tos,
        }
    }

    pub(super) fn peers(
        &mut self,
        network: &Numbered<'_>,
    ) -> Result<Vec<FloodTarget>, DesiredError> {
        if let Some(vni) = network.config.vni {
            self.out.maps.vnis.insert(vni, network.id);
        }
        let peers = network.config.peers.iter();
        peers
            .map(|peer| self.peer(network, peer.at.address, &peer.place))
            .collect()
    }

    fn peer(
        &mut self,
        network: &Numbered<'_>,
        address: IpAddr,
        place: &Place,
    ) -> Result<FloodTarget, DesiredError> {
        if self.vtep() == Some(address) {
            return Err(DesiredError::OwnPeer {
                peer: address,
                place: place.clone(),
            });
        }
        let slot = self.ids.slot(Scope::Peer, &address.to_string())?;
        let peer = to_addr(address);
        let entry = Peer {
            slot,
            port: self.config.vxlan.port,
            source: self.vtep().map_or(UNSPECIFIED, to_addr),
            companion_ifindex: self.ifindex(COMPANION).unwrap_or(0),
            ..Peer::default()
        };
        let member = Member {
            slot,
            ..Member::default()
        };
        let key = MemberKey {
            network: network.id,
            peer,
        };
        self.out.maps.peers.insert(peer, entry);
        self.out.maps.members.insert(key, member);
        Ok(FloodTarget {
            peer,
            slot,
            flags: PortFlags::default()
                .with_if(
                    PortFlags::UNKNOWN_UNICAST,
                    network.config.switch.unknown_unicast,
                )
                .with_if(PortFlags::VLAN, network.aware),
            ..FloodTarget::default()
        })
    }

    /// A network's MTU; automatic where the configuration gives none.
    pub(super) fn mtu(&mut self, network: &Network) -> u32 {
        let overhead = network.vni.map_or(0, |_| MTU_OVERHEAD_V4);
        let Some((uplink, mtu)) = self.narrowest() else {
            return network.mtu.unwrap_or(1500 - overhead);
        };
        let most = mtu.saturating_sub(overhead);
        let Some(wanted) = network.mtu else {
            return most;
        };
        if wanted > most && network.vni.is_some() {
            let error = DesiredError::MtuTooLarge {
                network: network.name.clone(),
                mtu: wanted,
                uplink: uplink.to_owned(),
                most,
                place: network.place.clone(),
            };
            self.lacking(error);
        }
        wanted
    }
}
