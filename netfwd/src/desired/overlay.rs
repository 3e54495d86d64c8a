//! The overlay: companion devices, configuration of the programs, VNIs, peers, MTUs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use netfwd_common::addr::UNSPECIFIED;
use netfwd_common::limits::{LAYOUT, MTU_OVERHEAD_V4, VXLAN_PORTS};
use netfwd_common::maps::{self, ConfigFlags};

use super::{Attach, Builder, DesiredError, Device, Made, capacity};
use crate::address::to_addr;
use crate::config::{Df, Network, Timeouts, Tos};
use crate::naming::{self, COMPANION};
use crate::observed::{Hook, HookAt, Program, Sysctl};

/// MTU of the companion: the largest IP packet less the encapsulation; the programs keep each
/// network's own.
const COMPANION_MTU: u32 = 65535 - MTU_OVERHEAD_V4;

impl Builder<'_> {
    /// What is the same for all networks.
    pub(super) fn overlay(&mut self) -> Result<(), DesiredError> {
        let ports = self.ports_in_use();
        capacity::holds("UDP ports of VXLAN", ports.len(), VXLAN_PORTS)?;
        for port in ports {
            self.companion(port)?;
        }
        if self.overlays().next().is_some() {
            self.arrivals();
            self.vteps_are_here();
            if self.vteps.is_empty() {
                self.lacking(DesiredError::NoVtep);
            }
        }
        self.out.maps.config = Some(self.host_entry());
        Ok(())
    }

    fn overlays(&self) -> impl Iterator<Item = &Network> {
        let networks = self.config.networks.iter();
        networks.filter(|network| network.vni.is_some())
    }

    /// The UDP ports that VXLAN is sent from or to: each peer's, and the instance's.
    fn ports_in_use(&self) -> BTreeSet<u16> {
        let config = self.config;
        let peers = self.overlays().flat_map(|network| &network.peers);
        let own = self.overlays().take(1).map(|_| config.vxlan.port);
        peers.map(|peer| config.port_of(peer)).chain(own).collect()
    }

    fn companion(&mut self, port: u16) -> Result<(), DesiredError> {
        self.port_is_free(port)?;
        let name = naming::companion(port, self.config.vxlan.port);
        let device = Device {
            made: Made::Companion {
                port,
                source_ports: self.config.vxlan.source_ports,
            },
            mac: None,
            mtu: COMPANION_MTU,
            addresses: [].into(),
            sysctls: BTreeMap::from([
                (Sysctl::Forwarding, 1),
                (Sysctl::Forwarding6, 1),
                (Sysctl::DisableIpv6, 1),
            ]),
        };
        self.device(&name, device)?;
        let attach = Attach::tc(Program::OverlayIngress);
        self.out
            .hooks
            .insert(HookAt::new(&name, Hook::Ingress), attach);
        if let Some(ifindex) = self.ifindex(&name) {
            self.out.maps.vxlan_ports.insert(port.into(), ifindex);
        }
        Ok(())
    }

    fn port_is_free(&self, port: u16) -> Result<(), DesiredError> {
        let ours = naming::alias(self.facts.instance);
        let taken = self.facts.links.iter().find(|(name, link)| {
            link.vxlan.is_some_and(|vxlan| vxlan.port == port)
                && link.alias.as_deref() != Some(&ours)
                && !naming::is_unmarked_companion(name, link.alias.as_deref())
        });
        match taken {
            Some((name, _)) => Err(DesiredError::PortTaken(name.clone(), port)),
            None => Ok(()),
        }
    }

    fn host_entry(&self) -> maps::Config {
        let vxlan = &self.config.vxlan;
        let tos = match vxlan.tos {
            Tos::Inherit => 0,
            Tos::Fixed(tos) => tos,
        };
        let vtep = self.vteps.first();
        maps::Config {
            layout: LAYOUT,
            flags: self.host_flags(),
            vtep: vtep.map_or(UNSPECIFIED, |vtep| to_addr(vtep.address)),
            companion_ifindex: self.ifindex(COMPANION).unwrap_or(0),
            vxlan_port: vxlan.port,
            source_port_low: vxlan.source_ports.0,
            source_port_high: vxlan.source_ports.1,
            nat_port_low: self.config.nat.ports.0,
            nat_port_high: self.config.nat.ports.1,
            ttl: vxlan.ttl,
            tos,
            netns_cookie: self.facts.netns_cookie,
            timeouts: timeouts(&self.config.nat.timeouts),
        }
    }

    fn host_flags(&self) -> ConfigFlags {
        let (vxlan, nat, routing) = (&self.config.vxlan, &self.config.nat, &self.config.routing);
        // What it says holds for every network; where they differ, each has a flag of its own.
        let mut accept = self.overlays().map(|n| n.accepts_unknown(self.config));
        let unknown = accept.next() == Some(true) && accept.all(|accepts| accepts);
        ConfigFlags::default()
            .with_if(ConfigFlags::UNKNOWN_SOURCES, unknown)
            .with_if(ConfigFlags::TOS_INHERIT, vxlan.tos == Tos::Inherit)
            .with_if(ConfigFlags::UDP_CHECKSUM, vxlan.udp_checksum)
            .with_if(ConfigFlags::STRICT, vxlan.strict)
            .with_if(ConfigFlags::DF, vxlan.df == Df::Set)
            .with_if(ConfigFlags::DF_INHERIT, vxlan.df == Df::Inherit)
            .with_if(ConfigFlags::MSS_CLAMP, vxlan.mss_clamp)
            .with_if(ConfigFlags::ROUTE_BETWEEN, routing.between)
            .with_if(ConfigFlags::PUBLISHED, self.config.publishes())
            .with_if(
                ConfigFlags::PUBLISHED_IN_POOL,
                self.config.publishes_in_pool(),
            )
            .with_if(
                ConfigFlags::ENDPOINT_INDEPENDENT_FILTERING,
                nat.any_endpoint,
            )
    }

    /// A network's MTU; automatic where the configuration gives none.
    pub(super) fn mtu(&mut self, network: &Network) -> u32 {
        let overhead = self.overhead(network);
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

/// Whole seconds, as the programs count them.
fn timeouts(timeouts: &Timeouts) -> maps::Timeouts {
    let seconds = |timeout: Duration| u32::try_from(timeout.as_secs()).unwrap_or(u32::MAX);
    maps::Timeouts {
        udp: seconds(timeouts.udp),
        tcp_established: seconds(timeouts.tcp_established),
        tcp_transitory: seconds(timeouts.tcp_transitory),
        icmp: seconds(timeouts.icmp),
        sctp: seconds(timeouts.sctp),
        other: seconds(timeouts.other),
    }
}
