//! The runtime state, merged into the configuration.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    ChangeError, FdbSpec, FloatingSpec, NeighSpec, NetworkSpec, PeerSpec, PortSpec, PublishSpec,
};
use crate::config::{self, Config, Network};

/// What was added by command.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Runtime {
    /// Networks.
    pub networks: Vec<NetworkSpec>,
    /// Ports.
    pub ports: Vec<PortSpec>,
    /// Peers.
    pub peers: Vec<PeerSpec>,
    /// Static FDB entries.
    pub fdb: Vec<FdbSpec>,
    /// Static neighbours.
    pub neighbours: Vec<NeighSpec>,
    /// Published ports.
    pub publishes: Vec<PublishSpec>,
    /// Floating addresses.
    pub floatings: Vec<FloatingSpec>,
}

impl Runtime {
    /// The configuration with this state in it, checked as a whole.
    pub fn merge(&self, file: &Config) -> Result<Config, ChangeError> {
        let mut config = file.clone();
        if *self == Self::default() {
            // It was checked when it was read.
            return Ok(config);
        }
        for spec in &self.networks {
            config.networks.push(spec.network()?);
        }
        let mut networks = ByName::of(&mut config.networks);
        for spec in &self.ports {
            let network = spec.network.as_deref().unwrap_or_default();
            networks.get(network)?.ports.push(spec.port()?);
        }
        for spec in &self.peers {
            networks.get(&spec.network)?.peers.push(spec.peer());
        }
        for spec in &self.fdb {
            networks.get(&spec.network)?.fdb.push(spec.entry()?);
        }
        for spec in &self.neighbours {
            let neighbours = &mut networks.get(&spec.network)?.neighbours;
            neighbours.push(spec.neighbour()?);
        }
        for spec in &self.publishes {
            let network = spec.network.as_deref().unwrap_or_default();
            networks.get(network)?.publishes.push(spec.publish()?);
        }
        for spec in &self.floatings {
            let network = spec.network.as_deref().unwrap_or_default();
            networks.get(network)?.floatings.push(spec.floating()?);
        }
        config::check(&config)?;
        Ok(config)
    }

    /// The part of this state that fits the configuration, and why the rest does not: the file may
    /// have been edited while netfwd did not run, so that nobody could be told.
    pub fn fitting(&self, file: &Config) -> (Self, Vec<ChangeError>) {
        if self.merge(file).is_ok() {
            return (self.clone(), Vec::new());
        }
        let mut kept = Self::default();
        let mut refused = Vec::new();
        keep(
            &mut kept,
            &self.networks,
            |k| &mut k.networks,
            file,
            &mut refused,
        );
        keep(&mut kept, &self.ports, |k| &mut k.ports, file, &mut refused);
        keep(&mut kept, &self.peers, |k| &mut k.peers, file, &mut refused);
        keep(&mut kept, &self.fdb, |k| &mut k.fdb, file, &mut refused);
        keep(
            &mut kept,
            &self.neighbours,
            |k| &mut k.neighbours,
            file,
            &mut refused,
        );
        keep(
            &mut kept,
            &self.publishes,
            |k| &mut k.publishes,
            file,
            &mut refused,
        );
        keep(
            &mut kept,
            &self.floatings,
            |k| &mut k.floatings,
            file,
            &mut refused,
        );
        (kept, refused)
    }
}

/// Networks by name.
struct ByName<'a>(BTreeMap<String, &'a mut Network>);

impl<'a> ByName<'a> {
    fn of(networks: &'a mut [Network]) -> Self {
        let networks = networks.iter_mut();
        Self(networks.map(|n| (n.name.clone(), n)).collect())
    }

    fn get(&mut self, name: &str) -> Result<&mut Network, ChangeError> {
        let network = self.0.get_mut(name).map(|network| &mut **network);
        network.ok_or_else(|| ChangeError::Absent(format!("network {name}")))
    }
}

/// Adds to `kept`, one by one, what fits.
fn keep<T: Clone>(
    kept: &mut Runtime,
    all: &[T],
    list: fn(&mut Runtime) -> &mut Vec<T>,
    file: &Config,
    refused: &mut Vec<ChangeError>,
) {
    for item in all {
        list(kept).push(item.clone());
        if let Err(error) = kept.merge(file) {
            list(kept).pop();
            refused.push(error);
        }
    }
}
