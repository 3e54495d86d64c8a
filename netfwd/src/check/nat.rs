//! What address translation depends on.

use std::fs;
use std::net::IpAddr;

use super::{Finding, Severity};
use crate::config::{Config, Gateway, SourceNat};
use crate::dataplane::{self, SESSION_OCTETS, cgroup};
use crate::links::Link;

/// What is found of address translation.
pub(super) fn findings(config: &Config, list: &[Link]) -> Vec<Finding> {
    let gateways = || config.networks.iter().filter_map(|n| n.gateway.as_ref());
    let mut findings = Vec::new();
    if config.publishes() {
        findings.extend(sockets(cgroup::root().is_some()));
    }
    if gateways().any(|gateway| gateway.masquerade.is_on()) {
        findings.extend(ports(config.nat.ports, local_ports()));
        findings.extend(untranslated(config, list));
    }
    if gateways().next().is_some() {
        findings.extend(memory(
            config.nat.max_sessions,
            dataplane::memory("MemAvailable:"),
        ));
        findings.extend(strict(config, sysctl));
    }
    findings
}

fn sockets(cgroup2: bool) -> Option<Finding> {
    let finding = "there is no cgroup2 file system: processes of this host itself do not reach published \
                   ports and floating addresses";
    let remedy = "mount one, as with `mount -t cgroup2 none /sys/fs/cgroup`";
    (!cgroup2).then(|| Finding::new(Severity::Warning, "cgroup2", finding, remedy))
}

/// The host's own flows and masquerade share l4 ports, which is no harm: the programs ask for sockets.
fn ports(nat: (u16, u16), local: Option<(u16, u16)>) -> Option<Finding> {
    let local = local?;
    let (low, high) = (nat.0.max(local.0), nat.1.min(local.1));
    (low <= high).then(|| {
        let finding = format!(
            "this host's own sockets take l4 ports {low} to {high} as well: those in use are passed over"
        );
        let remedy = "for pools apart set net.ipv4.ip_local_port_range or `ports` in [nat]";
        Finding::new(Severity::Info, "l4 ports", finding, remedy)
    })
}

fn local_ports() -> Option<(u16, u16)> {
    let text = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    let mut numbers = text.split_whitespace().map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// Families that are masqueraded to the uplink's address, where no uplink has one.
fn untranslated(config: &Config, list: &[Link]) -> Vec<Finding> {
    let uplinks = || {
        list.iter()
            .filter(|link| config.host.uplinks.contains(&link.name))
    };
    let is_v4 = |address: &IpAddr| address.is_ipv4();
    let is_v6 = |address: &IpAddr| address.is_ipv6();
    let has = [
        (
            "IPv4",
            true,
            uplinks().any(|link| link.first_global(is_v4).is_some()),
        ),
        (
            "IPv6",
            false,
            uplinks().any(|link| link.first_global(is_v6).is_some()),
        ),
    ];
    let networks = config.networks.iter();
    let networks = networks.filter_map(|network| Some((&network.name, network.gateway.as_ref()?)));
    let lacking = networks.flat_map(|(name, gateway)| {
        let lacks = has
            .into_iter()
            .filter(|(_, v4, has)| !has && wants_uplink(gateway, *v4));
        lacks.map(move |(family, _, _)| no_address(name, family))
    });
    lacking.collect()
}

/// Whether a subnet of this family is translated to the uplink's address.
fn wants_uplink(gateway: &Gateway, v4: bool) -> bool {
    let source = if v4 {
        gateway.masquerade.v4
    } else {
        gateway.masquerade.v6
    };
    source == SourceNat::Uplink && gateway.addresses.iter().any(|a| a.addr().is_ipv4() == v4)
}

fn no_address(network: &str, family: &str) -> Finding {
    let finding = format!(
        "its {family} is masqueraded to the uplink's address, and no uplink has a global {family} address: \
         nothing of it gets out"
    );
    let remedy = "give an uplink one, or name an address in `masquerade`";
    Finding::new(
        Severity::Warning,
        &format!("network {network}"),
        finding,
        remedy,
    )
}

/// More sessions than there is memory for.
fn memory(sessions: u32, available: Option<u64>) -> Option<Finding> {
    let (wanted, available) = (u64::from(sessions) * SESSION_OCTETS, available?);
    (wanted > available / 2).then(|| {
        let mib = |octets: u64| octets >> 20;
        let finding = format!(
            "{sessions} sessions take up to {} MiB of kernel memory, of {} MiB that are available",
            mib(wanted),
            mib(available)
        );
        let remedy = "lower `max_sessions` in [nat], or give the host more memory";
        Finding::new(Severity::Warning, "sessions", finding, remedy)
    })
}

/// Uplinks on which the host's stack drops what would be answered by another one. The fast path keeps to its
/// own reverse-path check.
fn strict(config: &Config, value: impl Fn(&str) -> Option<u8>) -> Vec<Finding> {
    if config.host.uplinks.len() < 2 {
        return Vec::new();
    }
    let all = value("all").unwrap_or(0);
    // The greater one holds (Documentation/networking/ip-sysctl.rst).
    let is_strict = |name: &&String| all.max(value(name).unwrap_or(0)) == 1;
    let finding = |name: &String| {
        let finding = "rp_filter is strict: packets that the fast path leaves to the host's stack are dropped \
                       where their answers leave by another uplink";
        let remedy = format!("set net.ipv4.conf.{name}.rp_filter to 2");
        Finding::new(Severity::Warning, name, finding, &remedy)
    };
    config
        .host
        .uplinks
        .iter()
        .filter(is_strict)
        .map(finding)
        .collect()
}

fn sysctl(device: &str) -> Option<u8> {
    let path = format!("/proc/sys/net/ipv4/conf/{device}/rp_filter");
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse_text;
    use crate::links::Address;

    fn config(uplinks: &[&str]) -> Config {
        let text = format!(
            "[host]\nuplinks = {uplinks:?}\n[[network]]\nname = \"blue\"\n[network.gateway]\n\
             addresses = [\"10.0.3.1/24\", \"fd00:3::1/64\"]\nmasquerade = true\n"
        );
        parse_text(&text).expect("a configuration")
    }

    #[test]
    fn a_family_without_an_address_is_named() {
        let address = Address {
            net: "192.0.2.1/24".parse().expect("a net"),
            global: true,
            usable: true,
            ours: false,
        };
        let link = Link {
            name: "up0".into(),
            addresses: vec![address],
            ..Link::default()
        };
        let found = untranslated(&config(&["up0"]), &[link]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].finding.contains("its IPv6"), "{found:?}");
        assert_eq!(untranslated(&config(&["up0"]), &[]).len(), 2);
    }

    #[test]
    fn memory_is_counted_for_both_directions() {
        assert!(memory(1 << 20, Some(4 << 30)).is_none());
        let found = memory(1 << 20, Some(1 << 30)).expect("too much");
        assert!(found.finding.contains("768 MiB"), "{found:?}");
        let available = dataplane::memory("MemAvailable:");
        assert!(available.is_some_and(|octets| octets > 1 << 20));
    }

    #[test]
    fn the_greater_rp_filter_holds_on_several_uplinks() {
        let of = |all, one| move |device: &str| Some(if device == "all" { all } else { one });
        assert_eq!(strict(&config(&["a", "b"]), of(1, 0)).len(), 2);
        assert_eq!(strict(&config(&["a", "b"]), of(0, 2)), []);
        assert_eq!(strict(&config(&["a", "b"]), of(1, 2)), []);
        assert_eq!(strict(&config(&["a"]), of(1, 1)), [], "there is no other");
    }

    #[test]
    fn ports_that_are_shared_are_named() {
        assert!(ports((32768, 60999), Some((32768, 60999))).is_some());
        assert!(ports((61000, 65000), Some((32768, 60999))).is_none());
        assert!(ports((32768, 60999), None).is_none());
        let found = ports((1024, 40000), Some((32768, 60999))).expect("some");
        assert!(found.finding.contains("32768 to 40000"), "{found:?}");
    }

    #[test]
    fn without_cgroup2_the_host_is_told() {
        assert!(sockets(true).is_none());
        assert!(sockets(false).is_some_and(|found| found.remedy.contains("mount")));
    }
}
