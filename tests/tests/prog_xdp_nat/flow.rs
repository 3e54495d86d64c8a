//! The flows of a place: packets as they arrive, and as they go on.

use netfwd_common::{maps::SessionFlags, nat::proto};
use tests::{
    packet::{Ipv4, Ipv6, Tcp, ether_type, ethernet, tcp_flags},
    prog::{Translated, mac},
};

/// The server outside.
const SERVER: &str = "192.168.99.100";
/// This host outside.
const OUTSIDE: &str = "192.168.99.1";
const INSIDE: &str = "10.0.3.11";
const SERVER_V6: &str = "fd00:b0::64";
const OUTSIDE_V6: &str = "fd00:b0::1";
const INSIDE_V6: &str = "fd00:3::11";
/// L4 ports: the server's, the outside's, the inside's.
const PORTS: [u16; 3] = [53, 40_000, 1000];

/// A session with the server, of packets that arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    Udp,
    Tcp,
    UdpV6,
    TcpV6,
}

impl Flow {
    pub const ALL: [Self; 4] = [Self::Udp, Self::Tcp, Self::UdpV6, Self::TcpV6];

    const fn proto(self) -> u8 {
        match self {
            Self::Udp | Self::UdpV6 => proto::UDP,
            Self::Tcp | Self::TcpV6 => proto::TCP,
        }
    }

    /// A packet as it arrives.
    pub fn frame(self, ttl: u8, payload: &[u8]) -> Vec<u8> {
        self.with_flags(tcp_flags::ACK | tcp_flags::PSH, ttl, payload)
    }

    /// The same, with these flags of TCP.
    pub fn with_flags(self, flags: u8, ttl: u8, payload: &[u8]) -> Vec<u8> {
        let [server, outside, _] = PORTS;
        let ends = (OUTSIDE, OUTSIDE_V6, [server, outside]);
        self.build([mac::UPLINK, mac::SERVER], ends, (flags, ttl), payload)
    }

    /// A packet as it goes to the station.
    pub fn translated(self, ttl: u8, payload: &[u8]) -> Vec<u8> {
        let [server, _, inside] = PORTS;
        let ends = (INSIDE, INSIDE_V6, [server, inside]);
        let flags = tcp_flags::ACK | tcp_flags::PSH;
        self.build([mac::C1, mac::GATEWAY], ends, (flags, ttl), payload)
    }

    fn build(
        self,
        [to, from]: [[u8; 6]; 2],
        (dst, dst_v6, [src_port, dst_port]): (&str, &str, [u16; 2]),
        (flags, ttl): (u8, u8),
        payload: &[u8],
    ) -> Vec<u8> {
        let (ip, ip6) = (header(dst, ttl), header_v6(dst_v6, ttl));
        let tcp = Tcp {
            flags,
            ack: 7,
            ..Tcp::syn(src_port, dst_port)
        };
        let (kind, packet) = match self {
            Self::Udp => (ether_type::IPV4, ip.udp(src_port, dst_port, payload)),
            Self::Tcp => (ether_type::IPV4, ip.tcp(&tcp, payload)),
            Self::UdpV6 => (ether_type::IPV6, ip6.udp(src_port, dst_port, payload)),
            Self::TcpV6 => (ether_type::IPV6, ip6.tcp(&tcp, payload)),
        };
        ethernet(to, from, kind, &packet)
    }

    /// Its session.
    pub const fn session(self) -> Translated {
        let [inside, outside, remote] = match self {
            Self::Udp | Self::Tcp => ["10.0.3.11:1000", "192.168.99.1:40000", "192.168.99.100:53"],
            Self::UdpV6 | Self::TcpV6 => [
                "[fd00:3::11]:1000",
                "[fd00:b0::1]:40000",
                "[fd00:b0::64]:53",
            ],
        };
        Translated {
            proto: self.proto(),
            inside,
            outside,
            remote,
            station: mac::C1,
            flags: SessionFlags { bits: 0 },
        }
    }
}

fn header(dst: &str, ttl: u8) -> Ipv4 {
    Ipv4 {
        ttl,
        tos: 0x28,
        id: 0x1234,
        ..Ipv4::new(SERVER, dst)
    }
}

fn header_v6(dst: &str, hops: u8) -> Ipv6 {
    Ipv6 {
        hops,
        ..Ipv6::new(SERVER_V6, dst)
    }
}

/// A datagram over IPv4 without a checksum, as it arrives.
pub fn without_checksum(ttl: u8) -> Vec<u8> {
    let [server, outside, _] = PORTS;
    let packet = header(OUTSIDE, ttl).udp_without_checksum(server, outside, &[0x5a; 20]);
    ethernet(mac::UPLINK, mac::SERVER, ether_type::IPV4, &packet)
}

/// The same as it goes to the station.
pub fn without_checksum_translated(ttl: u8) -> Vec<u8> {
    let [server, _, inside] = PORTS;
    let packet = header(INSIDE, ttl).udp_without_checksum(server, inside, &[0x5a; 20]);
    ethernet(mac::C1, mac::GATEWAY, ether_type::IPV4, &packet)
}
