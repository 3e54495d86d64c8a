//! `[[network.port]]`, `[[network.publish]]` and `[[network.fdb]]`.

use super::network::{addresses, unknown_unicast};
use super::reader::{Keys, Section, Value};
use super::sections::{device, ipv4};
use super::{ConfigError, FdbEntry, FdbTarget, Pair, Port, PortAt, PortOptions, Publish, values};

/// Keys that only a pair takes.
const PAIR_KEYS: [&str; 4] = ["name", "mac", "addresses", "default_route"];

/// `[[network.port]]`.
pub(super) fn port(section: &Section<'_>) -> Result<Port, ConfigError> {
    section.only(&Keys {
        accepted: &[
            "interface",
            "netns",
            "name",
            "mac",
            "addresses",
            "default_route",
            "isolated",
            "learning",
            "unknown_unicast",
        ],
        later: &["vlan", "trunk", "anti_spoof", "max_learned"],
    })?;
    Ok(Port {
        at: at(section)?,
        mac: section.maybe("mac", |value| value.parse(values::MAC, values::unicast_mac))?,
        addresses: addresses(section)?,
        options: options(section)?,
        place: section.place(),
    })
}

fn options(section: &Section<'_>) -> Result<PortOptions, ConfigError> {
    Ok(PortOptions {
        isolated: section.or("isolated", false, Value::bool)?,
        learning: section.maybe("learning", Value::bool)?,
        unknown_unicast: section.maybe("unknown_unicast", unknown_unicast)?,
        ..PortOptions::default()
    })
}

fn at(section: &Section<'_>) -> Result<PortAt, ConfigError> {
    match (section.get("interface"), section.get("netns")) {
        (Some(interface), None) => {
            only_pair_keys(section)?;
            Ok(PortAt::Interface(device(&interface)?))
        }
        (None, Some(netns)) => Ok(PortAt::Pair(pair(section, &netns)?)),
        _ => Err(section.error(
            "[[network.port]] needs either `interface` (an existing link) or `netns` and `name` (a pair that netfwd makes)",
        )),
    }
}

fn only_pair_keys(section: &Section<'_>) -> Result<(), ConfigError> {
    for key in PAIR_KEYS {
        if let Some(value) = section.get(key) {
            let message = format!(
                "`{key}` is for a pair that netfwd makes (`netns`, `name`), not for an existing `interface`"
            );
            return Err(ConfigError::new(&value.place(), message));
        }
    }
    Ok(())
}

fn pair(section: &Section<'_>, netns: &Value<'_>) -> Result<Pair, ConfigError> {
    Ok(Pair {
        netns: netns.parse("a name under /run/netns or an absolute path", netns_name)?,
        name: device(&section.need("name")?)?,
        default_route: section.or("default_route", false, Value::bool)?,
    })
}

/// A network namespace: a name under /run/netns, or an absolute path.
pub fn netns_name(text: &str) -> Option<String> {
    let name = !text.is_empty() && !text.contains('/') && text != "." && text != "..";
    (name || text.starts_with('/')).then(|| text.to_owned())
}

/// `[[network.publish]]`.
pub(super) fn publish(section: &Section<'_>) -> Result<Publish, ConfigError> {
    section.only(&Keys {
        accepted: &["listen", "to"],
        later: &[],
    })?;
    let listen = section.need("listen")?;
    let to = section.need("to")?;
    let (address, to_port) = to.parse(values::ENDPOINT, values::endpoint)?;
    let publish = Publish {
        listen: listen.parse(values::LISTEN, values::listen)?,
        to: address,
        to_port,
        place: section.place(),
    };
    publish.fits()?;
    Ok(publish)
}

impl Publish {
    /// Refuses what this version or the range of l4 ports cannot do.
    pub(crate) fn fits(&self) -> Result<(), ConfigError> {
        let v6 = |address: std::net::IpAddr| address.is_ipv6();
        if v6(self.to) || self.listen.address.is_some_and(v6) {
            let message = "publishing over IPv6 is not in this version of netfwd yet; use IPv4";
            return Err(ConfigError::new(&self.place, message));
        }
        let (low, high) = self.listen.ports;
        if self.to_port.checked_add(high - low).is_none() {
            let message = format!(
                "the range of {} runs past l4 port 65535 of {}",
                self.listen, self.to
            );
            return Err(ConfigError::new(&self.place, message));
        }
        Ok(())
    }
}

/// `[[network.fdb]]`.
pub(super) fn fdb(section: &Section<'_>) -> Result<FdbEntry, ConfigError> {
    section.only(&Keys {
        accepted: &["mac", "peer", "port"],
        later: &["vlan"],
    })?;
    let target = match (section.get("port"), section.get("peer")) {
        (Some(port), None) => FdbTarget::Port(port.parse("a port of the network", named)?),
        (None, Some(peer)) => FdbTarget::Peer(ipv4(&peer)?),
        _ => return Err(section.error("[[network.fdb]] needs either `port` or `peer`")),
    };
    Ok(FdbEntry {
        mac: section
            .need("mac")?
            .parse(values::MAC, values::unicast_mac)?,
        vlan: None,
        target,
        place: section.place(),
    })
}

fn named(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}
