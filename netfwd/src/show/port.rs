//! `port show`.

use netfwd_common::maps::{Port, PortFlags};
use serde::Serialize;

use super::status::{Hooks, hooks};
use super::{ShowError, Source};
use crate::config::format_mac;
use crate::observed::Hook;

/// A port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PortRow {
    /// Its interface in netfwd's namespace.
    pub interface: String,
    /// The interface's number.
    pub ifindex: u32,
    /// Its network.
    pub network: String,
    /// The interface's MAC address, where the interface is in this namespace.
    pub mac: Option<String>,
    /// Its access VLAN.
    pub vlan: Option<u16>,
    /// It reaches only ports that are not isolated.
    pub isolated: bool,
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
}

/// The ports of an instance.
pub fn ports(instance: &str) -> Result<Vec<PortRow>, ShowError> {
    let source = Source::open(instance)?;
    let hooks = hooks(instance)?;
    let drops = source.drops()?;
    let ports = source.maps.ports.entries()?;
    ports
        .iter()
        .map(|(ifindex, port)| {
            let dropped = drops.get(&port.slot).copied().unwrap_or_default();
            row(&source, &hooks, *ifindex, port, dropped)
        })
        .collect()
}

fn row(
    source: &Source,
    hooks: &Hooks,
    ifindex: u32,
    port: &Port,
    drops: u64,
) -> Result<PortRow, ShowError> {
    let counters = source.maps.counters(port.slot)?;
    let interface = source.names.port(port.slot, ifindex);
    let link = hooks.links.iter().find(|link| link.index == ifindex);
    let mac = link.and_then(|link| link.mac);
    let attached = hooks.of(&interface, Hook::Ingress);
    Ok(PortRow {
        ifindex,
        network: source.names.network(port.network),
        mac: mac.map(|mac| format_mac(&mac)),
        vlan: (port.vlan != 0).then_some(port.vlan),
        isolated: port.flags.has(PortFlags::ISOLATED),
        mode: attached.map(|attached| attached.mode.name()),
        rx_packets: counters.rx_packets,
        rx_bytes: counters.rx_bytes,
        tx_packets: counters.tx_packets,
        tx_bytes: counters.tx_bytes,
        drops,
        interface,
    })
}
