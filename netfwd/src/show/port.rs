//! `port show`.

use std::collections::BTreeMap;

use netfwd_common::maps::{Port, PortFlags, PortState, Vlan, VlanKey};
use serde::Serialize;

use super::status::{Hooks, hooks};
use super::{ShowError, Source};
use crate::config::format_mac;
use crate::links::Link;
use crate::observed::Hook;

/// What a table shows of a port; JSON has the rest.
pub const PORT_COLUMNS: &[&str] = &[
    "interface",
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
    /// Its network; of a trunk that several list, the one that takes its untagged frames.
    pub network: String,
    /// `veth`, `tap`, `outside` for an interface with a life of its own, `gateway`; `None` where the
    /// interface is gone.
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
        trunks: trunks(&source.maps.vlans.entries()?),
    };
    let ports = source.maps.ports.entries()?;
    let rows = ports.iter();
    rows.map(|(ifindex, port)| row(&source, &besides, *ifindex, port))
        .collect()
}

/// What rows are made of besides the port.
struct Parts {
    hooks: Hooks,
    /// By slot.
    drops: BTreeMap<u32, u64>,
    /// Tagged VLANs by ifindex.
    trunks: BTreeMap<u32, Vec<u16>>,
}

fn trunks(vlans: &BTreeMap<VlanKey, Vlan>) -> BTreeMap<u32, Vec<u16>> {
    let mut trunks: BTreeMap<u32, Vec<u16>> = BTreeMap::new();
    for (key, _) in vlans.iter().filter(|(_, vlan)| vlan.tag != 0) {
        trunks.entry(key.ifindex).or_default().push(key.vid);
    }
    trunks
}

fn row(source: &Source, parts: &Parts, ifindex: u32, port: &Port) -> Result<PortRow, ShowError> {
    let counters = source.maps.counters(port.slot)?;
    let interface = source.names.port(port.slot, ifindex);
    let links = &parts.hooks.links;
    let link = links.iter().find(|link| link.index == ifindex);
    let mac = link.and_then(|link| link.mac);
    let attached = parts.hooks.of(&interface, Hook::Ingress);
    let limit = |limit: u32| (limit != 0).then_some(limit);
    let has = |flag| port.flags.has(flag);
    Ok(PortRow {
        ifindex,
        network: source.names.network(port.network),
        kind: link.map(|link| kind(link, port)),
        state: PortState::from_number(port.state).name(),
        mac: mac.map(|mac| format_mac(&mac)),
        vlan: (port.vlan != 0).then_some(port.vlan),
        trunk: parts.trunks.get(&ifindex).cloned().unwrap_or_default(),
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
        drops: parts.drops.get(&port.slot).copied().unwrap_or_default(),
        learned: source.maps.stations(port.slot)?,
        interface,
    })
}

fn kind(link: &Link, port: &Port) -> &'static str {
    if port.flags.has(PortFlags::GATEWAY) {
        return "gateway";
    }
    if port.flags.has(PortFlags::OUTSIDE) {
        return "outside";
    }
    match link.kind.as_str() {
        "tun" => "tap",
        _ => "veth",
    }
}
