//! What hosts and routers say of multicast groups: IGMP and MLD.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Ipv4, Ipv6, Mac, ether_type, ethernet, group_mac, sum, v4, v6};

/// What a record of an IGMPv3 or MLDv2 report says (RFC 3376 §4.2.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Record {
    /// Every source but none: a leave.
    ToInclude = 3,
    /// Every source: a join.
    ToExclude = 4,
}

/// The MAC address of a group (RFC 1112 §6.4).
pub fn group_mac_v4(group: Ipv4Addr) -> Mac {
    let [_, b, c, d] = group.octets();
    [0x01, 0, 0x5e, b & 0x7f, c, d]
}

fn igmp(src: Mac, from: Ipv4Addr, to: Ipv4Addr, mut message: Vec<u8>) -> Vec<u8> {
    const IGMP: u8 = 2;
    let check = !sum(&[&message]);
    message[2..4].copy_from_slice(&check.to_be_bytes());
    let ip = Ipv4 {
        ttl: 1,
        ..Ipv4::between(from, to)
    };
    ethernet(
        group_mac_v4(to),
        src,
        ether_type::IPV4,
        &ip.packet(IGMP, &message),
    )
}

/// An IGMPv2 query, general or for one group, that leaves its answers `tenths` of a second.
pub fn igmp_query(src: Mac, group: Option<Ipv4Addr>, tenths: u8) -> Vec<u8> {
    let asked = group.unwrap_or(Ipv4Addr::UNSPECIFIED);
    let message = [&[0x11, tenths, 0, 0], &asked.octets()[..]].concat();
    igmp(
        src,
        v4("10.9.0.254"),
        group.unwrap_or(v4("224.0.0.1")),
        message,
    )
}

/// An IGMPv2 report.
pub fn igmp_report(src: Mac, group: Ipv4Addr) -> Vec<u8> {
    let message = [&[0x16, 0, 0, 0], &group.octets()[..]].concat();
    igmp(src, v4("10.9.0.1"), group, message)
}

/// An IGMPv2 leave.
pub fn igmp_leave(src: Mac, group: Ipv4Addr) -> Vec<u8> {
    let message = [&[0x17, 0, 0, 0], &group.octets()[..]].concat();
    igmp(src, v4("10.9.0.1"), v4("224.0.0.2"), message)
}

/// An IGMPv3 report of one group.
pub fn igmp_v3_report(src: Mac, group: Ipv4Addr, record: Record) -> Vec<u8> {
    let message = [
        &[0x22, 0, 0, 0, 0, 0, 0, 1, record as u8, 0, 0, 0],
        &group.octets()[..],
    ]
    .concat();
    igmp(src, v4("10.9.0.1"), v4("224.0.0.22"), message)
}

fn mld(src: Mac, to: Ipv6Addr, kind: u8, rest: &[u8]) -> Vec<u8> {
    let [.., last] = src;
    let ip = Ipv6 {
        src: v6(&format!("fe80::{last:x}")),
        dst: to,
        hops: 1,
    };
    ethernet(group_mac(to), src, ether_type::IPV6, &ip.mld(kind, rest))
}

/// An MLDv1 query, general or for one group, that leaves its answers so many milliseconds.
pub fn mld_query(src: Mac, group: Option<Ipv6Addr>, milliseconds: u16) -> Vec<u8> {
    let asked = group.unwrap_or(Ipv6Addr::UNSPECIFIED);
    let [high, low] = milliseconds.to_be_bytes();
    let rest = [&[high, low, 0, 0], &asked.octets()[..]].concat();
    mld(src, group.unwrap_or(v6("ff02::1")), 130, &rest)
}

/// An MLDv1 report.
pub fn mld_report(src: Mac, group: Ipv6Addr) -> Vec<u8> {
    mld(src, group, 131, &[&[0; 4], &group.octets()[..]].concat())
}

/// An MLDv1 done.
pub fn mld_done(src: Mac, group: Ipv6Addr) -> Vec<u8> {
    mld(
        src,
        v6("ff02::2"),
        132,
        &[&[0; 4], &group.octets()[..]].concat(),
    )
}

/// An MLDv2 report of one group.
pub fn mld_v2_report(src: Mac, group: Ipv6Addr, record: Record) -> Vec<u8> {
    let rest = [&[0, 0, 0, 1, record as u8, 0, 0, 0], &group.octets()[..]].concat();
    mld(src, v6("ff02::16"), 143, &rest)
}

/// A UDP packet to a group, told apart by `mark`.
pub fn to_group(src: Mac, group: Ipv4Addr, mark: u16) -> Vec<u8> {
    let ip = Ipv4::between(v4("10.9.0.1"), group).udp(9, mark, b"for a group");
    ethernet(group_mac_v4(group), src, ether_type::IPV4, &ip)
}

/// A packet to an IPv6 group, told apart by `mark`: of an experiment's protocol (RFC 3692).
pub fn to_group_v6(src: Mac, group: Ipv6Addr, mark: u16) -> Vec<u8> {
    const EXPERIMENT: u8 = 253;
    let ip = Ipv6 {
        src: v6("fe80::9"),
        dst: group,
        hops: 1,
    };
    let packet = ip.packet(EXPERIMENT, &mark.to_be_bytes());
    ethernet(group_mac(group), src, ether_type::IPV6, &packet)
}
