//! `[host]`, `[vxlan]` and `[nat]`.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::reader::{Keys, Section, Value};
use super::{Config, ConfigError, Host, Nat, Timeouts, Tos, Vxlan, XdpPolicy, network, values};

/// What [`duration`] accepts.
const DURATION: &str = "a duration such as \"300s\", \"5m\" or \"1h\"";
/// What an IPv4 address is called in errors.
pub(super) const IPV4: &str = "an IPv4 address (IPv6 is not in this version of netfwd yet)";

/// A whole file.
pub(super) fn document(
    root: &Section<'_>,
    config: &mut Config,
    main: bool,
) -> Result<(), ConfigError> {
    root.only(&Keys {
        accepted: &["host", "vxlan", "nat", "network"],
        later: &["metrics"],
    })?;
    for key in ["host", "vxlan", "nat"] {
        if let (false, Some(value)) = (main, root.get(key)) {
            let message =
                format!("[{key}] belongs in the main file; conf.d holds [[network]] only");
            return Err(ConfigError::new(&value.place(), message));
        }
    }
    if main {
        config.host = table(root, "host", "[host]", host)?;
        config.vxlan = table(root, "vxlan", "[vxlan]", vxlan)?;
        config.nat = table(root, "nat", "[nat]", nat)?;
    }
    for section in root.tables("network", "[[network]]")? {
        config.networks.push(network::network(&section)?);
    }
    Ok(())
}

fn table<T: Default>(
    root: &Section<'_>,
    key: &'static str,
    title: &'static str,
    read: fn(&Section<'_>) -> Result<T, ConfigError>,
) -> Result<T, ConfigError> {
    match root.table(key, title)? {
        Some(section) => read(&section),
        None => Ok(T::default()),
    }
}

fn host(section: &Section<'_>) -> Result<Host, ConfigError> {
    section.only(&Keys {
        accepted: &["name", "uplinks", "vtep", "xdp"],
        later: &[],
    })?;
    Ok(Host {
        name: section.maybe("name", name)?,
        uplinks: section.or("uplinks", Vec::new(), devices)?,
        vtep: section.maybe("vtep", ipv4)?,
        xdp: section.or("xdp", XdpPolicy::Auto, xdp)?,
    })
}

/// A name of an instance or network.
pub(super) fn name(value: &Value<'_>) -> Result<String, ConfigError> {
    value.parse(
        "1 to 64 letters, digits, `-`, `_` and `.`",
        values::instance_name,
    )
}

/// A name of an interface.
pub(super) fn device(value: &Value<'_>) -> Result<String, ConfigError> {
    value.parse(
        "an interface name of 1 to 15 characters",
        values::device_name,
    )
}

fn devices(value: &Value<'_>) -> Result<Vec<String>, ConfigError> {
    value.list()?.iter().map(device).collect()
}

/// A unicast IPv4 address.
pub(super) fn ipv4(value: &Value<'_>) -> Result<IpAddr, ConfigError> {
    value.parse(IPV4, |text| {
        let address: std::net::Ipv4Addr = text.parse().ok()?;
        let usable =
            !address.is_unspecified() && !address.is_multicast() && !address.is_broadcast();
        usable.then_some(IpAddr::V4(address))
    })
}

fn xdp(value: &Value<'_>) -> Result<XdpPolicy, ConfigError> {
    value.parse("\"auto\", \"native\", \"generic\" or \"off\"", |text| {
        Some(match text {
            "auto" => XdpPolicy::Auto,
            "native" => XdpPolicy::Native,
            "generic" => XdpPolicy::Generic,
            "off" => XdpPolicy::Off,
            _ => return None,
        })
    })
}

fn vxlan(section: &Section<'_>) -> Result<Vxlan, ConfigError> {
    section.only(&Keys {
        accepted: &[
            "port",
            "source_ports",
            "ttl",
            "tos",
            "udp_checksum",
            "unknown_sources",
        ],
        later: &[],
    })?;
    let default = Vxlan::default();
    Ok(Vxlan {
        port: section.or("port", default.port, |v| Ok(v.integer(1, 65535)? as u16))?,
        source_ports: section.or("source_ports", default.source_ports, ports)?,
        ttl: section.or("ttl", default.ttl, |v| Ok(v.integer(1, 255)? as u8))?,
        tos: section.or("tos", default.tos, tos)?,
        udp_checksum: section.or("udp_checksum", false, Value::bool)?,
        accept_unknown: section.or("unknown_sources", false, |value| {
            choice(value, "accept", "drop")
        })?,
    })
}

/// One of two words; whether it is the first.
pub(super) fn choice(value: &Value<'_>, yes: &str, no: &str) -> Result<bool, ConfigError> {
    value.parse(&format!("\"{yes}\" or \"{no}\""), |text| {
        (text == yes || text == no).then_some(text == yes)
    })
}

fn ports(value: &Value<'_>) -> Result<(u16, u16), ConfigError> {
    let accepted = "two numbers from 1 to 65535, the lower first";
    let list = value.list().map_err(|_| value.refuse(accepted))?;
    let [low, high] = list.as_slice() else {
        return Err(value.refuse(accepted));
    };
    let pair = (
        low.integer(1, 65535)? as u16,
        high.integer(1, 65535)? as u16,
    );
    if pair.0 > pair.1 {
        return Err(value.refuse(accepted));
    }
    Ok(pair)
}

fn tos(value: &Value<'_>) -> Result<Tos, ConfigError> {
    match value.as_integer() {
        Some(number @ 0..=255) => Ok(Tos::Fixed(number as u8)),
        _ => value.parse("\"inherit\" or a number from 0 to 255", |text| {
            (text == "inherit").then_some(Tos::Inherit)
        }),
    }
}

fn nat(section: &Section<'_>) -> Result<Nat, ConfigError> {
    section.only(&Keys {
        accepted: &["ports", "timeouts"],
        later: &[],
    })?;
    let timeouts = table(section, "timeouts", "[nat.timeouts]", timeouts)?;
    Ok(Nat {
        ports: section.or("ports", Nat::default().ports, ports)?,
        timeouts,
    })
}

fn timeouts(section: &Section<'_>) -> Result<Timeouts, ConfigError> {
    section.only(&Keys {
        accepted: &["udp", "tcp_established", "tcp_transitory", "icmp"],
        later: &[],
    })?;
    let default = Timeouts::default();
    let floor = |key, default, seconds, why| {
        section.or(key, default, |value| at_least(value, seconds, why))
    };
    Ok(Timeouts {
        udp: floor("udp", default.udp, 120, "RFC 4787 REQ-5")?,
        tcp_established: floor(
            "tcp_established",
            default.tcp_established,
            7440,
            "RFC 5382 REQ-5",
        )?,
        tcp_transitory: floor(
            "tcp_transitory",
            default.tcp_transitory,
            240,
            "RFC 5382 REQ-5",
        )?,
        icmp: floor("icmp", default.icmp, 60, "RFC 5508 REQ-2")?,
    })
}

fn at_least(value: &Value<'_>, seconds: u64, why: &str) -> Result<Duration, ConfigError> {
    let accepted = format!("{DURATION}, at least {seconds}s ({why})");
    value.parse(&accepted, |text| {
        values::duration(text).filter(|duration| *duration >= Duration::from_secs(seconds))
    })
}

/// A duration in a range of seconds.
pub(super) fn between(
    value: &Value<'_>,
    seconds: RangeInclusive<u64>,
) -> Result<Duration, ConfigError> {
    let (low, high) = seconds.into_inner();
    let accepted = format!("{DURATION}, from {low}s to {high}s");
    let range = Duration::from_secs(low)..=Duration::from_secs(high);
    value.parse(&accepted, |text| {
        values::duration(text).filter(|d| range.contains(d))
    })
}
