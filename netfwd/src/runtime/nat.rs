//! Published ports and floating addresses as commands give them.

use std::net::IpAddr;

use serde::{Deserialize, Deserializer, Serialize};

use super::change::replace;
use super::spec::bad;
use super::{ChangeError, Op, Runtime};
use crate::config::{self, Affinity, Config, Floating, Listen, Network, Place, Publish};

/// A published port.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PublishSpec {
    /// `[address:]port[-port]/proto`.
    pub listen: String,
    /// The targets, each `address:port`; a `del` needs none.
    #[serde(deserialize_with = "one_or_many")]
    pub to: Vec<String>,
    /// Which target a client gets.
    pub affinity: Affinity,
    /// Its network; a `del` needs none.
    pub network: Option<String>,
}

/// A floating address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FloatingSpec {
    /// The address outside.
    pub external: IpAddr,
    /// The station's address; a `del` needs none.
    #[serde(default)]
    pub internal: Option<IpAddr>,
    /// The uplink on which it is answered for; absent: the one whose subnet holds it, else the first.
    #[serde(default)]
    pub uplink: Option<String>,
    /// Its network; a `del` needs none.
    #[serde(default)]
    pub network: Option<String>,
}

/// A state file of the first version names one target, or none, and no list.
fn one_or_many<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Targets {
        Many(Vec<String>),
        One(Option<String>),
    }
    Ok(match Targets::deserialize(from)? {
        Targets::Many(targets) => targets,
        Targets::One(target) => target.into_iter().collect(),
    })
}

impl PublishSpec {
    /// The listener.
    pub fn listener(&self) -> Result<Listen, ChangeError> {
        match config::listen(&self.listen) {
            Some(listen) => Ok(listen),
            None => bad(format!(
                "`{}` is no listener; it is {}",
                self.listen,
                config::LISTEN
            )),
        }
    }

    /// The publish that it describes.
    pub fn publish(&self) -> Result<Publish, ChangeError> {
        let target = |text: &String| match config::endpoint(text) {
            Some(target) => Ok(target),
            None => bad(format!(
                "`{text}` is no destination; it is {}",
                config::ENDPOINT
            )),
        };
        let publish = Publish {
            listen: self.listener()?,
            to: self.to.iter().map(target).collect::<Result<_, _>>()?,
            affinity: self.affinity,
            place: Place::default(),
        };
        match publish.contradiction() {
            Some(message) => bad(message),
            None => Ok(publish),
        }
    }
}

impl FloatingSpec {
    /// How users name it.
    pub fn what(&self) -> String {
        format!("floating address {}", self.external)
    }

    /// The floating address that it describes.
    pub fn floating(&self) -> Result<Floating, ChangeError> {
        let address = |address: IpAddr| match config::station(&address.to_string()) {
            Some(address) => Ok(address),
            None => bad(format!("`{address}` is not {}", config::STATION)),
        };
        let Some(internal) = self.internal else {
            return bad(format!("{} needs an address that it leads to", self.what()));
        };
        let floating = Floating {
            external: address(self.external)?,
            internal: address(internal)?,
            uplink: self.uplink.clone(),
            place: Place::default(),
        };
        match floating.contradiction() {
            Some(message) => bad(message),
            None => Ok(floating),
        }
    }
}

impl Runtime {
    /// Adds, replaces or deletes a published port.
    pub(super) fn publish(
        &mut self,
        op: Op,
        spec: &PublishSpec,
        now: &Config,
    ) -> Result<(), ChangeError> {
        let listen = spec.listener()?;
        let what = format!("publish {listen}");
        let wanted = match op {
            Op::Del => None,
            _ => Some(spec.publish()?),
        };
        let meant = match &wanted {
            Some(wanted) => wanted.listener(),
            None => listen,
        };
        let known = each(now, |network| &network.publishes);
        let mut known = known.filter(|(_, publish)| meant.means(&publish.listener()));
        let (known, another) = (known.next(), known.next());
        if another.is_some() {
            return bad(format!(
                "{what} is there over IPv4 and IPv6; say which by `0.0.0.0:` or `[::]:` before it"
            ));
        }
        let given = known.map(|(network, known)| {
            let same = wanted
                .as_ref()
                .is_some_and(|wanted| (&wanted.to, wanted.affinity) == (&known.to, known.affinity));
            (&known.place, same && spec.is_in(network))
        });
        let place = known.map_or(meant, |(_, publish)| publish.listener());
        let same = |one: &PublishSpec| one.publish().is_ok_and(|one| one.listener() == place);
        replace(&mut self.publishes, op, spec, same, &what, given)
    }

    /// Adds, replaces or deletes a floating address.
    pub(super) fn floating(
        &mut self,
        op: Op,
        spec: &FloatingSpec,
        now: &Config,
    ) -> Result<(), ChangeError> {
        let wanted = match op {
            Op::Del => None,
            _ => Some(spec.floating()?),
        };
        let external = spec.external.to_canonical();
        let mut known = each(now, |network| &network.floatings);
        let known = known.find(|(_, floating)| floating.external == external);
        let given = known.map(|(network, known)| {
            let same = wanted.as_ref().is_some_and(|wanted| {
                (wanted.internal, &wanted.uplink) == (known.internal, &known.uplink)
            });
            let in_network = spec.network.as_ref() == Some(&network.name);
            (&known.place, same && in_network)
        });
        let same = |one: &FloatingSpec| one.external.to_canonical() == external;
        replace(&mut self.floatings, op, spec, same, &spec.what(), given)
    }
}

impl PublishSpec {
    fn is_in(&self, network: &Network) -> bool {
        self.network.as_ref() == Some(&network.name)
    }
}

/// Every object of a kind, with its network.
fn each<'a, T: 'a>(
    config: &'a Config,
    of: impl Fn(&'a Network) -> &'a Vec<T>,
) -> impl Iterator<Item = (&'a Network, &'a T)> {
    let networks = config.networks.iter();
    networks.flat_map(move |network| of(network).iter().map(move |one| (network, one)))
}
