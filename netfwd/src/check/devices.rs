//! Interfaces: what the configuration names and what is there.

use std::collections::{BTreeMap, BTreeSet};

use super::{Finding, Severity};
use crate::config::{Config, PortAt, XdpPolicy};
use crate::desired::{Desired, Facts, resolve, wants_xdp};
use crate::ids::Ids;
use crate::links::{Link, ethtool, netns::Netns};
use crate::naming;
use crate::observe;

/// What the configuration wants and this host lacks, as the daemon itself finds it, and the MTUs that the
/// networks would have.
pub(super) fn unmet(config: &Config, list: &[Link]) -> (Vec<Finding>, BTreeMap<String, u32>) {
    let instance = config.host.name.as_deref().unwrap_or("netfwd");
    let ours = naming::alias(instance);
    let mut links = observe::plain_links(list);
    // What some instance of netfwd made is not in the way of the one that is meant here.
    for link in links.values_mut() {
        if link
            .alias
            .as_deref()
            .is_some_and(|a| a.starts_with(&naming::alias("")))
        {
            link.alias = Some(ours.clone());
        }
    }
    let namespaces = namespaces(config);
    let facts = Facts {
        instance,
        netns_cookie: 1,
        links: &links,
        namespaces: &namespaces,
        shut: &BTreeSet::new(),
        down: &BTreeSet::new(),
        xdp_targets: None,
    };
    let mut ids = Ids::default();
    match resolve(config, &mut ids, facts) {
        Ok(desired) => {
            let unmet = desired.waiting.iter();
            let unmet = unmet.map(|error| Finding {
                severity: if error.may_come() {
                    Severity::Warning
                } else {
                    Severity::Error
                },
                ..Finding::refused(&error.to_string())
            });
            (unmet.collect(), mtus(&ids, &desired))
        }
        Err(error) => {
            let finding = Finding {
                exit: error.exit_code(),
                ..Finding::refused(&error.to_string())
            };
            (vec![finding], BTreeMap::new())
        }
    }
}

fn mtus(ids: &Ids, desired: &Desired) -> BTreeMap<String, u32> {
    let networks = ids.networks.iter();
    let mtu = |id: &u32| desired.maps.networks.get(id).map(|network| network.mtu);
    networks
        .filter_map(|(name, id)| Some((name.clone(), mtu(id)?)))
        .collect()
}

fn namespaces(config: &Config) -> BTreeSet<String> {
    let ports = config.networks.iter().flat_map(|network| &network.ports);
    let named = ports.filter_map(|port| match &port.at {
        PortAt::Pair(pair) => Some(pair.netns.clone()),
        PortAt::Interface(_) | PortAt::Tap(_) => None,
    });
    named.filter(|name| Netns::open(name).is_ok()).collect()
}

fn by_name(list: &[Link]) -> BTreeMap<&str, &Link> {
    list.iter().map(|link| (link.name.as_str(), link)).collect()
}

/// The uplinks that exist.
pub(super) fn uplinks(config: &Config, list: &[Link]) -> Vec<Finding> {
    let (links, plain) = (by_name(list), observe::plain_links(list));
    let mut findings = Vec::new();
    for name in &config.host.uplinks {
        let Some(link) = links.get(name.as_str()) else {
            continue;
        };
        findings.extend(down(link, "bring it up", "check the cable or the switch"));
        if link.first_global(std::net::IpAddr::is_ipv4).is_none() {
            let remedy = "give it one, or masquerade and published ports will not work on it";
            let finding = "has no global IPv4 address";
            findings.push(Finding::new(Severity::Warning, name, finding, remedy));
        }
        findings.push(xdp(config.host.xdp, link));
        if plain
            .get(name)
            .is_some_and(|link| wants_xdp(config.host.xdp, link))
        {
            findings.extend(tags(name));
        }
    }
    findings
}

/// What of 802.1Q XDP does not see: TC has the tag that a NIC took off beside the frame, and leaves such frames to
/// the host's stack.
fn tags(name: &str) -> Option<Finding> {
    let stripped = ethtool::strips_tags(name).unwrap_or(false);
    let finding =
        "takes 802.1Q tags off before XDP sees a frame: one of a VLAN is taken for one without";
    let remedy = format!(
        "`ethtool -K {name} rxvlan off`, or set [host] `xdp` to \"off\" where others may send tagged frames"
    );
    stripped.then(|| Finding::new(Severity::Warning, name, finding, &remedy))
}

fn down(link: &Link, remedy: &str, no_carrier: &str) -> Option<Finding> {
    let name = link.name.as_str();
    if !link.up {
        return Some(Finding::new(Severity::Warning, name, "is down", remedy));
    }
    let finding = "has no carrier";
    (!link.carrier).then(|| Finding::new(Severity::Warning, name, finding, no_carrier))
}

fn xdp(policy: XdpPolicy, link: &Link) -> Finding {
    let driver = ethtool::driver(&link.name).unwrap_or_else(|_| "unknown".to_owned());
    let name = link.name.as_str();
    let info = |finding: String| Finding::fine(name, finding);
    match policy {
        XdpPolicy::Off => Finding::new(
            Severity::Info,
            name,
            "XDP is off",
            "set [host] `xdp` to \"auto\" for the fast path of a driver that takes XDP",
        ),
        XdpPolicy::Auto if link.kind.is_empty() => info(format!(
            "XDP is tried in driver {driver}, and left out where that refuses it"
        )),
        XdpPolicy::Auto => info(format!(
            "no XDP: driver {driver} is virtual, TC alone is faster"
        )),
        XdpPolicy::Native if driver == "veth" => Finding::new(
            Severity::Warning,
            name,
            "XDP on a veth loses the checksums that the sender left to offload: TCP stalls, ping works",
            "set [host] `xdp` to \"auto\"",
        ),
        XdpPolicy::Native => info(format!("XDP in driver {driver}")),
        XdpPolicy::Generic => Finding::new(
            Severity::Warning,
            name,
            "XDP in the stack is slower than TC alone",
            "set [host] `xdp` to \"auto\"",
        ),
    }
}

/// The ports that are existing interfaces.
pub(super) fn ports(config: &Config, list: &[Link]) -> Vec<Finding> {
    let links = by_name(list);
    let ports = config.networks.iter().flat_map(|network| &network.ports);
    let mut findings = Vec::new();
    for port in ports {
        let PortAt::Interface(name) = &port.at else {
            continue;
        };
        let Some(link) = links.get(name.as_str()) else {
            continue;
        };
        let remedy =
            "bring it up; netfwd leaves the state of interfaces that it did not make alone";
        findings.extend(down(link, remedy, "bring its other end up"));
        let master = list.iter().find(|other| Some(other.index) == link.master);
        if let Some(master) = master {
            let finding = format!(
                "is a port of {}, too: frames would be forwarded twice",
                master.name
            );
            let remedy = format!("take it out with `ip link set {name} nomaster`");
            findings.push(Finding::new(Severity::Error, name, finding, &remedy));
        }
    }
    findings
}
