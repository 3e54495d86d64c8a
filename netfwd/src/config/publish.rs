//! `[[network.publish]]`: who listens, and to whom it leads.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use netfwd_common::limits::TARGETS_PER_PUBLISH;
use netfwd_common::nat::proto;
use serde::{Deserialize, Serialize};

use super::reader::{Keys, Section, Value};
use super::sections::choice;
use super::{ConfigError, Network, Place, family, same_family, values};

/// What [`listen`] accepts.
pub const LISTEN: &str = "[address:]port[-port]/tcp, /udp or /sctp, such as \"8080/tcp\"";
/// What [`endpoint`] accepts.
pub const ENDPOINT: &str = "address:port, such as \"10.0.3.20:22\"";

/// `[[network.publish]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    /// What is listened on.
    pub listen: Listen,
    /// The targets, each with its l4 port for the first port listened on.
    pub to: Vec<SocketAddr>,
    /// Which target a client gets.
    pub affinity: Affinity,
    /// Where it stands.
    pub place: Place,
}

/// What a client's target depends on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Affinity {
    /// Each of its connections may get another one.
    #[default]
    None,
    /// It keeps its target, whatever its l4 port.
    Source,
}

/// A listener: `[address:]port[-port]/proto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listen {
    /// The address; unspecified: every address that this host has of the family; absent: of the family of
    /// the targets.
    pub address: Option<IpAddr>,
    /// Lowest and highest l4 port.
    pub ports: (u16, u16),
    /// The protocol.
    pub proto: Proto,
}

/// A protocol with l4 ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Proto {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP, whose l4 ports are never translated: its checksum is over the whole packet.
    Sctp,
}

/// `[[network.publish]]`.
pub(super) fn publish(section: &Section<'_>) -> Result<Publish, ConfigError> {
    section.only(&Keys {
        accepted: &["listen", "to", "affinity"],
        later: &[],
    })?;
    let source = |value: &Value<'_>| choice(value, "source", "none");
    let publish = Publish {
        listen: section.need("listen")?.parse(LISTEN, listen)?,
        to: targets(&section.need("to")?)?,
        affinity: if section.or("affinity", false, source)? {
            Affinity::Source
        } else {
            Affinity::None
        },
        place: section.place(),
    };
    match publish.contradiction() {
        Some(message) => Err(section.error(message)),
        None => Ok(publish),
    }
}

fn targets(value: &Value<'_>) -> Result<Vec<SocketAddr>, ConfigError> {
    match value.list() {
        Ok(list) => list.iter().map(|v| v.parse(ENDPOINT, endpoint)).collect(),
        Err(_) => Ok(vec![value.parse(ENDPOINT, endpoint)?]),
    }
}

impl Publish {
    /// What is listened on, with its address, which tells listeners of two families apart.
    pub fn listener(&self) -> Listen {
        let any = |family: &SocketAddr| match family.ip() {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        Listen {
            address: self.listen.address.or(self.to.first().map(any)),
            ..self.listen
        }
    }

    /// What makes no sense together.
    pub fn contradiction(&self) -> Option<String> {
        let listen = self.listen;
        let most = usize::from(TARGETS_PER_PUBLISH);
        if !(1..=most).contains(&self.to.len()) {
            let count = self.to.len();
            return Some(format!("{listen} has {count} targets; give it 1 to {most}"));
        }
        self.misfit().or_else(|| self.twice())
    }

    /// The first target that does not fit the listener.
    fn misfit(&self) -> Option<String> {
        let listen = self.listen;
        let (low, high) = listen.ports;
        let wanted = listen.address.unwrap_or(self.to[0].ip());
        for to in &self.to {
            if !same_family(wanted, to.ip()) {
                let (is, family) = (family(to.ip()), family(wanted));
                return Some(format!(
                    "target {to} of {listen} is {is}; give it an {family} address"
                ));
            }
            if to.port().checked_add(high - low).is_none() {
                return Some(format!(
                    "the range of {listen} runs past l4 port 65535 of {to}; give it at most l4 port {}",
                    u16::MAX - (high - low)
                ));
            }
            if listen.proto == Proto::Sctp && to.port() != low {
                return Some(format!(
                    "target {to} of {listen} has another l4 port, which SCTP does not allow; give it {low}"
                ));
            }
        }
        None
    }

    fn twice(&self) -> Option<String> {
        let again = |(index, to): (usize, &SocketAddr)| self.to[..index].contains(to);
        let to = self.to.iter().enumerate().find(|one| again(*one))?.1;
        let listen = self.listen;
        Some(format!(
            "target {to} of {listen} stands there twice; name each target once"
        ))
    }
}

/// A listener: `[address:]port[-port]/proto`.
pub fn listen(text: &str) -> Option<Listen> {
    let (rest, proto) = text.split_once('/')?;
    let protos = [Proto::Tcp, Proto::Udp, Proto::Sctp];
    let proto = protos.into_iter().find(|known| known.name() == proto)?;
    let (address, ports) = match rest.rsplit_once(':') {
        Some((address, ports)) => (Some(bare_address(address)?), ports),
        None => (None, rest),
    };
    let (low, high) = ports.split_once('-').unwrap_or((ports, ports));
    let ports = (l4_port(low)?, l4_port(high)?);
    (ports.0 <= ports.1).then_some(Listen {
        address,
        ports,
        proto,
    })
}

/// An address and an l4 port.
pub fn endpoint(text: &str) -> Option<SocketAddr> {
    let socket: SocketAddr = text.parse().ok()?;
    let zone = matches!(socket, SocketAddr::V6(v6) if v6.scope_id() != 0);
    let address = values::unicast(socket.ip())?;
    (!zone && socket.port() != 0).then_some(SocketAddr::new(address, socket.port()))
}

/// An address to listen on: on one of the loopback the host alone is served.
fn bare_address(text: &str) -> Option<IpAddr> {
    let text = text.trim_start_matches('[').trim_end_matches(']');
    let address: IpAddr = text.parse().ok()?;
    let address = address.to_canonical();
    let own = address.is_loopback() || address.is_unspecified();
    (own || values::unicast(address).is_some()).then_some(address)
}

fn l4_port(text: &str) -> Option<u16> {
    let port = text.parse().ok()?;
    (port != 0).then_some(port)
}

impl Proto {
    /// As users read it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        }
    }

    /// The IP protocol number.
    pub const fn number(self) -> u8 {
        match self {
            Self::Tcp => proto::TCP,
            Self::Udp => proto::UDP,
            Self::Sctp => proto::SCTP,
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            Some(IpAddr::V4(address)) => write!(f, "{address}:")?,
            Some(IpAddr::V6(address)) => write!(f, "[{address}]:")?,
            None => {}
        }
        let (low, high) = self.ports;
        write!(f, "{low}")?;
        if high != low {
            write!(f, "-{high}")?;
        }
        write!(f, "/{}", self.proto.name())
    }
}

impl Listen {
    /// Whether a user who writes this may mean the listener of a publish: without an address, that on
    /// every address.
    pub fn means(&self, other: &Self) -> bool {
        let any = |address: Option<IpAddr>| address.is_none_or(|known| known.is_unspecified());
        let address = match self.address {
            None => any(other.address),
            given => given == other.address,
        };
        address && (self.ports, self.proto) == (other.ports, other.proto)
    }

    /// Whether a packet could match both.
    pub fn overlaps(&self, other: &Self) -> bool {
        let address = match (self.address, other.address) {
            (Some(one), Some(two)) => {
                let any = one.is_unspecified() || two.is_unspecified();
                one == two || any && same_family(one, two)
            }
            _ => true,
        };
        let ports = self.ports.0 <= other.ports.1 && other.ports.0 <= self.ports.1;
        address && ports && self.proto == other.proto
    }
}

/// Refuses targets that a network's gateway does not reach.
pub(super) fn check(network: &Network) -> Result<(), ConfigError> {
    for publish in &network.publishes {
        let outside = publish.to.iter().find(|to| !network.holds(to.ip()));
        if let Some(to) = outside {
            let (to, name) = (to.ip(), &network.name);
            let message = format!(
                "{to} is in no subnet of network {name}'s gateway; publish to an address that is"
            );
            return Err(ConfigError::new(&publish.place, message));
        }
    }
    Ok(())
}

impl Network {
    /// Whether an address is in a subnet of its gateway.
    pub fn holds(&self, address: IpAddr) -> bool {
        let gateway = self.gateway.iter();
        let mut subnets = gateway.flat_map(|gateway| &gateway.addresses);
        subnets.any(|subnet| subnet.contains(&address))
    }
}

/// Refuses two publishes on one listener. Compared pairwise after sorting by l4 port, so that only
/// neighbours in the order are looked at.
pub(super) fn listeners(networks: &[Network]) -> Result<(), ConfigError> {
    let mut all: Vec<&Publish> = networks.iter().flat_map(|n| &n.publishes).collect();
    all.sort_by_key(|publish| (publish.listen.proto, publish.listen.ports));
    for (index, one) in all.iter().enumerate() {
        let near = |other: &&&Publish| {
            other.listen.proto == one.listen.proto && other.listen.ports.0 <= one.listen.ports.1
        };
        let mut later = all[index + 1..].iter().take_while(near);
        if let Some(other) = later.find(|other| other.listener().overlaps(&one.listener())) {
            let (listen, first) = (other.listen, one.listen);
            let message = format!(
                "listener {listen} overlaps {first} ({}); give it another address or l4 port",
                one.place
            );
            return Err(ConfigError::new(&other.place, message));
        }
    }
    Ok(())
}
