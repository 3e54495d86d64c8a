//! The runtime state, merged into the configuration.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::housed::Housed;
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
        self.fill(&mut ByName::new(&mut config.networks))?;
        config::check(&config)?;
        Ok(config)
    }

    fn fill(&self, networks: &mut ByName<'_>) -> Result<(), ChangeError> {
        for spec in &self.ports {
            networks.of(spec)?.ports.push(spec.port()?);
        }
        for spec in &self.peers {
            networks.of(spec)?.peers.push(spec.peer());
        }
        for spec in &self.fdb {
            networks.of(spec)?.fdb.push(spec.entry()?);
        }
        for spec in &self.neighbours {
            networks.of(spec)?.neighbours.push(spec.neighbour()?);
        }
        for spec in &self.publishes {
            networks.of(spec)?.publishes.push(spec.publish()?);
        }
        for spec in &self.floatings {
            networks.of(spec)?.floatings.push(spec.floating()?);
        }
        Ok(())
    }

    /// Divides this state, and behind it the `misfits` of before, into what fits the configuration and
    /// what does not: the file may have been edited while netfwd did not run, so that nobody could be told.
    pub fn fitting(&self, misfits: &Self, file: &Config) -> Fit {
        let mut fit = Fit::default();
        if self.merge(file).is_ok() {
            fit.kept = self.clone();
        } else {
            fit.take_over(self, file);
        }
        fit.take_over(misfits, file);
        fit
    }
}

/// What fits a configuration, and what does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fit {
    /// What fits.
    pub kept: Runtime,
    /// What does not.
    pub misfits: Runtime,
    /// Why not, object by object.
    pub why: Vec<ChangeError>,
}

impl Fit {
    fn take_over(&mut self, from: &Runtime, file: &Config) {
        self.divide(from, file, |all| &mut all.networks);
        self.divide(from, file, |all| &mut all.ports);
        self.divide(from, file, |all| &mut all.peers);
        self.divide(from, file, |all| &mut all.fdb);
        self.divide(from, file, |all| &mut all.neighbours);
        self.divide(from, file, |all| &mut all.publishes);
        self.divide(from, file, |all| &mut all.floatings);
    }

    /// Takes the objects of one kind over, one by one.
    fn divide<T: Clone + PartialEq>(
        &mut self,
        from: &Runtime,
        file: &Config,
        list: fn(&mut Runtime) -> &mut Vec<T>,
    ) {
        for item in list(&mut from.clone()) {
            // A start that ended between the two files left it in both.
            if list(&mut self.kept).contains(item) {
                continue;
            }
            list(&mut self.kept).push(item.clone());
            if let Err(error) = self.kept.merge(file) {
                list(&mut self.kept).pop();
                list(&mut self.misfits).push(item.clone());
                self.why.push(error);
            }
        }
    }
}

/// Networks by name.
struct ByName<'a>(BTreeMap<String, &'a mut Network>);

impl<'a> ByName<'a> {
    fn new(networks: &'a mut [Network]) -> Self {
        let networks = networks.iter_mut();
        Self(networks.map(|n| (n.name.clone(), n)).collect())
    }

    /// The network of an object.
    fn of(&mut self, object: &impl Housed) -> Result<&mut Network, ChangeError> {
        let name = object.network();
        let network = self.0.get_mut(name).map(|network| &mut **network);
        network.ok_or_else(|| ChangeError::Homeless {
            what: object.label(),
            network: name.to_owned(),
            way_out: object.way_out(),
        })
    }
}
