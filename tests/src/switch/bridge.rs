//! The switch as the kernel's bridge.

use std::{collections::BTreeMap, fmt::Write};

use anyhow::{Context, Result};
use serde_json::Value;

use super::{
    HOST_MAC, Layout, Network, NetworkOption, Pin, host_end, limit, number,
    overlay::{PEER_VTEP, VTEP},
    text,
};
use crate::{
    netns::Namespace,
    packet::{self, Mac},
    topology::{GATEWAY, MTU, UNDERLAY, VNI},
};

const CANNOT: &str = "this kernel's bridge cannot do that";

/// Builds bridges on a host whose interfaces stand; they end with its namespace.
pub fn start(host: &Namespace, layout: &Layout) -> Result<()> {
    host.ip(&lines(layout)?)?;
    for (number, network) in layout.networks.iter().enumerate() {
        for option in &network.options {
            apart(host, &format!("br{number}"), option)?;
        }
    }
    // Bridged frames would pass the firewall as well.
    for family in ["iptables", "ip6tables", "arptables"] {
        host.sysctl(&format!("net/bridge/bridge-nf-call-{family}"), "0")?;
    }
    Ok(())
}

/// What `ip link add … type bridge` has no word for.
fn apart(host: &Namespace, bridge: &str, option: &NetworkOption) -> Result<()> {
    match option {
        NetworkOption::MaxLearned(most) => limit::set(host, bridge, *most),
        NetworkOption::Overlay => vxlan(host, bridge),
        NetworkOption::Suppression => host.ip("link set vx0 type bridge_slave neigh_suppress on"),
        NetworkOption::Neighbour(ip, mac) => {
            let mac = text(*mac);
            host.sysctl(&format!("net/ipv6/conf/{bridge}/disable_ipv6"), "0")?;
            host.ip(&format!(
                "neigh add {ip} lladdr {mac} dev {bridge} nud permanent"
            ))
        }
        NetworkOption::Gateway => host.ip(&format!("addr add {GATEWAY}/24 dev {bridge}")),
        _ => Ok(()),
    }
}

fn vxlan(host: &Namespace, bridge: &str) -> Result<()> {
    host.ip(&format!(
        "link add vx0 mtu {MTU} type vxlan id {VNI} dstport 4789 local {VTEP} dev {UNDERLAY} \
         noudpcsum
         link set vx0 master {bridge}
         link set vx0 up"
    ))?;
    let every = "00:00:00:00:00:00";
    host.run(&format!(
        "bridge fdb append {every} dev vx0 dst {PEER_VTEP}"
    ))?;
    Ok(())
}

fn lines(layout: &Layout) -> Result<String> {
    let networks = (0..).zip(&layout.networks);
    networks
        .map(|(number, network)| bridge(number, network))
        .collect()
}

/// A bridge for each network.
fn bridge(number: usize, network: &Network) -> Result<String> {
    let options = network.options.iter().map(NetworkOption::bridge);
    let options = options.collect::<Option<Vec<_>>>().context(CANNOT)?;
    let mut lines = format!(
        "link add br{number} address {} type bridge {}\nlink set br{number} up\n",
        text(HOST_MAC),
        options.join(" ")
    );
    for (port, options) in &network.ports {
        let interface = host_end(*port);
        // Writing to a string cannot fail.
        let _ = writeln!(lines, "link set {interface} master br{number}");
        for option in options {
            let words = option.bridge().context(CANNOT)?;
            let _ = writeln!(lines, "link set {interface} type bridge_slave {words}");
        }
    }
    Ok(lines)
}

/// Adds an FDB entry.
pub fn pin(host: &Namespace, mac: &str, port: usize, pin: Pin) -> Result<()> {
    let words = match pin {
        // A bridge moves a static entry unless it is sticky as well (br_fdb_update,
        // net/bridge/br_fdb.c).
        Pin::Static => "static sticky",
        Pin::Sticky => "dynamic sticky",
    };
    let port = host_end(port);
    host.run(&format!("bridge fdb add {mac} dev {port} master {words}"))?;
    Ok(())
}

/// Stations behind ports.
pub fn stations(host: &Namespace) -> Result<BTreeMap<Mac, usize>> {
    let output = host.run("bridge -j fdb show")?;
    let rows: Vec<Value> = serde_json::from_str(&output.stdout)?;
    // Permanent entries are the ports' own addresses.
    let stations = rows.iter().filter(|row| row["state"] != "permanent");
    let stations = stations.filter_map(|row| {
        let port = number(row["ifname"].as_str()?)?;
        Some((packet::mac(row["mac"].as_str()?), port))
    });
    Ok(stations.collect())
}
