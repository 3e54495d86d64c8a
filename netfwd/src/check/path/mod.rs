//! The paths to peers: whether they answer, and whether the networks' packets fit once encapsulated.

mod measure;
mod search;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;

use netfwd_common::limits::{MTU_OVERHEAD_V4, MTU_OVERHEAD_V6};

use self::measure::{Found, measure};
use super::{Finding, Severity};
use crate::config::Config;
use crate::links::Link;

/// A network that has the peer, and its MTU.
type Need<'a> = (&'a str, u32);

/// Measures the path to each peer of the configuration, whose networks have these MTUs.
pub(super) async fn findings(
    config: &Config,
    mtus: &BTreeMap<String, u32>,
    list: &[Link],
) -> Vec<Finding> {
    let needs = needs(config, mtus);
    let most = list.iter().filter(|link| link.up && !link.loopback);
    let most = most.map(|link| link.mtu).max().unwrap_or(1500);
    let mut findings = Vec::new();
    for family in [IpAddr::is_ipv4, IpAddr::is_ipv6] {
        let peers: VecDeque<IpAddr> = needs.keys().copied().filter(family).collect();
        match measure(peers, most).await {
            Ok(found) => findings.extend(found.iter().map(|(peer, found)| {
                let needs = needs.get(peer).map_or(&[] as &[_], Vec::as_slice);
                finding(*peer, found, needs)
            })),
            Err(error) => findings.push(Finding::new(
                Severity::Warning,
                "paths",
                format!("the paths to peers are not measured: {error}"),
                "run the check as root with the capability CAP_NET_RAW",
            )),
        }
    }
    findings
}

/// The interfaces that the paths begin with, and what their MTUs leave to networks.
pub(super) fn underlay(
    config: &Config,
    mtus: &BTreeMap<String, u32>,
    list: &[Link],
) -> Vec<Finding> {
    let networks = config
        .networks
        .iter()
        .filter(|network| network.vni.is_some());
    let widest = networks.filter_map(|network| mtus.get(&network.name)).max();
    let underlay = list.iter().filter(|link| super::is_underlay(config, link));
    underlay.map(|link| room(link, widest.copied())).collect()
}

fn room(link: &Link, widest: Option<u32>) -> Finding {
    let (name, mtu) = (&link.name, link.mtu);
    let [v4, v6] = [MTU_OVERHEAD_V4, MTU_OVERHEAD_V6].map(|overhead| mtu.saturating_sub(overhead));
    let has = widest.map_or_else(String::new, |widest| format!("; the widest has {widest}"));
    let finding = format!(
        "is of the underlay, with an MTU of {mtu}: networks may have {v4} over IPv4 and {v6} over IPv6{has}"
    );
    Finding::fine(name, finding)
}

/// The unicast peers, each with the networks that it is in.
fn needs<'a>(config: &'a Config, mtus: &BTreeMap<String, u32>) -> BTreeMap<IpAddr, Vec<Need<'a>>> {
    let mut needs: BTreeMap<IpAddr, Vec<Need<'a>>> = BTreeMap::new();
    for network in &config.networks {
        // A configuration that cannot be had on this host leaves MTUs open.
        let mtu = mtus.get(&network.name).copied().or(network.mtu);
        let need = mtu.map(|mtu| (network.name.as_str(), mtu));
        let peers: BTreeSet<IpAddr> = network.peers.iter().map(|peer| peer.at.address).collect();
        for peer in peers {
            needs.entry(peer).or_default().extend(need);
        }
    }
    needs
}

const fn overhead(peer: IpAddr) -> u32 {
    if peer.is_ipv4() {
        MTU_OVERHEAD_V4
    } else {
        MTU_OVERHEAD_V6
    }
}

fn finding(peer: IpAddr, found: &Found, needs: &[Need<'_>]) -> Finding {
    let object = format!("peer {peer}");
    let warning =
        |finding: String, remedy: &str| Finding::new(Severity::Warning, &object, finding, remedy);
    match found {
        Found::Mtu(mtu) => carried(peer, *mtu, needs),
        Found::Silent => warning(
            "does not answer ICMP echo: it is down, out of reach, or something on the way drops \
             echo; the path's MTU is not known"
                .to_owned(),
            "bring it up, or let ICMP echo pass",
        ),
        Found::Unsendable(reason) => warning(
            format!("nothing can be sent to it: {reason}"),
            "add a route to it, or correct the address",
        ),
    }
}

/// A peer that answers, over a path of this MTU.
fn carried(peer: IpAddr, mtu: u32, needs: &[Need<'_>]) -> Finding {
    let overhead = overhead(peer);
    let object = format!("peer {peer}");
    let narrow: Vec<&Need<'_>> = needs
        .iter()
        .filter(|(_, own)| own + overhead > mtu)
        .collect();
    let widest = needs.iter().map(|(_, mtu)| mtu + overhead).max();
    let Some((first, own)) = narrow.first() else {
        let need = widest.map_or_else(String::new, |need| format!("; its networks need {need}"));
        let finding = format!("answers, with a path MTU of {mtu}{need}");
        return Finding::fine(&object, finding);
    };
    let need = widest.unwrap_or_default();
    let others = match narrow.len() - 1 {
        0 => String::new(),
        others => format!(" and {others} more"),
    };
    let finding = format!(
        "answers, but the path's MTU is {mtu}, and network {first}{others} needs {need}: its own \
         {own} and {overhead} of VXLAN"
    );
    let remedy = format!(
        "set `mtu = {}` in network {first}{others}, or raise the MTU of the underlay to {need}",
        mtu.saturating_sub(overhead)
    );
    Finding::new(Severity::Warning, &object, finding, &remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(172, 31, 0, 2));

    #[test]
    fn a_path_that_carries_all_is_good_to_know() {
        let found = finding(PEER, &Found::Mtu(1500), &[("blue", 1450), ("red", 1400)]);
        assert_eq!(found.severity, Severity::Info);
        assert!(found.finding.contains("1500"), "{found:?}");
        assert_eq!(found.remedy, super::super::NOTHING);
    }

    #[test]
    fn a_narrow_path_says_what_to_set() {
        let found = finding(PEER, &Found::Mtu(1400), &[("blue", 1450), ("red", 1350)]);
        assert_eq!(found.severity, Severity::Warning);
        assert!(
            found.finding.contains("network blue needs 1500"),
            "{found:?}"
        );
        let remedy = found.remedy;
        assert!(
            remedy.contains("mtu = 1350") && remedy.contains("1500"),
            "{remedy}"
        );
    }

    #[test]
    fn ipv6_takes_twenty_octets_more() {
        let peer = "fd00::2".parse().expect("an address");
        let found = finding(peer, &Found::Mtu(1500), &[("blue", 1450)]);
        assert!(found.finding.contains("needs 1520"), "{found:?}");
    }

    #[test]
    fn the_underlay_says_what_it_leaves() {
        let link = Link {
            name: "up0".into(),
            mtu: 9000,
            ..Link::default()
        };
        let found = room(&link, Some(1450));
        for words in [
            "MTU of 9000",
            "8950 over IPv4",
            "8930 over IPv6",
            "has 1450",
        ] {
            assert!(found.finding.contains(words), "{found:?}");
        }
    }

    #[test]
    fn silence_is_a_finding_and_no_error() {
        let found = finding(PEER, &Found::Silent, &[("blue", 1450)]);
        assert!(!found.is_error() && found.remedy.contains("ICMP echo"));
    }
}
