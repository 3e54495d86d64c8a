//! Floating addresses, and who answers for addresses outside that are no interface's.

use std::net::{IpAddr, Ipv6Addr};

use netfwd_common::addr::is_v4;
use netfwd_common::maps::{self, FloatingKey};

use super::{Builder, DesiredError, Numbered, capacity};
use crate::address::to_addr;
use crate::config::{Floating, Gateway};
use crate::observed::Link;

/// IPv6 addresses that uplinks answer for. The kernel joins all of their groups on one socket, whose memory
/// (`net.core.optmem_max`, 20,480 octets in Linux 6.1) takes 365 (net/ipv6/mcast.c, `__ipv6_sock_mc_join`).
const EXTERNALS_V6: usize = 256;

impl Builder<'_> {
    /// Refuses more IPv6 addresses to answer for than their groups can be joined.
    pub(super) fn externals_fit(&self) -> Result<(), DesiredError> {
        let externals = self.out.maps.externals.keys();
        let count = externals.filter(|address| !is_v4(address)).count();
        capacity::holds("IPv6 addresses to answer for", count, EXTERNALS_V6)
    }

    pub(super) fn floatings(&mut self, network: &Numbered<'_>) {
        for floating in &network.config.floatings {
            if let Some(interface) = self.owner(floating.external) {
                let error = DesiredError::OwnFloating {
                    external: floating.external,
                    interface: interface.to_owned(),
                    place: floating.place.clone(),
                };
                self.lacking(error);
                continue;
            }
            self.floating(network.id, floating);
            self.reached(network, floating.internal);
            if let Some(uplink) = self.uplink_of(floating) {
                self.answer(floating.external, &uplink);
            }
        }
    }

    fn floating(&mut self, network: u32, floating: &Floating) {
        let (external, internal) = (to_addr(floating.external), to_addr(floating.internal));
        let entry = |address, network| FloatingKey { address, network };
        let to = |address| maps::Floating { address, network };
        let floatings = &mut self.out.maps.floatings;
        floatings.insert(entry(external, 0), to(internal));
        floatings.insert(entry(internal, network), to(external));
    }

    /// The addresses to masquerade as that somebody must answer for: those on an uplink's link that are
    /// no interface's. What is routed here needs no answer.
    pub(super) fn sources(&mut self, gateway: &Gateway) {
        for source in [gateway.masquerade.v4, gateway.masquerade.v6] {
            for address in source.addresses() {
                let beside = self.beside(address).map(str::to_owned);
                if let (Some(uplink), None) = (beside, self.owner(address)) {
                    self.answer(address, &uplink);
                }
            }
        }
    }

    /// Has an uplink answer for an address. Questions for an IPv6 one come to a group, which a NIC takes
    /// once it has joined it (RFC 4291 §2.7.1).
    fn answer(&mut self, address: IpAddr, uplink: &str) {
        let Some(ifindex) = self.ifindex(uplink) else {
            return;
        };
        self.out.maps.externals.insert(to_addr(address), ifindex);
        if let IpAddr::V6(v6) = address {
            let group = IpAddr::V6(solicited_node(v6));
            self.joined.insert((uplink.to_owned(), group));
        }
    }

    /// The uplink on which a floating address is answered for.
    fn uplink_of(&self, floating: &Floating) -> Option<String> {
        let given = floating.uplink.as_deref();
        let uplink = given.or_else(|| self.beside(floating.external));
        let first = || self.config.host.uplinks.first().cloned();
        uplink.map(str::to_owned).or_else(first)
    }

    /// The interface that has an address.
    fn owner(&self, address: IpAddr) -> Option<&str> {
        let mut links = self.facts.links.iter();
        let has = |link: &Link| link.addresses.iter().any(|net| net.addr() == address);
        let found = links.find(|(_, link)| has(link));
        found.map(|(name, _)| name.as_str())
    }

    /// The uplink whose subnet holds an address.
    fn beside(&self, address: IpAddr) -> Option<&str> {
        let holds = |link: &Link| link.addresses.iter().any(|net| net.contains(&address));
        let mut uplinks = self.config.host.uplinks.iter();
        let found = uplinks.find(|name| self.facts.links.get(*name).is_some_and(holds));
        found.map(String::as_str)
    }
}

/// The group that is asked for an address (RFC 4291 §2.7.1).
fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let [.., a, b, c] = address.octets();
    let mut group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00, 0).octets();
    group[13..].copy_from_slice(&[a, b, c]);
    group.into()
}

#[cfg(test)]
mod tests {
    use super::solicited_node;

    #[test]
    fn a_solicited_node_group_has_the_last_24_bits() {
        // The example of RFC 4291 §2.7.1.
        let address = "4037::1:800:200e:8c6c".parse().expect("an address");
        assert_eq!(solicited_node(address).to_string(), "ff02::1:ff0e:8c6c");
    }
}
