//! Ports to which XDP cannot redirect.

use super::{Finding, Severity};
use crate::config::{Config, PortAt};
use crate::desired::wants_xdp;
use crate::links::{Link, xdp};
use crate::observe;

/// Existing interfaces that take no frames from XDP, where an uplink redirects some.
pub(super) fn findings(config: &Config, list: &[Link]) -> Vec<Finding> {
    let links = observe::plain_links(list);
    let mut uplinks = config
        .host
        .uplinks
        .iter()
        .filter_map(|name| links.get(name));
    if !uplinks.any(|link| wants_xdp(config.host.xdp, link)) {
        return Vec::new();
    }
    let Ok(Some(targets)) = xdp::targets() else {
        return Vec::new();
    };
    let ports = config.networks.iter().flat_map(|network| &network.ports);
    let names = ports.filter_map(|port| match &port.at {
        PortAt::Interface(name) => links.get_key_value(name),
        PortAt::Pair(_) | PortAt::Tap(_) => None,
    });
    let without = names.filter(|(_, link)| !targets.contains(&link.ifindex));
    without
        .map(|(name, link)| finding(name, link.kind.as_deref()))
        .collect()
}

fn finding(name: &str, kind: Option<&str>) -> Finding {
    let remedy = match kind {
        Some("veth") => "switch GRO on at its other end, as with `ethtool -K eth0 gro on` there",
        _ => "nothing need be done; a driver that takes them would be faster",
    };
    let finding = "takes no frames that XDP redirects: what comes for it from peers goes by TC";
    Finding::new(Severity::Info, name, finding, remedy)
}
