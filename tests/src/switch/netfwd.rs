//! The switch as netfwd.

use std::{collections::BTreeMap, fmt::Write};

use anyhow::{Context, Result};

use super::{Layout, Pin, host_end, number};
use crate::{
    netns::Namespace,
    packet::{self, Mac},
    topology::{Instance, NETWORK},
};

/// Configures and starts netfwd on a host whose interfaces stand.
pub fn start(host: &Namespace, layout: &Layout) -> Result<Instance> {
    let mut instance = Instance::new(host, &config(host.name(), layout))?;
    instance.start().context("netfwd does not start")?;
    Ok(instance)
}

fn config(name: &str, layout: &Layout) -> String {
    let mut text = format!("[host]\nname = \"{name}\"\n\n[[network]]\nname = \"{NETWORK}\"\n");
    for option in &layout.network_options {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}", option.netfwd());
    }
    for port in 1..=layout.ports {
        let interface = host_end(port);
        let _ = writeln!(text, "\n  [[network.port]]\n  interface = \"{interface}\"");
        for option in layout.options(port) {
            let _ = writeln!(text, "  {}", option.netfwd());
        }
    }
    text
}

/// Adds an FDB entry by command.
pub fn pin(instance: &Instance, mac: &str, port: usize, pin: Pin) -> Result<()> {
    let flag = match pin {
        Pin::Static => "--static",
        Pin::Sticky => "--sticky",
    };
    let port = host_end(port);
    instance.cli(&format!(
        "fdb add {mac} --network {NETWORK} --port {port} {flag}"
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
