//! `[[network.floating]]`: an outside address that is one station's.

use std::net::IpAddr;

use super::reader::{Keys, Section};
use super::sections::device;
use super::{ConfigError, Place, STATION, family, same_family, values};

/// `[[network.floating]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Floating {
    /// The address outside.
    pub external: IpAddr,
    /// The station's.
    pub internal: IpAddr,
    /// The uplink on which it is answered for; absent: the one whose subnet holds it, else the first.
    pub uplink: Option<String>,
    /// Where it stands.
    pub place: Place,
}

/// `[[network.floating]]`.
pub(super) fn floating(section: &Section<'_>) -> Result<Floating, ConfigError> {
    section.only(&Keys {
        accepted: &["external", "internal", "uplink"],
        later: &[],
    })?;
    let address = |key| section.need(key)?.parse(STATION, bare);
    let floating = Floating {
        external: address("external")?,
        internal: address("internal")?,
        uplink: section.maybe("uplink", device)?,
        place: section.place(),
    };
    match floating.contradiction() {
        Some(message) => Err(section.error(message)),
        None => Ok(floating),
    }
}

fn bare(text: &str) -> Option<IpAddr> {
    values::unicast(text.parse().ok()?)
}

impl Floating {
    /// What makes no sense together.
    pub fn contradiction(&self) -> Option<String> {
        let (external, internal) = (self.external, self.internal);
        if same_family(external, internal) {
            return None;
        }
        let (is, family) = (family(internal), family(external));
        Some(format!(
            "internal address {internal} of {external} is {is}; give it an {family} address"
        ))
    }
}
