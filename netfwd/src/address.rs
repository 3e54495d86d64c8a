//! Addresses of the standard library, as the maps hold them, and back.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use netfwd_common::addr::{self, Addr};

use crate::observed::Prefix;

/// An address as the maps hold it.
pub fn to_addr(address: IpAddr) -> Addr {
    match address {
        IpAddr::V4(v4) => addr::from_v4(v4.octets()),
        IpAddr::V6(v6) => Addr::new(v6.octets()),
    }
}

/// An address that a map holds.
pub fn from_addr(address: &Addr) -> IpAddr {
    match addr::to_v4(address) {
        Some(v4) => IpAddr::V4(Ipv4Addr::from(v4)),
        None => IpAddr::V6(Ipv6Addr::from(address.octets)),
    }
}

/// The prefix of a subnet as the trie holds it: 96 bits longer for IPv4.
pub fn to_prefix(subnet: &IpNet) -> Prefix {
    let more = if subnet.addr().is_ipv4() { 96 } else { 0 };
    let bits = u32::from(subnet.prefix_len()) + more;
    (bits, to_addr(subnet.network()))
}
