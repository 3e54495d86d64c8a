//! What the maps hold of a port: its entry, its flood targets and its bindings.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use netfwd_common::addr::{Addr, Mac, UNSPECIFIED};
use netfwd_common::maps::{
    self, BindingKey, BindingKind, Deliver, FdbFlags, FloodTarget, PortFlags,
};

use super::Numbered;
use crate::address::to_addr;
use crate::config::{Port, PortAt};
use crate::observed::Link;

/// The entry of a port in a network. `targets` are the interfaces that take frames from XDP, where the
/// kernel tells.
pub(super) fn of(
    network: &Numbered<'_>,
    port: &Port,
    link: &Link,
    slot: u32,
    targets: Option<&BTreeSet<u32>>,
) -> maps::Port {
    let (options, default) = (&port.options, &network.config.switch);
    let deliver = if link.peer_in_other_netns {
        Deliver::Peer
    } else {
        Deliver::Transmit
    };
    let config = network.config;
    let gateway = config.gateway.as_ref();
    maps::Port {
        ageing_ns: config.switch.ageing.as_nanos() as u64,
        network: network.id,
        slot,
        flags: flags(network, port, link, targets),
        deliver: deliver as u8,
        vlan: network.config.untagged(port).unwrap_or(0),
        max_learned: options.max_learned.unwrap_or(default.max_learned),
        storm_rate: storm_rate(network, port),
        gateway_mac: gateway.map_or([0; 6], |gateway| gateway.mac_of(&config.name)),
        ..maps::Port::default()
    }
}

fn storm_rate(network: &Numbered<'_>, port: &Port) -> u32 {
    let default = network.config.switch.storm_control;
    port.options.storm_control.unwrap_or(default)
}

fn flags(
    network: &Numbered<'_>,
    port: &Port,
    link: &Link,
    targets: Option<&BTreeSet<u32>>,
) -> PortFlags {
    let (options, default) = (&port.options, &network.config.switch);
    let learning = options.learning.unwrap_or(default.learning);
    let unknown = options.unknown_unicast.unwrap_or(default.unknown_unicast);
    // Of a pair that is made the other end has GRO, which is kept on; a tap takes XDP frames always.
    let made = matches!(port.at, PortAt::Pair(_) | PortAt::Tap(_));
    let takes_xdp = targets.map_or(made, |targets| targets.contains(&link.ifindex));
    let untagged = network.aware && port.takes_untagged();
    PortFlags::default()
        .with_if(PortFlags::LEARNING, learning)
        .with_if(PortFlags::ISOLATED, options.isolated)
        .with_if(PortFlags::UNKNOWN_UNICAST, unknown)
        .with_if(PortFlags::XDP_TARGET, takes_xdp)
        .with_if(PortFlags::VLAN, network.aware)
        .with_if(PortFlags::UNTAGGED, untagged)
        .with_if(PortFlags::TAG_NATIVE, options.tag_native)
        .with_if(PortFlags::ANTI_SPOOF, options.anti_spoof)
        .with_if(PortFlags::FIRST_SEEN, options.anti_spoof && binds(port))
        .with_if(PortFlags::SERVER, options.server)
        .with_if(PortFlags::EDGE, options.edge)
        .with_if(PortFlags::HAIRPIN, options.hairpin)
        .with_if(PortFlags::OUTSIDE, is_outside(port, link))
        .with_if(PortFlags::ROUTER, options.multicast_router)
        .with_if(
            PortFlags::SUPPRESSION,
            network.config.switch.arp_suppression,
        )
        .with_if(PortFlags::STORM, storm_rate(network, port) != 0)
}

/// Whether the interface has a life of its own: what is neither a veth nor a tap has one unless the
/// configuration says otherwise.
fn is_outside(port: &Port, link: &Link) -> bool {
    let inside = matches!(link.kind.as_deref(), Some("veth" | "tun"));
    let existing = matches!(port.at, PortAt::Interface(_));
    existing && port.options.outside.unwrap_or(!inside)
}

/// A port's flood target in a VLAN, and the tag by which its frames leave.
pub(super) fn target(ifindex: u32, port: &maps::Port, vlan: u16, tag: u16) -> FloodTarget {
    FloodTarget {
        ifindex,
        ingress_ifindex: ifindex,
        slot: port.slot,
        flags: port.flags,
        deliver: port.deliver,
        vlan,
        tag,
        ..FloodTarget::default()
    }
}

/// What an FDB entry repeats of its port.
pub fn fdb_flags(port: PortFlags) -> FdbFlags {
    FdbFlags::default()
        .with_if(FdbFlags::ISOLATED, port.has(PortFlags::ISOLATED))
        .with_if(FdbFlags::XDP_TARGET, port.has(PortFlags::XDP_TARGET))
}

/// Whether the first source of some kind is bound to the port: of those that [`claims`] leaves.
fn binds(port: &Port) -> bool {
    claims(port).len() < KINDS.len()
}

const KINDS: [BindingKind; 4] = [
    BindingKind::Mac,
    BindingKind::Ipv4,
    BindingKind::Ipv6LinkLocal,
    BindingKind::Ipv6,
];

/// The kinds of sources of which a port may use the given ones only. A station with a given IPv6
/// address makes a link-local one of its own (RFC 4862 §5.3), which may be its first.
fn claims(port: &Port) -> Vec<BindingKind> {
    let given: Vec<BindingKind> = port.addresses.iter().map(|a| kind(a.addr())).collect();
    let local = BindingKind::Ipv6LinkLocal;
    let own_local = given.contains(&BindingKind::Ipv6) && !given.contains(&local);
    let claimed = |claim: &BindingKind| match claim {
        BindingKind::Mac => port.mac.is_some(),
        BindingKind::Ipv6LinkLocal => !given.is_empty() && !own_local,
        BindingKind::Ipv4 | BindingKind::Ipv6 => !given.is_empty(),
    };
    KINDS.into_iter().filter(claimed).collect()
}

/// The given bindings of a port, with a claim on each kind that is given, so that the programs bind
/// none of it by themselves.
pub(super) fn bindings(port: &Port, ifindex: u32, out: &mut BTreeMap<BindingKey, u64>) {
    if !port.options.anti_spoof {
        return;
    }
    let mac = port.mac.map(|mac| (BindingKind::Mac, of_mac(mac)));
    let addresses = port.addresses.iter().map(ipnet::IpNet::addr);
    let addresses = addresses.map(|address| (kind(address), to_addr(address)));
    let claims = claims(port).into_iter().map(|kind| (kind, UNSPECIFIED));
    for (kind, address) in mac.into_iter().chain(addresses).chain(claims) {
        let key = BindingKey {
            ifindex,
            kind: kind as u32,
            address,
        };
        out.insert(key, 0);
    }
}

fn of_mac(mac: Mac) -> Addr {
    let mut address = UNSPECIFIED;
    address.octets[..mac.len()].copy_from_slice(&mac);
    address
}

fn kind(address: IpAddr) -> BindingKind {
    match address {
        IpAddr::V4(_) => BindingKind::Ipv4,
        IpAddr::V6(v6) if v6.is_unicast_link_local() => BindingKind::Ipv6LinkLocal,
        IpAddr::V6(_) => BindingKind::Ipv6,
    }
}
