//! What a switch does that surprises people who do not expect it.

use netfwd_common::maps::PortState;

use super::{Finding, Severity};
use crate::config::{Config, Network, PortAt, Switch};
use crate::dataplane::{DataplaneError, Maps};
use crate::ids::{Scope, parts};
use crate::links::Link;
use crate::runtime::Store;

/// Ports towards the outside whose interface has addresses of the host.
pub(super) fn outside(config: &Config, list: &[Link]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for port in config.networks.iter().flat_map(|network| &network.ports) {
        let PortAt::Interface(name) = &port.at else {
            continue;
        };
        let is_outside = |link: &&Link| {
            let inside = ["veth", "tun"].contains(&link.kind.as_str());
            port.options.outside.unwrap_or(!inside)
        };
        let link = list.iter().find(|link| link.name == *name);
        let Some(link) = link.filter(is_outside) else {
            continue;
        };
        if let Some(own) = link.addresses.iter().find(|address| address.global) {
            let finding = format!(
                "keeps its address {} for this host; the host and the network's other ports do \
                 not reach each other by it",
                own.net
            );
            let remedy = "give the network a gateway with an address of its own for that";
            findings.push(Finding::new(Severity::Info, name, finding, remedy));
        }
    }
    findings
}

/// Networks whose multicast is not told apart for want of a querier.
pub(super) fn multicast(config: &Config) -> Vec<Finding> {
    let networks = config.networks.iter();
    let finding = |network: &Network| {
        let name = format!("network {}", network.name);
        querier(&name, &network.switch, network.gateway.is_some())
    };
    networks.filter_map(finding).collect()
}

fn querier(name: &str, switch: &Switch, has_gateway: bool) -> Option<Finding> {
    match (switch.multicast_snooping, switch.multicast_querier) {
        (true, false) => Some(Finding::new(
            Severity::Info,
            name,
            "IP multicast goes to every port until a multicast router asks for members",
            "set `multicast_querier = true` where no router does",
        )),
        (_, true) if !has_gateway => Some(Finding::new(
            Severity::Warning,
            name,
            "`multicast_querier` does nothing without a gateway: queries need a sender",
            "give the network a gateway, or take the querier out",
        )),
        _ => None,
    }
}

/// Ports that a BPDU shut, of an instance that has run.
pub(super) fn shut(instance: &str) -> Vec<Finding> {
    // Nothing is shut where nothing has run.
    let names = shut_ports(instance).unwrap_or_default();
    let finding = |name: String| {
        let remedy =
            format!("remove the bridge behind it, then open it with `netfwd port set {name} --up`");
        let finding = "was shut by a BPDU: it is an edge port, and a bridge stands behind it";
        Finding::new(Severity::Warning, &name, finding, &remedy)
    };
    names.into_iter().map(finding).collect()
}

fn shut_ports(instance: &str) -> Result<Vec<String>, DataplaneError> {
    let is_shut = |_: &u32, port: &netfwd_common::maps::Port| {
        PortState::from_number(port.state) == PortState::ShutByBpdu
    };
    let shut = Maps::open(instance)?.ports.matching(is_shut)?;
    let ids = Store::of(instance).ids().unwrap_or_default();
    let mut names = Vec::new();
    for (part, slot) in ids.slots(Scope::Port) {
        if shut.values().any(|port| port.slot == *slot) {
            names.push(parts(part).0.to_owned());
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_without_a_querier_is_told() {
        let said = |multicast_snooping, multicast_querier| {
            let switch = Switch {
                multicast_snooping,
                multicast_querier,
                ..Switch::default()
            };
            querier("blue", &switch, false).map(|finding| finding.severity)
        };
        assert_eq!(said(true, false), Some(Severity::Info));
        assert_eq!(said(true, true), Some(Severity::Warning), "no gateway");
        assert_eq!(said(false, false), None);
    }
}
