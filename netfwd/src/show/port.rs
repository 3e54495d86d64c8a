//! `port show`.

use std::collections::{BTreeMap, BTreeSet};

use netfwd_common::maps::{Port, PortFlags, PortState, Vlan, VlanKey};
use serde::Serialize;

use super::status::{Hooks, hooks};
use super::{ShowError, Source};
use crate::config::format_mac;
use crate::ids::Scope;
use crate::links::Link;
use crate::observed::Hook;

/// What a table shows of a port; JSON has the rest.
pub const PORT_COLUMNS: &[&str] = &[
    "interface",
    "netns",
    "name",
    "network",
    "kind",
    "state",
    "vlan",
    "trunk",
    "mode",
    "rx_packets",
    "tx_packets",
    "drops",
    "learned",
];

/// A port.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a property of its own"
)]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PortRow {
    /// Its interface in netfwd's namespace.
    pub interface: String,
    /// The interface's number.
    pub ifindex: u32,
    /// Of a pair that netfwd made, the namespace of the other end.
    pub netns: Option<String>,
    /// Of a pair that netfwd made, the other end's name there.
    pub name: Option<String>,
    /// Its network; of a trunk that several list, the one that takes its untagged frames.
    pub network: String,
    /// Every network that it is in.
    pub networks: Vec<String>,
    /// `veth`, `tap`, or `outside` for an interface with a life of its own; `None` where the interface is gone.
    pub kind: Option<&'static str>,
    /// `forwarding`, or `shut-by-bpdu`.
    pub state: &'static str,
    /// The interface's MAC address, where the interface is in this namespace.
    pub mac: Option<String>,
    /// VLAN of its untagged frames.
    pub vlan: Option<u16>,
    /// The VLANs that it takes tagged.
    pub trunk: Vec<u16>,
    /// Whether frames of `vlan` leave a trunk with their tag.
    pub tag_native: bool,
    /// It reaches only ports that are not isolated.
    pub isolated: bool,
    /// Its sources are learned.
    pub learning: bool,
    /// Unknown unicast is flooded to it.
    pub unknown_unicast: bool,
    /// Sources that are not bound to it are refused.
    pub anti_spoof: bool,
    /// A DHCP server or router may stand behind it.
    pub server: bool,
    /// A BPDU shuts it.
    pub edge: bool,
    /// Frames may leave by it that came in by it.
    pub hairpin: bool,
    /// A multicast router stands behind it.
    pub multicast_router: bool,
    /// Learned FDB entries that it may have; `None` for any number.
    pub max_learned: Option<u32>,
    /// Flooded frames a second that it may send; `None` for any number.
    pub storm_control: Option<u32>,
    /// The mode in force of its hook; `None` while nothing is attached.
    pub mode: Option<&'static str>,
    /// Frames from it.
    pub rx_packets: u64,
    /// Octets from it.
    pub rx_bytes: u64,
    /// Frames to it.
    pub tx_packets: u64,
    /// Octets to it.
    pub tx_bytes: u64,
    /// Frames from it that were dropped.
    pub drops: u64,
    /// Learned FDB entries that it has.
    pub learned: u64,
}

/// The ports of an instance.
pub fn ports(instance: &str) -> Result<Vec<PortRow>, ShowError> {
    let source = Source::open(instance)?;
    let besides = Parts {
        hooks: hooks(instance)?,
        drops: source.drops()?,
        vlans: vlans(&source.maps.vlans.entries()?),
    };
    // The gateway is no port: netfwd's end of its pair takes no options, and no entry leads there.
    let own = |_: &u32, port: &Port| !port.flags.has(PortFlags::GATEWAY);
    let ports = source.maps.ports.matching(own)?;
    let rows = ports.iter();
    rows.map(|(ifindex, port)| row(&source, &besides, *ifindex, port))
        .collect()
}

/// What rows are made of besides the port.
struct Parts {
    hooks: Hooks,
    /// By slot.
    drops: BTreeMap<u32, u64>,
    /// By ifindex.
    vlans: BTreeMap<u32, Carried>,
}

/// What a port carries.
#[derive(Clone, Default)]
struct Carried {
    /// The VLANs of its tagged frames.
    trunk: Vec<u16>,
    /// The networks of all of its VLANs.
    networks: BTreeSet<u32>,
}

fn vlans(vlans: &BTreeMap<VlanKey, Vlan>) -> BTreeMap<u32, Carried> {
    let mut carried: BTreeMap<u32, Carried> = BTreeMap::new();
    for (key, vlan) in vlans {
        let port = carried.entry(key.ifindex).or_default();
        port.networks.insert(vlan.network);
        if vlan.tag != 0 {
            port.trunk.push(key.vid);
        }
    }
    carried
}

fn row(source: &Source, parts: &Parts, ifindex: u32, port: &Port) -> Result<PortRow, ShowError> {
    let interface = source.names.port(port.slot, ifindex);
    let slots = source.names.slots_of(Scope::Port, &interface);
    let counters = source.counters(Scope::Port, &interface)?;
    let mut carried = parts.vlans.get(&ifindex).cloned().unwrap_or_default();
    carried.networks.insert(port.network);
    let pair = source.names.pair(&interface).cloned();
    let (netns, name) = pair.unzip();
    let links = &parts.hooks.links;
    let link = links.iter().find(|link| link.index == ifindex);
    let mac = link.and_then(|link| link.mac);
    let attached = parts.hooks.of(&interface, Hook::Ingress);
    let limit = |limit: u32| (limit != 0).then_some(limit);
    let has = |flag| port.flags.has(flag);
    Ok(PortRow {
        ifindex,
        netns,
        name,
        network: source.names.network(port.network),
        networks: networks(source, &carried, port),
        kind: link.map(|link| kind(link, port)),
        state: PortState::from_number(port.state).name(),
        mac: mac.map(|mac| format_mac(&mac)),
        vlan: (port.vlan != 0).then_some(port.vlan),
        trunk: carried.trunk,
        tag_native: has(PortFlags::TAG_NATIVE),
        isolated: has(PortFlags::ISOLATED),
        learning: has(PortFlags::LEARNING),
        unknown_unicast: has(PortFlags::UNKNOWN_UNICAST),
        anti_spoof: has(PortFlags::ANTI_SPOOF),
        server: has(PortFlags::SERVER),
        edge: has(PortFlags::EDGE),
        hairpin: has(PortFlags::HAIRPIN),
        multicast_router: has(PortFlags::ROUTER),
        max_learned: limit(port.max_learned),
        storm_control: limit(port.storm_rate).filter(|_| has(PortFlags::STORM)),
        mode: attached.map(|attached| attached.mode.name()),
        rx_packets: counters.rx_packets,
        rx_bytes: counters.rx_bytes,
        tx_packets: counters.tx_packets,
        tx_bytes: counters.tx_bytes,
        drops: slots.iter().filter_map(|slot| parts.drops.get(slot)).sum(),
        learned: learned(source, slots)?,
        interface,
    })
}

/// The networks of a port, first the one that it has by itself.
fn networks(source: &Source, carried: &Carried, port: &Port) -> Vec<String> {
    let others = carried.networks.iter().filter(|id| **id != port.network);
    let all = std::iter::once(&port.network).chain(others);
    all.map(|id| source.names.network(*id)).collect()
}

fn learned(source: &Source, slots: &[u32]) -> Result<u64, ShowError> {
    let mut learned = 0;
    for slot in slots {
        learned += source.maps.stations(*slot)?;
    }
    Ok(learned)
}

fn kind(link: &Link, port: &Port) -> &'static str {
    if port.flags.has(PortFlags::OUTSIDE) {
        return "outside";
    }
    match link.kind.as_str() {
        "tun" => "tap",
        _ => "veth",
    }
}
