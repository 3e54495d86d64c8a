//! `stats`: every counter as a row of its own.

use netfwd_common::verdict::DropReason;
use serde::Serialize;

use super::{ShowError, Source};
use crate::ids::Scope;

/// A counter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StatsRow {
    /// `network`, `port`, `peer`, `uplink`, `nat`, or `instance` for what belongs to none of them.
    pub scope: &'static str,
    /// The name of what counts.
    pub name: String,
    /// `rx_packets`, `rx_bytes`, `tx_packets`, `tx_bytes` or `drops`; of networks and ports `learned`,
    /// the learned FDB entries, and `learn_refused`, the stations that were not learned because of a
    /// limit. Of `nat`, by kind, `sessions`, and their `max`; by outside address and protocol `ports_used`,
    /// the l4 ports that stations have, and `ports`, those that there are.
    pub counter: &'static str,
    /// Its value.
    pub value: u64,
    /// Why frames were dropped, for `drops`.
    pub reason: Option<String>,
}

/// The counters of an instance.
pub fn stats(instance: &str) -> Result<Vec<StatsRow>, ShowError> {
    let source = Source::open(instance)?;
    let mut rows = Vec::new();
    for (slot, (scope, name)) in source.names.slots() {
        let counters = source.maps.counters(*slot)?;
        let mut values = vec![
            ("rx_packets", counters.rx_packets),
            ("rx_bytes", counters.rx_bytes),
            ("tx_packets", counters.tx_packets),
            ("tx_bytes", counters.tx_bytes),
        ];
        if matches!(scope, Scope::Network | Scope::Port) {
            values.extend([
                ("learned", source.maps.stations(*slot)?),
                ("learn_refused", source.maps.learned(*slot)?.refused),
            ]);
        }
        rows.extend(values.into_iter().map(|(counter, value)| StatsRow {
            scope: scope_name(*scope),
            name: name.clone(),
            counter,
            value,
            reason: None,
        }));
    }
    rows.extend(drops(&source, instance)?);
    rows.sort_by(|a, b| (a.scope, &a.name).cmp(&(b.scope, &b.name)));
    Ok(rows)
}

fn drops(source: &Source, instance: &str) -> Result<Vec<StatsRow>, ShowError> {
    let drops = source.maps.drops()?;
    let rows = drops.into_iter().map(|(key, value)| {
        let (scope, name) = match source.names.slots().get(&key.slot) {
            Some((scope, name)) => (scope_name(*scope), name.as_str()),
            None => ("instance", instance),
        };
        let reason = DropReason::from_number(key.reason);
        StatsRow {
            scope,
            name: name.to_owned(),
            counter: "drops",
            value,
            reason: Some(reason.map_or_else(|| key.reason.to_string(), |r| r.name().to_owned())),
        }
    });
    Ok(rows.collect())
}

const fn scope_name(scope: Scope) -> &'static str {
    match scope {
        Scope::Network => "network",
        Scope::Port => "port",
        Scope::Peer => "peer",
        Scope::Uplink => "uplink",
    }
}
