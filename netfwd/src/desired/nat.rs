//! Subnets, this host's own addresses inside, and who reaches whom.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netfwd_common::addr::UNSPECIFIED;
use netfwd_common::maps::{PairKey, Subnet};

use super::{Builder, Numbered};
use crate::address::{to_addr, to_prefix};
use crate::config::{Gateway, SourceNat};

impl Builder<'_> {
    pub(super) fn subnets(&mut self, network: &Numbered<'_>, gateway: &Gateway) {
        for address in &gateway.addresses {
            let source = gateway.masquerade.of(address.addr());
            let (first, sources) = match source {
                SourceNat::Range { first, count } => (to_addr(first), count),
                SourceNat::Off | SourceNat::Uplink => (UNSPECIFIED, 0),
            };
            let subnet = Subnet {
                source: first,
                sources,
                network: network.id,
                masquerade: u32::from(source != SourceNat::Off),
                pad: 0,
            };
            self.out.maps.subnets.insert(to_prefix(address), subnet);
        }
    }

    /// What is sent to a gateway's address is the host's, from whichever network.
    pub(super) fn gateway_addresses(&mut self, gateway: &Gateway, device: u32) {
        let addresses = gateway.addresses.iter();
        let addresses = addresses.map(|address| (to_addr(address.addr()), device));
        self.out.maps.locals.extend(addresses);
    }

    /// The networks that are treated otherwise than the rest.
    pub(super) fn pairs(&mut self) {
        let config = self.config;
        for pair in &config.routing.pairs {
            let (one, other) = &pair.networks;
            let (one, other) = (self.ids.network(one), self.ids.network(other));
            let allowed = u32::from(pair.allowed);
            for (from, to) in [(one, other), (other, one)] {
                self.out.maps.pairs.insert(PairKey { from, to }, allowed);
            }
        }
    }
}

impl Gateway {
    /// Its first IPv4 address.
    pub fn first_v4(&self) -> Option<Ipv4Addr> {
        let mut addresses = self.addresses.iter();
        addresses.find_map(|address| match address.addr() {
            IpAddr::V4(v4) => Some(v4),
            IpAddr::V6(_) => None,
        })
    }

    /// Its first IPv6 address that is good beyond the link.
    pub fn first_v6(&self) -> Option<Ipv6Addr> {
        let mut addresses = self.addresses.iter();
        addresses.find_map(|address| match address.addr() {
            IpAddr::V6(v6) if !v6.is_unicast_link_local() => Some(v6),
            _ => None,
        })
    }
}
