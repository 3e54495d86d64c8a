//! Addresses of the underlay as people write them: VTEPs, peers and multicast groups.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What [`vtep`] accepts.
pub const VTEP: &str = "a unicast address of the underlay such as \"172.31.0.106\" or \"fd00::6\"";
/// What [`PeerAt`] accepts.
pub const PEER: &str = "a peer's address, with its UDP port where that is one of its own, such as \"172.31.0.107\", \"172.31.0.107:8472\" or \"[fd00::7]:8472\"";
/// What [`group`] accepts.
pub const GROUP: &str = "a multicast address that leaves the host, and is none of 224.0.0.0/24, such as \"239.1.1.1\" or \"ff05::100\"";

/// Where a peer is: its address, and its UDP port where that is one of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PeerAt {
    /// Its VTEP.
    pub address: IpAddr,
    /// Its UDP port; absent: the instance's.
    pub port: Option<u16>,
}

impl FromStr for PeerAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bare = || Some((vtep(text)?, None));
        let found = bare().or_else(|| with_port(text));
        let (address, port) = found.ok_or_else(|| format!("`{text}` is not {PEER}"))?;
        Ok(Self { address, port })
    }
}

impl TryFrom<String> for PeerAt {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<PeerAt> for String {
    fn from(peer: PeerAt) -> Self {
        peer.to_string()
    }
}

impl fmt::Display for PeerAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            None => self.address.fmt(f),
            Some(port) => SocketAddr::new(self.address, port).fmt(f),
        }
    }
}

fn with_port(text: &str) -> Option<(IpAddr, Option<u16>)> {
    let socket: SocketAddr = text.parse().ok()?;
    let zone = matches!(socket, SocketAddr::V6(v6) if v6.scope_id() != 0);
    let address = usable(socket.ip())?;
    (!zone && socket.port() != 0).then_some((address, Some(socket.port())))
}

/// An address that a VTEP can have.
pub fn vtep(text: &str) -> Option<IpAddr> {
    usable(text.parse().ok()?)
}

/// IPv4 in IPv6 is IPv4, as in the maps; link-local addresses mean nothing without an interface.
fn usable(address: IpAddr) -> Option<IpAddr> {
    let address = address.to_canonical();
    let kind = match address {
        IpAddr::V4(v4) => v4 != Ipv4Addr::BROADCAST,
        IpAddr::V6(v6) => !v6.is_unicast_link_local(),
    };
    let none = address.is_unspecified() || address.is_multicast() || address.is_loopback();
    (kind && !none).then_some(address)
}

/// A multicast group that reaches other hosts: what is for this host alone does not (RFC 4291 §2.7),
/// and 224.0.0.0/24 is of routing protocols and the like (RFC 5771 §4).
pub fn group(text: &str) -> Option<IpAddr> {
    let address: IpAddr = text.parse().ok()?;
    let good = match address {
        IpAddr::V4(v4) => v4.is_multicast() && v4.octets()[..3] != [224, 0, 0],
        IpAddr::V6(v6) => v6.is_multicast() && scope(v6) > 1,
    };
    good.then_some(address)
}

fn scope(group: Ipv6Addr) -> u8 {
    group.octets()[1] & 0x0f
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_an_address_with_or_without_a_port() {
        for text in [
            "172.31.0.107",
            "172.31.0.107:8472",
            "fd00::7",
            "[fd00::7]:8472",
        ] {
            let peer: PeerAt = text.parse().expect(text);
            assert_eq!(peer.to_string(), text);
        }
        let mapped: PeerAt = "::ffff:172.31.0.107".parse().expect("IPv4 in IPv6");
        assert_eq!(mapped.to_string(), "172.31.0.107");
    }

    #[test]
    fn what_cannot_be_a_peer_is_refused() {
        let bad = [
            "",
            "x",
            "0.0.0.0",
            "::",
            "127.0.0.1",
            "::1",
            "255.255.255.255",
            "239.1.1.1",
            "ff05::1",
            "fe80::1",
            "[fe80::1]:4789",
            "10.0.0.1:0",
            "10.0.0.1:65536",
            "[fd00::1%1]:4789",
        ];
        for text in bad {
            assert!(text.parse::<PeerAt>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_group_is_multicast_that_leaves_the_host() {
        assert!(group("239.1.1.1").is_some() && group("ff05::100").is_some());
        for text in [
            "10.0.0.1",
            "224.0.0.251",
            "ff01::1",
            "ff00::1",
            "fd00::1",
            "x",
        ] {
            assert!(group(text).is_none(), "{text}");
        }
    }
}
