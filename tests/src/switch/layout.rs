//! What a switch shall be like, in words that each stack has its own for.

use std::collections::BTreeMap;

use anyhow::Result;

use super::Switch;
use crate::topology::Stack;

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

/// A switch to be: so many ports, numbered from 1 on, and what differs from the usual.
#[derive(Clone, Debug)]
pub struct Layout {
    /// How many ports.
    pub ports: usize,
    /// What is different about a port, by its number.
    pub port_options: BTreeMap<usize, Vec<PortOption>>,
    /// What is different about the network.
    pub network_options: Vec<NetworkOption>,
}

impl Layout {
    /// A switch with so many ports, all as usual.
    pub fn ports(ports: usize) -> Self {
        Self {
            ports,
            port_options: BTreeMap::new(),
            network_options: Vec::new(),
        }
    }

    /// Gives a port an option.
    #[must_use]
    pub fn port(mut self, port: usize, option: PortOption) -> Self {
        self.port_options.entry(port).or_default().push(option);
        self
    }

    /// Gives the network an option.
    #[must_use]
    pub fn network(mut self, option: NetworkOption) -> Self {
        self.network_options.push(option);
        self
    }

    /// Builds and starts it.
    pub fn start(&self, stack: Stack) -> Result<Switch> {
        Switch::start(self, stack)
    }

    /// Options of a port.
    pub(super) fn options(&self, port: usize) -> &[PortOption] {
        self.port_options.get(&port).map_or(&[], Vec::as_slice)
    }
}
