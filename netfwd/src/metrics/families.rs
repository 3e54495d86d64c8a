//! What is served: every series, its labels and its meaning. No label is ever a MAC or an IP address: peers are told
//! by the network that they are in, outside addresses by nothing.

use std::collections::BTreeMap;

use super::exposition::{Family, Figures as Values, Label};
use super::vitals::State;
use crate::ageing::Gauges;
use crate::ids::Scope;
use crate::naming;
use crate::show::{self, Extent, Overview, Part};

/// `port` of what all peers of a network carry.
const PEERS: &str = "peers";
/// `port` of the gateway's own end of its pair.
const GATEWAY: &str = "gateway";
/// `port` of what a network counts by itself: frames of learned peers, and those handed to its gateway.
const OTHERS: &str = "others";

/// All families of an instance.
pub(super) fn of(overview: &Overview, state: &State, started: f64) -> Vec<Family> {
    let nat = state.nat.clone().unwrap_or_default();
    let families = [
        traffic(overview),
        networks(overview, state),
        translation(&nat),
        daemon(state, started),
    ];
    families.into_iter().flatten().collect()
}

/// Figures that are added up by their labels.
type Sums = BTreeMap<Vec<Label>, u64>;

fn traffic(overview: &Overview) -> [Family; 5] {
    let mut sums: [Sums; 5] = Default::default();
    let [packets, octets, up_packets, up_octets, drops] = &mut sums;
    for (part, figures) in &overview.counted.parts {
        let counters = &figures.counters;
        let (labels, packets, octets) = match part.scope {
            Scope::Uplink => (uplink(part), &mut *up_packets, &mut *up_octets),
            _ => (place(part), &mut *packets, &mut *octets),
        };
        for (direction, frames, length) in [
            ("rx", counters.rx_packets, counters.rx_bytes),
            ("tx", counters.tx_packets, counters.tx_bytes),
        ] {
            let labels = with(&labels, "direction", direction);
            *packets.entry(labels.clone()).or_default() += frames;
            *octets.entry(labels).or_default() += length;
        }
        count_drops(drops, &place(part), &figures.drops);
    }
    let none = vec![("network", String::new()), ("port", String::new())];
    count_drops(drops, &none, &overview.counted.others);
    let [packets, octets, up_packets, up_octets, drops] = sums;
    [
        counters(
            "netfwd_packets",
            "Frames of a network, by what sent or got them.",
            packets,
        ),
        counters("netfwd_bytes", "Octets of those frames.", octets),
        counters(
            "netfwd_uplink_packets",
            "Frames of an uplink, tunnels included.",
            up_packets,
        ),
        counters("netfwd_uplink_bytes", "Octets of those frames.", up_octets),
        counters(
            "netfwd_drops",
            "Frames that were dropped, by what sent them and why.",
            drops,
        ),
    ]
}

fn count_drops(sums: &mut Sums, place: &[Label], drops: &BTreeMap<u32, u64>) {
    for (reason, count) in drops {
        let labels = with(place, "reason", &show::reason(*reason));
        *sums.entry(labels).or_default() += count;
    }
}

/// What counts, without its address.
fn place(owner: &Part) -> Vec<Label> {
    let network = owner.network.clone().unwrap_or_default();
    let port = match owner.scope {
        Scope::Network => OTHERS,
        Scope::Peer => PEERS,
        Scope::Port if owner.name == naming::gateway_end(&network) => GATEWAY,
        Scope::Port | Scope::Uplink => &owner.name,
    };
    vec![("network", network), ("port", port.to_owned())]
}

fn uplink(owner: &Part) -> Vec<Label> {
    vec![("uplink", owner.name.clone())]
}

fn with(labels: &[Label], name: &'static str, value: &str) -> Vec<Label> {
    let mut labels = labels.to_vec();
    labels.push((name, value.to_owned()));
    labels
}

fn networks(overview: &Overview, state: &State) -> [Family; 5] {
    let own = |name: &str| overview.counted.parts.get(&part(name)).cloned();
    let static_fdb = |extent: &Extent| state.static_fdb.get(&extent.id).copied();
    let (mut fdb, mut learned, mut refused) = (Vec::new(), Vec::new(), Sums::new());
    let (mut flood, mut peers) = (Vec::new(), Vec::new());
    for (name, extent) in &overview.networks {
        let labels = vec![("network", name.clone())];
        let own = own(name).unwrap_or_default();
        let entries = own.learned + static_fdb(extent).unwrap_or_default();
        fdb.push((labels.clone(), entries as f64));
        learned.push((labels.clone(), own.learned as f64));
        flood.push((labels.clone(), f64::from(extent.flood_targets)));
        for of in ["up", "down", "unknown"] {
            let count = extent.peers.get(of).copied().unwrap_or_default();
            peers.push((with(&labels, "state", of), count as f64));
        }
        refused.insert(labels, own.learn_refused);
    }
    [
        gauges(
            "netfwd_fdb_entries",
            "FDB entries of a network, static and learned.",
            fdb,
        ),
        gauges(
            "netfwd_fdb_learned",
            "Learned FDB entries of a network.",
            learned,
        ),
        counters(
            "netfwd_learn_refused",
            "Stations that were not learned because of a limit.",
            refused,
        ),
        gauges(
            "netfwd_flood_targets",
            "Ports and peers that a network floods to.",
            flood,
        ),
        gauges("netfwd_peers", "Peers of a network, by state.", peers),
    ]
}

/// What a network counts by itself.
fn part(network: &str) -> Part {
    Part {
        scope: Scope::Network,
        name: network.to_owned(),
        network: Some(network.to_owned()),
    }
}

fn translation(nat: &Gauges) -> [Family; 5] {
    let one = |value: f64| vec![(Vec::new(), value)];
    let kinds = nat.sessions.iter();
    let kinds = kinds.map(|(kind, count)| (vec![("kind", kind.clone())], *count as f64));
    let (mut used, mut there) = (BTreeMap::new(), BTreeMap::new());
    for pool in &nat.pools {
        let labels = vec![("proto", pool.proto.clone())];
        *used.entry(labels.clone()).or_default() += pool.used as f64;
        *there.entry(labels).or_default() += pool.ports as f64;
    }
    [
        gauges(
            "netfwd_sessions",
            "Sessions of NAT, by kind.",
            kinds.collect(),
        ),
        gauges(
            "netfwd_sessions_max",
            "Sessions of NAT that there is room for.",
            one(nat.max_sessions as f64),
        ),
        gauges(
            "netfwd_nat_ports_used_ratio",
            "L4 ports in use, as a part of those of the fullest outside address and protocol.",
            one(nat.ports_used_ratio),
        ),
        gauges(
            "netfwd_nat_ports_used",
            "L4 ports in use, over all outside addresses.",
            used.into_iter().collect(),
        ),
        gauges(
            "netfwd_nat_ports",
            "L4 ports that there are on outside addresses in use.",
            there.into_iter().collect(),
        ),
    ]
}

fn daemon(state: &State, started: f64) -> [Family; 5] {
    let one = |value: f64| vec![(Vec::new(), value)];
    let version = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
    let lost = Sums::from([(Vec::new(), state.events_lost)]);
    let reloaded = f64::from(u8::from(state.reloaded));
    [
        gauges(
            "netfwd_build_info",
            "The version of the daemon; always 1.",
            vec![(version, 1.0)],
        ),
        gauges(
            "netfwd_start_time_seconds",
            "When the daemon started, since 1970.",
            one(started),
        ),
        gauges(
            "netfwd_config_applied_timestamp_seconds",
            "When a configuration was last applied, since 1970.",
            one(state.applied),
        ),
        gauges(
            "netfwd_config_last_reload_successful",
            "Whether the last start or reload was applied: 1, else 0.",
            one(reloaded),
        ),
        counters(
            "netfwd_events_lost",
            "Events that watchers were too slow for.",
            lost,
        ),
    ]
}

fn counters(name: &'static str, help: &'static str, sums: Sums) -> Family {
    Family {
        name,
        help,
        figures: Values::Counters(sums.into_iter().collect()),
    }
}

fn gauges(name: &'static str, help: &'static str, figures: Vec<(Vec<Label>, f64)>) -> Family {
    Family {
        name,
        help,
        figures: Values::Gauges(figures),
    }
}
