//! What the host's stack routes: packets of gateways without masquerade, and the few that are masqueraded
//! and must be fragmented, or leave by an interface that is no uplink.

use std::fs;

use ipnet::IpNet;

use super::{Base, Finding, Packet, Ruleset, Severity, dropping, insert, title};
use crate::config::{Config, Gateway, Network, SourceNat};

/// A subnet that is routed by a gateway.
struct Routed<'a> {
    network: &'a str,
    device: &'a str,
    subnet: IpNet,
    masqueraded: bool,
}

fn routed(config: &Config) -> impl Iterator<Item = Routed<'_>> {
    let gateways = config.networks.iter();
    let gateways = gateways.filter_map(|network| Some((network, network.gateway.as_ref()?)));
    gateways.flat_map(|(network, gateway)| of_gateway(network, gateway))
}

fn of_gateway<'a>(network: &'a Network, gateway: &'a Gateway) -> impl Iterator<Item = Routed<'a>> {
    gateway.addresses.iter().map(|address| {
        let source = match address {
            IpNet::V4(_) => gateway.masquerade.v4,
            IpNet::V6(_) => gateway.masquerade.v6,
        };
        Routed {
            network: &network.name,
            device: &gateway.device,
            subnet: address.trunc(),
            masqueraded: source != SourceNat::Off,
        }
    })
}

/// Subnets that nobody routes: without masquerade the host's stack would, and does not forward.
pub(super) fn forwarding(config: &Config) -> Vec<Finding> {
    let lacking = routed(config).filter(|it| !it.masqueraded && !forwards(it.subnet));
    let finding = |it: Routed<'_>| {
        let subnet = it.subnet;
        let finding = format!(
            "its subnet {subnet} is not masqueraded, and the host's stack, which would route it, forwards \
             nothing: its stations reach this host, and nothing beyond"
        );
        let remedy = format!(
            "set {} to 1, or `masquerade` of its gateway, where they should",
            key(subnet)
        );
        Finding::new(
            Severity::Info,
            &format!("network {}", it.network),
            finding,
            &remedy,
        )
    };
    lacking.map(finding).collect()
}

fn key(subnet: IpNet) -> &'static str {
    match subnet {
        IpNet::V4(_) => "net.ipv4.ip_forward",
        IpNet::V6(_) => "net.ipv6.conf.all.forwarding",
    }
}

fn forwards(subnet: IpNet) -> bool {
    let file = format!("/proc/sys/{}", key(subnet).replace('.', "/"));
    fs::read_to_string(file).is_ok_and(|value| value.trim() != "0")
}

/// Chains that drop what the stack forwards.
pub(super) fn findings(ruleset: &Ruleset, config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    for it in routed(config).filter(|it| forwards(it.subnet)) {
        for outwards in [true, false] {
            let packet = packet(&it, outwards);
            let dropping = dropping(ruleset, &["forward"], &packet);
            findings.extend(
                dropping
                    .into_iter()
                    .map(|base| finding(base, &it, outwards)),
            );
        }
    }
    findings
}

/// One of a flow that a station begins, or an answer to it.
fn packet(it: &Routed<'_>, outwards: bool) -> Packet {
    let (device, subnet) = (Some(it.device.to_owned()), Some(it.subnet));
    let packet = Packet {
        v4: matches!(it.subnet, IpNet::V4(_)),
        iif: None,
        oif: None,
        source: None,
        destination: None,
        udp: None,
        state: if outwards { "new" } else { "established" },
    };
    if outwards {
        Packet {
            iif: device,
            source: subnet,
            ..packet
        }
    } else {
        Packet {
            oif: device,
            destination: subnet,
            ..packet
        }
    }
}

fn finding(base: &Base, it: &Routed<'_>, outwards: bool) -> Finding {
    let (network, subnet) = (it.network, it.subnet);
    let (way, side) = if outwards {
        ("from", "iifname")
    } else {
        ("to", "oifname")
    };
    let (severity, what) = if it.masqueraded {
        let few = "of it the host's stack forwards what has to be fragmented, and what leaves by an \
                   interface that is no uplink";
        (Severity::Info, few)
    } else {
        (
            Severity::Warning,
            "it is not masqueraded, and the host's stack routes it",
        )
    };
    let finding =
        format!("drops what is forwarded {way} subnet {subnet} of network {network}: {what}");
    let remedy = insert(base, &format!("{side} {}", it.device));
    Finding::new(severity, &title(base), finding, &remedy)
}
