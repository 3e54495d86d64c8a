//! `neigh show`.

use netfwd_common::maps::{FdbEntry, FdbKey, Neighbour, NeighbourFlags, NeighbourKey};
use serde::Serialize;

use super::{ShowError, Source, address};
use crate::config::format_mac;

/// Flags as users read them.
const FLAGS: [(NeighbourFlags, &str); 2] = [
    (NeighbourFlags::STATIC, "static"),
    (NeighbourFlags::GATEWAY, "gateway"),
];

/// A neighbour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NeighbourRow {
    /// Its network.
    pub network: String,
    /// Its address.
    pub ip: String,
    /// Its MAC.
    pub mac: String,
    /// Its VLAN.
    pub vlan: Option<u16>,
    /// The port that its MAC is behind, as the FDB has it.
    pub port: Option<String>,
    /// The peer that its MAC is behind, as the FDB has it.
    pub peer: Option<String>,
    /// `static`, `gateway`; a learned one has neither.
    pub flags: Vec<&'static str>,
    /// Seconds since it was heard; `None` for a static one, which needs not be.
    pub age_seconds: Option<u64>,
}

/// The neighbours of an instance.
pub fn neighbours(instance: &str) -> Result<Vec<NeighbourRow>, ShowError> {
    let source = Source::open(instance)?;
    let entries = source.maps.neighbours.entries()?;
    entries.iter().map(|(k, n)| row(&source, k, n)).collect()
}

fn row(
    source: &Source,
    key: &NeighbourKey,
    neighbour: &Neighbour,
) -> Result<NeighbourRow, ShowError> {
    let station = FdbKey {
        network: key.network,
        vlan: key.vlan,
        mac: neighbour.mac,
    };
    let entry = source.maps.fdb.get(&station)?;
    let local = |entry: &FdbEntry| entry.ifindex != 0;
    let port = entry.filter(local);
    let peer = entry.filter(|entry| !local(entry));
    let flags = FLAGS.iter();
    let flags = flags.filter(|(flag, _)| neighbour.flags.has(*flag));
    let ages = !neighbour.flags.has(NeighbourFlags::STATIC);
    Ok(NeighbourRow {
        network: source.names.network(key.network),
        ip: address(&key.ip).to_string(),
        mac: format_mac(&neighbour.mac),
        vlan: (key.vlan != 0).then_some(key.vlan),
        port: port.map(|entry| source.port(&entry)),
        peer: peer.map(|entry| address(&entry.peer).to_string()),
        flags: flags.map(|(_, name)| *name).collect(),
        age_seconds: ages.then(|| source.seconds_since(neighbour.last_seen_ns)),
    })
}
