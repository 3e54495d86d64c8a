//! The runtime state, merged into the configuration.

use serde::{Deserialize, Serialize};

use super::{ChangeError, FdbSpec, NeighSpec, NetworkSpec, PeerSpec, PortSpec, PublishSpec};
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
}

impl Runtime {
    /// The configuration with this state in it, checked as a whole.
    pub fn merge(&self, file: &Config) -> Result<Config, ChangeError> {
        let mut config = file.clone();
        for spec in &self.networks {
            config.networks.push(spec.network()?);
        }
        for spec in &self.ports {
            let network = spec.network.as_deref().unwrap_or_default();
            of(&mut config, network)?.ports.push(spec.port()?);
        }
        for spec in &self.peers {
            of(&mut config, &spec.network)?.peers.push(spec.peer());
        }
        for spec in &self.fdb {
            of(&mut config, &spec.network)?.fdb.push(spec.entry()?);
        }
        for spec in &self.neighbours {
            let neighbours = &mut of(&mut config, &spec.network)?.neighbours;
            neighbours.push(spec.neighbour()?);
        }
        for spec in &self.publishes {
            let network = spec.network.as_deref().unwrap_or_default();
            of(&mut config, network)?.publishes.push(spec.publish()?);
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
        (kept, refused)
    }
}

fn of<'a>(config: &'a mut Config, name: &str) -> Result<&'a mut Network, ChangeError> {
    let mut networks = config.networks.iter_mut();
    let network = networks.find(|network| network.name == name);
    network.ok_or_else(|| ChangeError::Absent(format!("network {name}")))
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
