//! The switch as netfwd.

use std::{collections::BTreeMap, fmt::Write};

use anyhow::{Context, Result};

use super::{Layout, Network, NetworkOption, Pin, host_end, number, overlay::VTEP};
use crate::{
    netns::Namespace,
    packet::{self, Mac},
    topology::{Instance, NETWORK, UNDERLAY},
};

/// Configures and starts netfwd on a host whose interfaces stand.
pub fn start(host: &Namespace, layout: &Layout) -> Result<Instance> {
    let mut instance = Instance::new(host, &config(host.name(), layout))?;
    instance.start().context("netfwd does not start")?;
    Ok(instance)
}

fn config(name: &str, layout: &Layout) -> String {
    let networks = (0..).zip(&layout.networks);
    let networks = networks.map(|(number, network)| table(number, network));
    let overlay = if layout.has(&NetworkOption::Overlay) {
        format!("uplinks = [\"{UNDERLAY}\"]\nvtep = \"{VTEP}\"\n")
    } else {
        String::new()
    };
    format!(
        "[host]\nname = \"{name}\"\n{overlay}{}",
        networks.collect::<String>()
    )
}

fn table(number: usize, network: &Network) -> String {
    let mut text = format!("\n[[network]]\nname = \"{}\"\n", self::name(number));
    // Writing to a string cannot fail.
    for option in &network.options {
        let _ = writeln!(text, "{}", option.netfwd());
    }
    for (port, options) in &network.ports {
        let interface = host_end(*port);
        let _ = writeln!(text, "\n  [[network.port]]\n  interface = \"{interface}\"");
        for option in options {
            let _ = writeln!(text, "  {}", option.netfwd());
        }
    }
    text.extend(
        network
            .options
            .iter()
            .filter_map(NetworkOption::netfwd_table),
    );
    text
}

/// Name of a network by its number.
fn name(number: usize) -> String {
    format!("{NETWORK}{number}")
}

/// Adds an FDB entry of the first network by command.
pub fn pin(instance: &Instance, mac: &str, port: usize, pin: Pin) -> Result<()> {
    let flag = match pin {
        Pin::Static => "--static",
        Pin::Sticky => "--sticky",
    };
    let (network, port) = (name(0), host_end(port));
    instance.cli(&format!(
        "fdb add {mac} --network {network} --port {port} {flag}"
    ))?;
    Ok(())
}

/// Stations behind ports.
pub fn stations(instance: &Instance) -> Result<BTreeMap<Mac, usize>> {
    let rows = instance.json("fdb show")?;
    let rows = rows.iter().filter_map(|row| {
        let port = number(row["port"].as_str()?)?;
        Some((packet::mac(row["mac"].as_str()?), port))
    });
    Ok(rows.collect())
}
