//! Right frames to begin with.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::Receiver;
use crate::packet::{
    BROADCAST, Ipv4, Ipv6, Mac, Tcp, Vxlan, arp_request, ether_type, ethernet, v4,
};

/// Frames of each kind that a receiver accepts, from each of its peers, and some that it does not. A
/// station stands behind the peer's IPv4 address, the other behind its IPv6 one.
pub fn seeds(receiver: &Receiver, sender: Mac, stations: [Mac; 2]) -> Vec<Vec<u8>> {
    let [behind_v4, behind_v6] = stations.map(|station| inner(receiver, station));
    let mut seeds = Vec::new();
    for tos in [0, 2, 3, 0xb8] {
        let v4 = behind_v4.iter();
        seeds.extend(v4.map(|frame| over_v4(receiver, sender, tos, frame)));
        let v6 = behind_v6.iter();
        seeds.extend(v6.map(|frame| over_v6(receiver, sender, tos, frame)));
    }
    seeds
}

/// Frames of a station behind the peer.
fn inner(receiver: &Receiver, station: Mac) -> Vec<Vec<u8>> {
    let ip = Ipv4::new("10.0.3.13", "10.0.3.11");
    let marked = Ipv4 { tos: 1, ..ip };
    let v6 = Ipv6::new("fd00::13", "fd00::11");
    let to = |ether_type, packet: &[u8]| ethernet(receiver.station, station, ether_type, packet);
    let mut padded = to(ether_type::IPV4, &ip.udp(1, 2, b"short"));
    padded.resize(60, 0);
    vec![
        to(ether_type::IPV4, &ip.udp(1000, 2000, b"a datagram")),
        to(ether_type::IPV4, &ip.tcp(&Tcp::syn(1, 2), b"a segment")),
        to(ether_type::IPV4, &marked.echo_request(1, 1, &[0x5a; 300])),
        padded,
        to(ether_type::IPV6, &v6.udp(1000, 2000, b"a datagram")),
        to(ether_type::C_TAG, &[0, 7, 8, 0, 0x45]),
        arp_request(station, v4("10.0.3.13"), v4("10.0.3.11")),
        ethernet(
            BROADCAST,
            station,
            ether_type::IPV4,
            &ip.udp(9, 9, b"to all"),
        ),
        ethernet(
            [2, 9, 9, 9, 9, 9],
            station,
            ether_type::IPV4,
            &ip.udp(9, 9, b"unknown"),
        ),
        ethernet(
            receiver.station,
            receiver.gateway,
            ether_type::IPV4,
            &ip.udp(9, 9, b"x"),
        ),
    ]
}

fn over_v4(receiver: &Receiver, sender: Mac, tos: u8, inner: &[u8]) -> Vec<u8> {
    let (src, dst) = (first_v4(&receiver.peers), first_v4(&receiver.vteps));
    let outer = Vxlan {
        tos,
        dst_port: receiver.ports[0],
        ..Vxlan::new(src, dst, receiver.vni)
    };
    outer.macs(sender, receiver.mac).wrap(inner)
}

fn over_v6(receiver: &Receiver, sender: Mac, class: u8, inner: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = receiver.vni.to_be_bytes();
    let payload = [&[0x08, 0, 0, 0, a, b, c, 0], inner].concat();
    let (len, port) = ((8 + payload.len()) as u16, receiver.ports[0]);
    let header = [50_000, port, len, 0].map(u16::to_be_bytes).concat();
    let ip = Ipv6 {
        src: first_v6(&receiver.peers),
        dst: first_v6(&receiver.vteps),
        hops: 64,
    };
    let mut packet = ip.packet(17, &[&header[..], &payload].concat());
    packet[0] |= class >> 4;
    packet[1] |= class << 4;
    ethernet(receiver.mac, sender, ether_type::IPV6, &packet)
}

fn first_v4(of: &[std::net::IpAddr]) -> Ipv4Addr {
    let v4 = of.iter().find_map(|address| match address {
        std::net::IpAddr::V4(v4) => Some(*v4),
        std::net::IpAddr::V6(_) => None,
    });
    v4.unwrap_or(Ipv4Addr::UNSPECIFIED)
}

fn first_v6(of: &[std::net::IpAddr]) -> Ipv6Addr {
    let v6 = of.iter().find_map(|address| match address {
        std::net::IpAddr::V6(v6) => Some(*v6),
        std::net::IpAddr::V4(_) => None,
    });
    v6.unwrap_or(Ipv6Addr::UNSPECIFIED)
}
