//! Queries, octet by octet.

use std::net::{Ipv4Addr, Ipv6Addr};

use netfwd_common::addr::Mac;
use netfwd_common::csum;
use netfwd_common::multicast::{igmp, mld};

/// The querier's robustness variable (RFC 3376 §8.1, RFC 3810 §9.1).
const ROBUSTNESS: u8 = 2;
/// Seconds between general queries (RFC 3376 §8.2, RFC 3810 §9.2).
pub(super) const INTERVAL: u8 = 125;
/// DSCP CS6, as routers send control traffic.
const CONTROL: u8 = 0xc0;

/// Milliseconds within which a query is answered: a general one (RFC 3376 §8.3, RFC 3810 §9.3), and one
/// that asks whether somebody still listens to a group (RFC 3376 §8.8, RFC 3810 §9.8).
fn response_ms(is_general: bool) -> u16 {
    if is_general { 10_000 } else { 1_000 }
}

/// An IGMPv3 query, as a frame (RFC 3376 §4.1): for a group, or for all where that is unspecified.
pub(super) fn igmp_query(mac: Mac, src: Ipv4Addr, group: Ipv4Addr) -> Vec<u8> {
    let is_general = group.is_unspecified();
    let tenths = (response_ms(is_general) / 100) as u8;
    let mut message = vec![igmp::QUERY, tenths, 0, 0];
    message.extend(group.octets());
    message.extend([ROBUSTNESS, INTERVAL, 0, 0]);
    let check = !csum::fold(csum::add(0, &message));
    message[2..4].copy_from_slice(&check.to_be_bytes());
    let dst = if is_general {
        Ipv4Addr::new(224, 0, 0, 1)
    } else {
        group
    };
    let [_, b, c, d] = dst.octets();
    let mut frame = ethernet([0x01, 0x00, 0x5e, b & 0x7f, c, d], mac, 0x0800);
    frame.extend(ipv4_header(src, dst, message.len()));
    frame.extend(message);
    frame
}

/// With the router alert option, which every IGMP message has (RFC 3376 §4).
fn ipv4_header(src: Ipv4Addr, dst: Ipv4Addr, payload: usize) -> Vec<u8> {
    const ROUTER_ALERT: [u8; 4] = [0x94, 4, 0, 0];
    const IGMP: u8 = 2;
    let mut header = vec![0x46, CONTROL];
    header.extend((24 + payload as u16).to_be_bytes());
    header.extend([0, 0, 0, 0, 1, IGMP, 0, 0]);
    header.extend(src.octets());
    header.extend(dst.octets());
    header.extend(ROUTER_ALERT);
    let check = !csum::fold(csum::add(0, &header));
    header[10..12].copy_from_slice(&check.to_be_bytes());
    header
}

/// An MLDv2 query from a link-local address, as a frame (RFC 3810 §5.1): for a group, or for all where
/// that is unspecified.
pub(super) fn mld_query(mac: Mac, src: Ipv6Addr, group: Ipv6Addr) -> Vec<u8> {
    /// Hop-by-hop options: router alert for MLD (RFC 2711 §2.1), padding.
    const OPTIONS: [u8; 8] = [ICMPV6, 0, 5, 2, 0, 0, 1, 0];
    const ICMPV6: u8 = 58;
    const HOP_BY_HOP: u8 = 0;
    const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
    let is_general = group.is_unspecified();
    let dst = if is_general { ALL_NODES } else { group };
    let mut message = vec![mld::QUERY, 0, 0, 0];
    message.extend(response_ms(is_general).to_be_bytes());
    message.extend([0; 2]);
    message.extend(group.octets());
    message.extend([ROBUSTNESS, INTERVAL, 0, 0]);
    let check = !csum::fold(csum::add(
        pseudo_header(src, dst, message.len(), ICMPV6),
        &message,
    ));
    message[2..4].copy_from_slice(&check.to_be_bytes());
    let [.., a, b, c, d] = dst.octets();
    let mut frame = ethernet([0x33, 0x33, a, b, c, d], mac, 0x86dd);
    // Version 6, traffic class CS6, no flow label.
    frame.extend([0x6c, 0, 0, 0]);
    frame.extend(((OPTIONS.len() + message.len()) as u16).to_be_bytes());
    frame.extend([HOP_BY_HOP, 1]);
    frame.extend(src.octets());
    frame.extend(dst.octets());
    frame.extend(OPTIONS);
    frame.extend(message);
    frame
}

/// RFC 8200 §8.1.
fn pseudo_header(src: Ipv6Addr, dst: Ipv6Addr, len: usize, proto: u8) -> u32 {
    let sum = csum::add(csum::add(0, &src.octets()), &dst.octets());
    sum + len as u32 + u32::from(proto)
}

fn ethernet(dst: Mac, src: Mac, ethertype: u16) -> Vec<u8> {
    let mut header = Vec::from(dst);
    header.extend(src);
    header.extend(ethertype.to_be_bytes());
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: Mac = [2, 0, 0, 0, 0, 1];
    const ALL: Ipv4Addr = Ipv4Addr::UNSPECIFIED;

    /// What `tcpdump -vv` said of them when they were written: no bad checksum, all fields as meant.
    #[test]
    fn a_query_is_octet_by_octet_what_the_rfc_says() {
        let frame = igmp_query(MAC, Ipv4Addr::new(10, 0, 3, 1), ALL);
        let expected = [
            0x01, 0x00, 0x5e, 0, 0, 1, 2, 0, 0, 0, 0, 1, 0x08, 0x00, // Ethernet
            0x46, 0xc0, 0, 36, 0, 0, 0, 0, 1, 2, 0x37, 0x12, 10, 0, 3, 1, 224, 0, 0,
            1, // IPv4
            0x94, 4, 0, 0, // router alert
            0x11, 100, 0xec, 0x1e, 0, 0, 0, 0, 2, 125, 0, 0, // IGMP
        ];
        assert_eq!(frame, expected);
    }

    #[test]
    fn checksums_verify() {
        let frame = igmp_query(MAC, ALL, Ipv4Addr::new(239, 255, 1, 2));
        assert_eq!(frame[..6], [0x01, 0x00, 0x5e, 0x7f, 1, 2]);
        assert_eq!(csum::fold(csum::add(0, &frame[14..38])), 0xffff);
        assert_eq!(csum::fold(csum::add(0, &frame[38..])), 0xffff);
        let src = "fe80::1".parse().expect("an address");
        let frame = mld_query(MAC, src, Ipv6Addr::UNSPECIFIED);
        assert_eq!(frame.len(), 14 + 40 + 8 + 28);
        let message = &frame[62..];
        let pseudo = pseudo_header(
            src,
            "ff02::1".parse().expect("an address"),
            message.len(),
            58,
        );
        assert_eq!(csum::fold(csum::add(pseudo, message)), 0xffff);
        assert_eq!(message[..2], [130, 0]);
        assert_eq!(message[24..26], [2, 125]);
    }
}
