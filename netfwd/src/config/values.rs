//! Values as people write them; shared by the file, the command line and the control socket.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use netfwd_common::addr::{self, Mac};

use super::{Listen, Proto};

/// Seconds that ageing may take (IEEE 802.1D-2004 table 7-5).
pub(super) const AGEING: std::ops::RangeInclusive<u64> = 10..=1_000_000;
/// What [`unicast_mac`] accepts.
pub const MAC: &str = "a unicast MAC address such as \"02:00:00:00:00:01\"";
/// What [`station`] accepts.
pub const STATION: &str = "a station's address such as \"10.0.3.20\"";
/// What [`listen`] accepts.
pub const LISTEN: &str = "[address:]port[-port]/tcp or /udp, such as \"8080/tcp\"";
/// What [`endpoint`] accepts.
pub const ENDPOINT: &str = "address:port, such as \"10.0.3.20:22\"";

/// A unicast MAC.
pub fn unicast_mac(text: &str) -> Option<Mac> {
    let mut mac = [0; 6];
    let mut parts = text.split(':');
    for octet in &mut mac {
        let part = parts.next().filter(|part| part.len() == 2)?;
        *octet = u8::from_str_radix(part, 16).ok()?;
    }
    (parts.next().is_none() && addr::is_valid_source(&mac)).then_some(mac)
}

/// A MAC as users read it.
pub fn format_mac(mac: &Mac) -> String {
    let octets: Vec<_> = mac.iter().map(|octet| format!("{octet:02x}")).collect();
    octets.join(":")
}

/// An address that a station can have; a prefix behind it is read over.
pub fn station(text: &str) -> Option<IpAddr> {
    let address = match text.split_once('/') {
        Some(_) => text.parse::<IpNet>().ok()?.addr(),
        None => text.parse().ok()?,
    };
    let none = address.is_unspecified() || address.is_multicast() || address.is_loopback();
    let broadcast = address == IpAddr::V4(Ipv4Addr::BROADCAST);
    (!none && !broadcast).then_some(address)
}

/// Whether FDB entries may live so long unrefreshed.
pub fn is_ageing(time: Duration) -> bool {
    AGEING.contains(&time.as_secs())
}

/// A name that Linux takes for an interface (`dev_valid_name`, net/core/dev.c).
pub fn device_name(text: &str) -> Option<String> {
    let bad = |c: char| c == '/' || c == ':' || c.is_whitespace() || c.is_control();
    let ok = (1..=15).contains(&text.len()) && text != "." && text != ".." && !text.contains(bad);
    ok.then(|| text.to_owned())
}

/// A name for an instance or a network: it stands in paths and in interface aliases.
pub fn instance_name(text: &str) -> Option<String> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let ok =
        (1..=64).contains(&text.len()) && text.chars().all(good) && !text.starts_with(['.', '-']);
    ok.then(|| text.to_owned())
}

/// A duration: a number and `ms`, `s`, `m` or `h`.
pub fn duration(text: &str) -> Option<Duration> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(split);
    let number: u64 = number.parse().ok()?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    Some(Duration::from_millis(number.checked_mul(millis)?))
}

/// A listener: `[address:]port[-port]/proto`.
pub fn listen(text: &str) -> Option<Listen> {
    let (rest, proto) = text.split_once('/')?;
    let proto = match proto {
        "tcp" => Proto::Tcp,
        "udp" => Proto::Udp,
        _ => return None,
    };
    let (address, ports) = match rest.rsplit_once(':') {
        Some((address, ports)) => (Some(bare_address(address)?), ports),
        None => (None, rest),
    };
    let (low, high) = ports.split_once('-').unwrap_or((ports, ports));
    let ports = (l4_port(low)?, l4_port(high)?);
    (ports.0 <= ports.1).then_some(Listen {
        address,
        ports,
        proto,
    })
}

/// An address and an l4 port.
pub fn endpoint(text: &str) -> Option<(IpAddr, u16)> {
    let socket: SocketAddr = text.parse().ok()?;
    (socket.port() != 0).then_some((socket.ip(), socket.port()))
}

fn bare_address(text: &str) -> Option<IpAddr> {
    text.trim_start_matches('[')
        .trim_end_matches(']')
        .parse()
        .ok()
}

fn l4_port(text: &str) -> Option<u16> {
    let port = text.parse().ok()?;
    (port != 0).then_some(port)
}

impl Proto {
    /// As users read it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }

    /// The IP protocol number.
    pub const fn number(self) -> u8 {
        match self {
            Self::Tcp => netfwd_common::nat::proto::TCP,
            Self::Udp => netfwd_common::nat::proto::UDP,
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            Some(IpAddr::V4(address)) => write!(f, "{address}:")?,
            Some(IpAddr::V6(address)) => write!(f, "[{address}]:")?,
            None => {}
        }
        let (low, high) = self.ports;
        write!(f, "{low}")?;
        if high != low {
            write!(f, "-{high}")?;
        }
        write!(f, "/{}", self.proto.name())
    }
}
