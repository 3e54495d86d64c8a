//! `fdb show`.

use netfwd_common::maps::{FdbEntry, FdbFlags, FdbKey};
use serde::Serialize;

use super::{ShowError, Source, address};
use crate::config::format_mac;

/// Flags as users read them.
const FLAGS: [(FdbFlags, &str); 4] = [
    (FdbFlags::STATIC, "static"),
    (FdbFlags::STICKY, "sticky"),
    (FdbFlags::GATEWAY, "gateway"),
    (FdbFlags::ISOLATED, "isolated"),
];

/// An FDB entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FdbRow {
    /// Its network.
    pub network: String,
    /// The station.
    pub mac: String,
    /// Its VLAN.
    pub vlan: Option<u16>,
    /// The port that it is behind; of the gateway its device.
    pub port: Option<String>,
    /// The peer that it is behind.
    pub peer: Option<String>,
    /// `static`, `sticky`, `gateway`, `isolated`; a learned entry has neither of the first two.
    pub flags: Vec<&'static str>,
    /// Seconds since it was heard; `None` for a static entry, which needs not be.
    pub age_seconds: Option<u64>,
}

/// The FDB of an instance.
pub fn fdb(instance: &str) -> Result<Vec<FdbRow>, ShowError> {
    let source = Source::open(instance)?;
    let entries = source.maps.fdb.entries()?;
    Ok(entries.iter().map(|(k, e)| row(&source, k, e)).collect())
}

fn row(source: &Source, key: &FdbKey, entry: &FdbEntry) -> FdbRow {
    let local = entry.ifindex != 0;
    let flags = FLAGS.iter().filter(|(flag, _)| entry.flags.has(*flag));
    let ages = !entry.flags.has(FdbFlags::STATIC);
    FdbRow {
        network: source.names.network(key.network),
        mac: format_mac(&key.mac),
        vlan: (key.vlan != 0).then_some(key.vlan),
        port: local.then(|| source.port(entry)),
        peer: (!local).then(|| address(&entry.peer).to_string()),
        flags: flags.map(|(_, name)| *name).collect(),
        age_seconds: ages.then(|| source.seconds_since(entry.last_seen_ns)),
    }
}
