//! Values as people write them; shared by the file, the command line and the control socket.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use ipnet::IpNet;
use netfwd_common::addr::{self, Mac};

/// Seconds that ageing may take (IEEE 802.1D-2004 table 7-5).
pub(super) const AGEING: std::ops::RangeInclusive<u64> = 10..=1_000_000;
/// What [`unicast_mac`] accepts.
pub const MAC: &str = "a unicast MAC address such as \"02:00:00:00:00:01\"";
/// What [`station`] accepts.
pub const STATION: &str = "a station's address such as \"10.0.3.20\"";

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
    // One text, where there may be a million addresses.
    format!(
        "{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}",
        mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]
    )
}

/// An address that a station can have; a prefix behind it is read over.
pub fn station(text: &str) -> Option<IpAddr> {
    let address = match text.split_once('/') {
        Some(_) => text.parse::<IpNet>().ok()?.addr(),
        None => text.parse().ok()?,
    };
    unicast(address)
}

/// An address that somebody can have; IPv4 in IPv6 is IPv4, as in the maps.
pub(super) fn unicast(address: IpAddr) -> Option<IpAddr> {
    let address = address.to_canonical();
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
