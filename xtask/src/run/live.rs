//! Counters that refresh until Ctrl-C.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::Value;

use super::instance::Instance;
use super::interrupt;
use super::ping;
use super::process::Background;
use super::report::{bold, on_terminal, say};
use super::topology::{Topology, addresses};

const COUNTERS: [&str; 4] = ["rx_packets", "rx_bytes", "tx_packets", "tx_bytes"];

/// The four counters of each port and peer of a host.
type Counters = BTreeMap<(String, String), [u64; 4]>;

/// Shows rates until the lab is asked to end, with some gentle traffic to look at.
pub fn show(lab: &Topology, instances: &[Instance]) -> Result<()> {
    hints(lab, instances);
    let _traffic = traffic(lab)?;
    let pause = Duration::from_secs(if on_terminal() { 1 } else { 10 });
    let mut before = read_all(instances)?;
    let mut printed = 0;
    let mut then = Instant::now();
    while interrupt::sleep(pause).is_ok() {
        let now = read_all(instances)?;
        let lines = table(&before, &now, then.elapsed().as_secs_f64());
        (before, then) = (now, Instant::now());
        if on_terminal() && printed > 0 {
            say(format_args!("\x1b[{}A\x1b[J", printed + 1));
        }
        printed = lines.len();
        lines.iter().for_each(say);
    }
    Ok(())
}

fn hints(lab: &Topology, instances: &[Instance]) {
    say(bold(
        "\nLive counters, until Ctrl-C. Meanwhile, in another terminal, as root:",
    ));
    let container = lab.containers[0].path();
    say(format_args!(
        "  nsenter --net={} ping {}",
        container.display(),
        addresses::CONTAINERS[3]
    ));
    say(format_args!("  {}\n", instances[0].shown("fdb show")));
}

/// Pings on every way: one host, across hosts, and to the outside. Not more often than every 10 ms:
/// below that `ping` spins, and takes half a CPU.
fn traffic(lab: &Topology) -> Result<Vec<Background>> {
    let [c1, c2, _, c4] = &lab.containers;
    let [first, _, third, _] = addresses::CONTAINERS;
    [
        (c1, third, "-q -i 0.01 -s 1400"),
        (c2, first, "-q -i 0.01"),
        (c4, addresses::SERVER, "-q -i 0.01"),
    ]
    .into_iter()
    .map(|(from, to, options)| Background::start(&mut ping::command(from, to, options)))
    .collect()
}

fn read_all(instances: &[Instance]) -> Result<Vec<Counters>> {
    instances
        .iter()
        .map(|instance| Ok(read(&instance.objects("stats")?)))
        .collect()
}

fn read(rows: &[Value]) -> Counters {
    let mut counters = Counters::new();
    for row in rows {
        let text = |field: &str| row[field].as_str().unwrap_or_default().to_owned();
        let column = COUNTERS
            .iter()
            .position(|counter| row["counter"] == **counter);
        if let (Some(column), "port" | "peer") = (column, text("scope").as_str()) {
            let values = counters.entry((text("scope"), text("name"))).or_default();
            values[column] = row["value"].as_u64().unwrap_or_default();
        }
    }
    counters
}

fn table(before: &[Counters], now: &[Counters], seconds: f64) -> Vec<String> {
    let heading = format!(
        "{:<5} {:<5} {:<28} {:>9} {:>10} {:>9} {:>10}",
        "host", "", "", "rx pkt/s", "rx bit/s", "tx pkt/s", "tx bit/s"
    );
    let mut lines = vec![bold(&heading)];
    for ((host, before), now) in ["a", "b"].iter().zip(before).zip(now) {
        for (key, values) in now {
            let old = before.get(key).copied().unwrap_or_default();
            lines.push(row(host, key, rates(&old, values, seconds)));
        }
    }
    lines
}

fn rates(old: &[u64; 4], new: &[u64; 4], seconds: f64) -> [f64; 4] {
    std::array::from_fn(|column| new[column].saturating_sub(old[column]) as f64 / seconds)
}

fn row(host: &str, (scope, name): &(String, String), rates: [f64; 4]) -> String {
    let [rx_packets, rx_bytes, tx_packets, tx_bytes] = rates;
    format!(
        "{host:<5} {scope:<5} {name:<28} {:>9} {:>10} {:>9} {:>10}",
        scaled(rx_packets),
        scaled(rx_bytes * 8.0),
        scaled(tx_packets),
        scaled(tx_bytes * 8.0)
    )
}

/// A number with three digits and a decimal prefix.
fn scaled(value: f64) -> String {
    match value {
        v if v >= 1e9 => format!("{:.2} G", v / 1e9),
        v if v >= 1e6 => format!("{:.2} M", v / 1e6),
        v if v >= 1e4 => format!("{:.1} k", v / 1e3),
        v => format!("{v:.0}"),
    }
}
