//! `[[network.publish]]`, `[[network.fdb]]` and `[[network.neighbour]]`.

use std::net::IpAddr;

use super::port::vlan;
use super::reader::{Keys, Section};
use super::sections::address;
use super::{ConfigError, FdbEntry, FdbTarget, Neighbour, Publish, values};

/// `[[network.publish]]`.
pub(super) fn publish(section: &Section<'_>) -> Result<Publish, ConfigError> {
    section.only(&Keys {
        accepted: &["listen", "to"],
        later: &[],
    })?;
    let listen = section.need("listen")?;
    let to = section.need("to")?;
    let (to_address, to_port) = to.parse(values::ENDPOINT, values::endpoint)?;
    let publish = Publish {
        listen: listen.parse(values::LISTEN, values::listen)?,
        to: to_address,
        to_port,
        place: section.place(),
    };
    publish.fits()?;
    Ok(publish)
}

impl Publish {
    /// Refuses what this version or the range of l4 ports cannot do.
    pub(crate) fn fits(&self) -> Result<(), ConfigError> {
        let v6 = |address: IpAddr| address.is_ipv6();
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
        accepted: &["mac", "peer", "port", "vlan"],
        later: &[],
    })?;
    let target = match (section.get("port"), section.get("peer")) {
        (Some(port), None) => FdbTarget::Port(port.parse("a port of the network", named)?),
        (None, Some(peer)) => FdbTarget::Peer(address(&peer)?),
        _ => return Err(section.error("[[network.fdb]] needs either `port` or `peer`")),
    };
    Ok(FdbEntry {
        mac: section
            .need("mac")?
            .parse(values::MAC, values::unicast_mac)?,
        vlan: section.maybe("vlan", vlan)?,
        target,
        place: section.place(),
    })
}

fn named(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// `[[network.neighbour]]`.
pub(super) fn neighbour(section: &Section<'_>) -> Result<Neighbour, ConfigError> {
    section.only(&Keys {
        accepted: &["ip", "mac", "vlan"],
        later: &[],
    })?;
    Ok(Neighbour {
        ip: section
            .need("ip")?
            .parse(values::STATION, values::station)?,
        mac: section
            .need("mac")?
            .parse(values::MAC, values::unicast_mac)?,
        vlan: section.maybe("vlan", vlan)?,
        place: section.place(),
    })
}
