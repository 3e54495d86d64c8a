//! What a switch shall be like, in words that each stack has its own for.

use std::collections::BTreeMap;

use anyhow::Result;

use super::{Make, Switch};

/// What makes a port differ from the usual one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortOption {
    /// It reaches only ports that are not isolated.
    Isolated,
    /// Sources are not learned from it.
    NoLearning,
    /// Unknown unicast is not flooded to it.
    NoUnknownUnicast,
}

impl PortOption {
    /// A line of the port's table in netfwd's configuration.
    pub(super) fn netfwd(&self) -> String {
        match self {
            Self::Isolated => "isolated = true".into(),
            Self::NoLearning => "learning = false".into(),
            Self::NoUnknownUnicast => "unknown_unicast = \"drop\"".into(),
        }
    }

    /// Words of `ip link set … type bridge_slave`.
    pub(super) fn bridge(&self) -> &'static str {
        match self {
            Self::Isolated => "isolated on",
            Self::NoLearning => "learning off",
            Self::NoUnknownUnicast => "flood off",
        }
    }
}

/// What makes the network differ from the usual one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetworkOption {
    /// Seconds after which a station that was not heard is forgotten.
    Ageing(u32),
}

impl NetworkOption {
    /// A line of the network's table in netfwd's configuration.
    pub(super) fn netfwd(&self) -> String {
        match self {
            Self::Ageing(seconds) => format!("ageing = \"{seconds}s\""),
        }
    }

    /// Words of `ip link add … type bridge`.
    pub(super) fn bridge(&self) -> String {
        match self {
            Self::Ageing(seconds) => format!("ageing_time {}", seconds * 100),
        }
    }
}

/// A network to be.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// What is different about it.
    pub options: Vec<NetworkOption>,
    /// Its ports by number, each with what is different about it there.
    pub ports: BTreeMap<usize, Vec<PortOption>>,
}

/// A switch to be: so many ports, numbered from 1 on, and the networks that they are in.
#[derive(Clone, Debug)]
pub struct Layout {
    /// How many ports.
    pub ports: usize,
    /// The networks.
    pub networks: Vec<Network>,
}

impl Layout {
    /// A switch with so many ports, all as usual, in one network.
    pub fn ports(ports: usize) -> Self {
        let all = (1..=ports).map(|port| (port, Vec::new())).collect();
        let network = Network {
            options: Vec::new(),
            ports: all,
        };
        Self::networks(ports, vec![network])
    }

    /// A switch with so many ports in these networks.
    pub fn networks(ports: usize, networks: Vec<Network>) -> Self {
        Self { ports, networks }
    }

    /// Gives a port of the first network an option.
    #[must_use]
    pub fn port(mut self, port: usize, option: PortOption) -> Self {
        let ports = &mut self.networks[0].ports;
        ports.entry(port).or_default().push(option);
        self
    }

    /// Gives the first network an option.
    #[must_use]
    pub fn network(mut self, option: NetworkOption) -> Self {
        self.networks[0].options.push(option);
        self
    }

    /// Builds and starts it.
    pub fn start(&self, make: Make) -> Result<Switch> {
        Switch::start(self, make)
    }
}
