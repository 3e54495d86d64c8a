//! A change, and what it does to the runtime state.

use serde::{Deserialize, Serialize};

use super::housed::Housed;
use super::{
    ChangeError, FdbKind, FdbSpec, FloatingSpec, NeighSpec, NetworkSpec, PeerSpec, PortSpec,
    PublishSpec, Runtime,
};
use crate::config::{self, Config, FdbEntry, Network, Place};

/// What to do with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Op {
    /// Adds it; an error when it exists.
    Add,
    /// Makes it so, whether it exists or not.
    Replace,
    /// Changes the properties of a port; an error when it does not exist.
    Set,
    /// Deletes it; an error when it does not exist.
    Del,
}

const SET_IS_FOR_PORTS: &str = "only ports have properties to set; use replace";

/// An object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "object", rename_all = "lowercase")]
pub enum Object {
    /// A network.
    Network(NetworkSpec),
    /// A port.
    Port(PortSpec),
    /// A peer of a network.
    Peer(PeerSpec),
    /// An FDB entry.
    Fdb(FdbSpec),
    /// A static neighbour.
    Neigh(NeighSpec),
    /// A published port.
    Publish(PublishSpec),
    /// A floating address.
    Floating(FloatingSpec),
}

/// A change that a command asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What to do.
    pub op: Op,
    /// With what.
    #[serde(flatten)]
    pub object: Object,
}

impl Change {
    /// Refuses what is wrong with the words alone, whatever there is.
    pub fn sound(&self) -> Result<(), ChangeError> {
        let del = self.op == Op::Del;
        match &self.object {
            Object::Port(_) if del || self.op == Op::Set => Ok(()),
            _ if self.op == Op::Set => Err(ChangeError::Bad(SET_IS_FOR_PORTS.into())),
            Object::Fdb(spec) if del => spec.station().map(drop),
            Object::Publish(spec) if del => spec.listener().map(drop),
            _ if del => Ok(()),
            Object::Network(spec) => {
                let alone = Config {
                    networks: vec![spec.network()?],
                    ..Config::default()
                };
                Ok(config::check(&alone)?)
            }
            Object::Port(spec) => spec.port().map(drop),
            Object::Peer(_) => Ok(()),
            Object::Fdb(spec) => spec.entry().map(drop),
            Object::Neigh(spec) => spec.neighbour().map(drop),
            Object::Publish(spec) => spec.publish().map(drop),
            Object::Floating(spec) => spec.floating().map(drop),
        }
    }
}

impl Object {
    /// Refuses a network that is not there, of what is to be in one.
    fn housed(&self, now: &Config) -> Result<(), ChangeError> {
        let network = match self {
            Self::Port(spec) => spec.network.as_deref(),
            Self::Publish(spec) => spec.network.as_deref(),
            Self::Floating(spec) => spec.network.as_deref(),
            // The others look for theirs when they look for what is in it.
            _ => None,
        };
        network.map_or(Ok(()), |name| named(now, name).map(drop))
    }
}

impl Runtime {
    /// The state after a change. `file` is what the configuration file says; `now` is that with
    /// this state merged in.
    pub fn after(&self, change: &Change, file: &Config, now: &Config) -> Result<Self, ChangeError> {
        let mut next = self.clone();
        if change.op != Op::Del {
            change.object.housed(now)?;
        }
        match &change.object {
            Object::Port(spec) if change.op == Op::Set => next.set_port(spec, now)?,
            _ if change.op == Op::Set => return Err(ChangeError::Bad(SET_IS_FOR_PORTS.into())),
            Object::Network(spec) => next.network(change.op, spec, now)?,
            Object::Port(spec) => next.port(change.op, spec, now)?,
            Object::Peer(spec) => next.peer(change.op, spec, now)?,
            Object::Fdb(spec) => next.fdb(change.op, spec, now)?,
            Object::Neigh(spec) => next.neigh(change.op, spec, now)?,
            Object::Publish(spec) => next.publish(change.op, spec, now)?,
            Object::Floating(spec) => next.floating(change.op, spec, now)?,
        }
        next.merge(file)?;
        Ok(next)
    }

    fn network(&mut self, op: Op, spec: &NetworkSpec, now: &Config) -> Result<(), ChangeError> {
        let what = format!("network {}", spec.name);
        let known = now
            .networks
            .iter()
            .find(|network| network.name == spec.name);
        if op != Op::Del {
            spec.network()?;
        }
        let same = |one: &NetworkSpec| one.name == spec.name;
        if op == Op::Del {
            self.unused(&spec.name)?;
        }
        let given = known.map(|network| (&network.place, false));
        replace(&mut self.networks, op, spec, same, &what, given)
    }

    fn unused(&self, network: &str) -> Result<(), ChangeError> {
        fn first<T: Housed>(all: &[T], network: &str) -> Option<String> {
            let mut all = all.iter();
            let found = all.find(|one| one.network() == network);
            found.map(|one| {
                format!(
                    "{}, added by command; first run `netfwd {}`",
                    one.label(),
                    one.way_out()
                )
            })
        }
        let left = first(&self.ports, network)
            .or_else(|| first(&self.publishes, network))
            .or_else(|| first(&self.floatings, network))
            .or_else(|| first(&self.peers, network))
            .or_else(|| first(&self.fdb, network))
            .or_else(|| first(&self.neighbours, network));
        match left {
            Some(what) => Err(ChangeError::InUse {
                network: network.to_owned(),
                what,
            }),
            None => Ok(()),
        }
    }

    fn peer(&mut self, op: Op, spec: &PeerSpec, now: &Config) -> Result<(), ChangeError> {
        let wanted = spec.peer();
        let what = format!("peer {} of network {}", spec.address, spec.network);
        let network = named(now, &spec.network)?;
        let mut known = network.peers.iter();
        let known = known.find(|peer| peer.at.address == spec.address.address);
        let port = |peer| now.port_of(peer);
        let given = known.map(|known| (&known.place, port(known) == port(&wanted)));
        if op == Op::Del && spec.address.port.is_some() && given.is_some_and(|(_, same)| !same) {
            return Err(ChangeError::Absent(what));
        }
        let same = |one: &PeerSpec| {
            (&one.network, one.address.address) == (&spec.network, spec.address.address)
        };
        replace(&mut self.peers, op, spec, same, &what, given)
    }

    /// Only static entries are state; the caller puts the others into the map.
    fn fdb(&mut self, op: Op, spec: &FdbSpec, now: &Config) -> Result<(), ChangeError> {
        let mac = spec.station()?;
        let what = spec.what();
        let network = named(now, &spec.network)?;
        let wanted = match op {
            Op::Del => None,
            _ => Some(spec.entry()?),
        };
        let vlan = spec.vlan_in(network)?;
        let same_key = |entry: &FdbEntry| entry.mac == mac && network.vlan_of(entry) == vlan;
        let known = network.fdb.iter().find(|entry| same_key(entry));
        let given = known.map(|entry| {
            let same = wanted
                .as_ref()
                .is_some_and(|wanted| wanted.target == entry.target);
            (&entry.place, same && spec.kind == FdbKind::Static)
        });
        let same = |one: &FdbSpec| {
            one.network == spec.network && one.entry().is_ok_and(|entry| same_key(&entry))
        };
        if op == Op::Replace
            && spec.kind != FdbKind::Static
            && given.is_some_and(|(p, _)| p.is_command())
        {
            self.fdb.retain(|one| !same(one));
            return Ok(());
        }
        if spec.kind != FdbKind::Static && op != Op::Del && given.is_none() {
            return Ok(());
        }
        replace(&mut self.fdb, op, spec, same, &what, given)
    }

    /// Only static neighbours are state; the caller deletes learned ones from the map.
    fn neigh(&mut self, op: Op, spec: &NeighSpec, now: &Config) -> Result<(), ChangeError> {
        let what = spec.what();
        let network = named(now, &spec.network)?;
        let vlan = |given: Option<u16>| given.unwrap_or(network.own_vlan());
        let wanted = match op {
            Op::Del => None,
            _ => Some(spec.neighbour()?),
        };
        let same_key = |ip, given| ip == spec.ip && vlan(given) == vlan(spec.vlan);
        let known = network.neighbours.iter();
        let known = known.into_iter().find(|n| same_key(n.ip, n.vlan));
        let given = known.map(|known| {
            let same = wanted.as_ref().is_some_and(|w| w.mac == known.mac);
            (&known.place, same)
        });
        let same = |one: &NeighSpec| one.network == spec.network && same_key(one.ip, one.vlan);
        replace(&mut self.neighbours, op, spec, same, &what, given)
    }
}

fn named<'a>(config: &'a Config, name: &str) -> Result<&'a Network, ChangeError> {
    let network = config.networks.iter().find(|network| network.name == name);
    network.ok_or_else(|| ChangeError::Absent(format!("network {name}")))
}

/// Does `op` to a list. `given` is where the object stands now, if it exists, and whether it is
/// already as wanted.
pub(super) fn replace<T: Clone>(
    list: &mut Vec<T>,
    op: Op,
    spec: &T,
    same: impl Fn(&T) -> bool,
    what: &str,
    given: Option<(&Place, bool)>,
) -> Result<(), ChangeError> {
    match (op, given) {
        (Op::Add, Some((place, _))) if place.is_command() => {
            return Err(ChangeError::Exists(what.to_owned()));
        }
        (Op::Del, None) => return Err(ChangeError::Absent(what.to_owned())),
        (Op::Replace, Some((_, true))) => return Ok(()),
        (_, Some((place, _))) if !place.is_command() => {
            return Err(ChangeError::InFile {
                what: what.to_owned(),
                place: place.clone(),
            });
        }
        _ => list.retain(|one| !same(one)),
    }
    if op != Op::Del {
        list.push(spec.clone());
    }
    Ok(())
}
