//! How a site differs from the usual one.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, Result};

use super::{GATEWAY_DEVICE, HOST, Site, UPLINK};
use crate::{
    netns::Namespace,
    topology::{Instance, Stack},
};

/// A site that is yet to be built.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(super) stack: Stack,
    pub(super) publishes: Vec<(String, SocketAddr)>,
    pub(super) green: bool,
    masquerade: String,
    head: String,
    tables: String,
}

impl Plan {
    /// The usual one.
    pub fn on(stack: Stack) -> Self {
        Self {
            stack,
            publishes: Vec::new(),
            green: false,
            masquerade: "true".into(),
            head: String::new(),
            tables: String::new(),
        }
    }

    /// The usual one with netfwd.
    pub fn netfwd_alone() -> Self {
        Self::on(Stack::Netfwd)
    }

    /// Publishes an l4 port: `publish("8080/tcp", "10.0.3.11:80")`.
    pub fn publish(mut self, listen: &str, to: &str) -> Result<Self> {
        let target = to.parse().with_context(|| to.to_owned())?;
        self.publishes.push((listen.into(), target));
        Ok(self)
    }

    /// Publishes an l4 port of the host as one of `c1`, for TCP and UDP over both families.
    #[must_use]
    pub fn publish_both(mut self, listen: u16, port: u16) -> Self {
        let v4 = SocketAddr::from(([10, 0, 3, 11], port));
        let v6 = SocketAddr::from(([0xfd00, 3, 0, 0, 0, 0, 0, 0x11], port));
        for proto in ["tcp", "udp"] {
            let at = |host: IpAddr| format!("{}/{proto}", SocketAddr::from((host, listen)));
            self.publishes.push((at(HOST.v4.into()), v4));
            self.publishes.push((at(HOST.v6.into()), v6));
        }
        self
    }

    /// Adds the second network with its container.
    #[must_use]
    pub fn green(mut self) -> Self {
        self.green = true;
        self
    }

    /// Sets netfwd's `masquerade` of the containers' network, in TOML.
    #[must_use]
    pub fn masquerade(mut self, value: &str) -> Self {
        self.masquerade = value.into();
        self
    }

    /// Adds lines to netfwd's configuration in front of its networks.
    #[must_use]
    pub fn head(mut self, lines: &str) -> Self {
        self.head.push_str(lines);
        self.head.push('\n');
        self
    }

    /// Adds tables of the containers' network to netfwd's configuration.
    #[must_use]
    pub fn table(mut self, lines: &str) -> Self {
        self.tables.push_str(lines);
        self.tables.push('\n');
        self
    }

    /// Builds and starts it.
    pub fn start(self) -> Result<Site> {
        Site::start(&self)
    }

    /// Starts netfwd on the host.
    pub(super) fn netfwd(&self, host: &Namespace) -> Result<Instance> {
        let mut instance = Instance::new(host, &self.configuration(host.name()))?;
        instance.start().context("netfwd does not start")?;
        Ok(instance)
    }

    fn configuration(&self, name: &str) -> String {
        let listeners = self.publishes.iter().map(|(listen, to)| {
            format!("  [[network.publish]]\n  listen = \"{listen}\"\n  to = \"{to}\"\n\n")
        });
        let blue = network("blue", GATEWAY_DEVICE, 3, &self.masquerade, &["c1", "c2"]);
        let green = network("green", "lxcbr1", 4, "true", &["g1"]);
        format!(
            "[host]\nname = \"{name}\"\nuplinks = [\"{UPLINK}\"]\n\n{}\n{blue}{}\n{}\n{}",
            self.head,
            listeners.collect::<String>(),
            self.tables,
            if self.green { &green } else { "" }
        )
    }
}

fn network(name: &str, device: &str, subnet: u8, masquerade: &str, ports: &[&str]) -> String {
    let ports = ports
        .iter()
        .map(|port| format!("  [[network.port]]\n  interface = \"veth-{port}\"\n\n"));
    format!(
        "[[network]]\nname = \"{name}\"\n\n  [network.gateway]\n  device = \"{device}\"\n\
         \x20 addresses = [\"10.0.{subnet}.1/24\", \"fd00:{subnet}::1/64\"]\n\
         \x20 masquerade = {masquerade}\n\n{}",
        ports.collect::<String>()
    )
}
