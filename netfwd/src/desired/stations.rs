//! Stations that are known beforehand: static FDB entries and static neighbours.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

use netfwd_common::addr::{Addr, Mac};
use netfwd_common::maps::{self, FdbFlags, FdbKey, MemberKey, NeighbourFlags, NeighbourKey};

use super::{Builder, Numbered, fdb_flags};
use crate::address::to_addr;
use crate::config::{FdbEntry, FdbTarget, Gateway};

impl Builder<'_> {
    /// The static FDB entries of a network, whose ports and peers are known by now.
    pub(super) fn static_fdb(&mut self, network: &Numbered<'_>) {
        // All stations of a VLAN behind one port or peer have the same value, and may be a million.
        let mut values = BTreeMap::new();
        for entry in &network.config.fdb {
            let value = values.entry((&entry.target, entry.vlan));
            let (vlan, value) = *value.or_insert_with(|| self.fdb_value(network, entry));
            let key = FdbKey {
                network: network.id,
                vlan,
                mac: entry.mac,
            };
            if let Some(value) = value {
                self.out.maps.fdb.insert(key, value);
            }
        }
    }

    /// The VLAN of an entry, and its value where what it leads to is there.
    fn fdb_value(&self, network: &Numbered<'_>, entry: &FdbEntry) -> (u16, Option<maps::FdbEntry>) {
        let vlan = network.config.vlan_of(entry);
        let value = match &entry.target {
            FdbTarget::Peer(peer) => self.fdb_peer(network, to_addr(*peer), vlan),
            FdbTarget::Port(name) => self.fdb_port(network, name, vlan),
        };
        (vlan, value)
    }

    fn fdb_peer(&self, network: &Numbered<'_>, peer: Addr, vlan: u16) -> Option<maps::FdbEntry> {
        let key = MemberKey {
            network: network.id,
            peer,
        };
        Some(maps::FdbEntry {
            peer,
            slot: self.out.maps.members.get(&key)?.slot,
            tag: network.config.peer_tag(vlan),
            ..static_entry()
        })
    }

    /// None where the port does not exist or is shut.
    fn fdb_port(&self, network: &Numbered<'_>, name: &str, vlan: u16) -> Option<maps::FdbEntry> {
        let port = network.config.ports.iter().find(|port| port.is(name))?;
        let ifindex = self.ifindex(&port.interface())?;
        let slot = self.known_port_slot(network, port)?;
        let entry = self.out.maps.ports.get(&ifindex)?;
        if self.facts.shut.contains(&ifindex) {
            return None;
        }
        Some(maps::FdbEntry {
            ifindex,
            slot,
            flags: fdb_flags(entry.flags).with(FdbFlags::STATIC),
            deliver: entry.deliver,
            tag: *network.config.carried(port).get(&vlan)?,
            ..static_entry()
        })
    }

    /// The static neighbours of a network, and its gateway's addresses.
    pub(super) fn static_neighbours(&mut self, network: &Numbered<'_>) {
        let own = network.config.own_vlan();
        for neighbour in &network.config.neighbours {
            let vlan = neighbour.vlan.unwrap_or(own);
            let flags = NeighbourFlags::STATIC;
            self.neighbour(network.id, vlan, neighbour.ip, neighbour.mac, flags);
        }
        let Some(gateway) = &network.config.gateway else {
            return;
        };
        let (mac, flags) = (gateway.mac_of(&network.config.name), gateway_flags());
        for address in gateway.own_addresses(mac) {
            self.neighbour(network.id, own, address, mac, flags);
        }
    }

    fn neighbour(&mut self, network: u32, vlan: u16, ip: IpAddr, mac: Mac, flags: NeighbourFlags) {
        let key = NeighbourKey {
            network,
            vlan,
            pad: 0,
            ip: to_addr(ip),
        };
        let value = maps::Neighbour {
            last_seen_ns: 0,
            mac,
            flags,
        };
        self.out.maps.neighbours.insert(key, value);
    }
}

impl Gateway {
    /// The addresses that are given to it, and the link-local one that its device makes of its MAC.
    fn own_addresses(&self, mac: Mac) -> impl Iterator<Item = IpAddr> {
        let given = self.addresses.iter().map(ipnet::IpNet::addr);
        given.chain([IpAddr::V6(link_local(mac))])
    }
}

const fn gateway_flags() -> NeighbourFlags {
    NeighbourFlags::STATIC.with(NeighbourFlags::GATEWAY)
}

/// The link-local address of a MAC (RFC 4291 appendix A).
fn link_local(mac: Mac) -> Ipv6Addr {
    let mut octets = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe, 0, 0, 0];
    octets[8..11].copy_from_slice(&mac[..3]);
    octets[13..].copy_from_slice(&mac[3..]);
    octets[8] ^= 2;
    octets.into()
}

/// A static entry that leads nowhere yet.
pub(super) fn static_entry() -> maps::FdbEntry {
    maps::FdbEntry {
        flags: FdbFlags::STATIC,
        ..maps::FdbEntry::default()
    }
}

#[cfg(test)]
mod tests {
    use super::link_local;

    #[test]
    fn a_link_local_address_is_made_of_the_mac() {
        // The example of RFC 4291 appendix A, with its universal bit complemented.
        let address = link_local([0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde]);
        assert_eq!(address.to_string(), "fe80::3656:78ff:fe9a:bcde");
    }
}
