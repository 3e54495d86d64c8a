//! `[[network.fdb]]` and `[[network.neighbour]]`.

use super::port::vlan;
use super::reader::{Keys, Section};
use super::sections::address;
use super::{ConfigError, FdbEntry, FdbTarget, Neighbour, values};

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
