//! `stats`: every counter as a row of its own.

use std::collections::BTreeMap;

use serde::Serialize;

use super::figures::{self, Counted, Figures};
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

/// The counters of an instance; `within` a network, what its ports and peers count for it.
pub fn stats(instance: &str, within: Option<&str>) -> Result<Vec<StatsRow>, ShowError> {
    let source = Source::open(instance)?;
    let mut counted = Counted::read(&source)?;
    if let Some(network) = within {
        counted = counted.within(network);
    }
    let mut rows = Vec::new();
    for ((scope, name), figures) in &counted.objects() {
        rows.extend(object(*scope, name, figures));
    }
    rows.extend(drops("instance", instance, &counted.others));
    rows.sort_by(|a, b| (a.scope, &a.name).cmp(&(b.scope, &b.name)));
    Ok(rows)
}

fn object(scope: Scope, name: &str, figures: &Figures) -> Vec<StatsRow> {
    let counters = &figures.counters;
    let mut values = vec![
        ("rx_packets", counters.rx_packets),
        ("rx_bytes", counters.rx_bytes),
        ("tx_packets", counters.tx_packets),
        ("tx_bytes", counters.tx_bytes),
    ];
    if matches!(scope, Scope::Network | Scope::Port) {
        values.extend([
            ("learned", figures.learned),
            ("learn_refused", figures.learn_refused),
        ]);
    }
    let scope = scope.name();
    let row = |(counter, value)| StatsRow {
        scope,
        name: name.to_owned(),
        counter,
        value,
        reason: None,
    };
    let drops = drops(scope, name, &figures.drops);
    values.into_iter().map(row).chain(drops).collect()
}

fn drops(scope: &'static str, name: &str, drops: &BTreeMap<u32, u64>) -> Vec<StatsRow> {
    let row = |(reason, count): (&u32, &u64)| StatsRow {
        scope,
        name: name.to_owned(),
        counter: "drops",
        value: *count,
        reason: Some(figures::reason(*reason)),
    };
    drops.iter().map(row).collect()
}
