//! Why a configuration cannot be had on this host.

use std::net::IpAddr;

use crate::config::{Place, no_vtep};
use crate::ids::OutOfSlots;

/// Why a configuration cannot be had on this host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DesiredError {
    /// An interface is missing.
    #[error(
        "{place}: {what} {interface} does not exist in this network namespace; create it, or correct the name"
    )]
    NoInterface {
        /// `uplink` or `port`.
        what: &'static str,
        /// Its name.
        interface: String,
        /// Where it is named.
        place: Place,
    },
    /// A network namespace is missing.
    #[error(
        "{place}: network namespace {netns} does not exist; create it first (`ip netns add`), or correct the name"
    )]
    NoNamespace {
        /// Its name.
        netns: String,
        /// Where it is named.
        place: Place,
    },
    /// What is in another namespace cannot be as it should.
    #[error("{place}: port {port} is left as it is: {why}")]
    SetAside {
        /// Its interface here.
        interface: String,
        /// The port.
        port: String,
        /// Why.
        why: String,
        /// Where it is named.
        place: Place,
    },
    /// There is nothing to take the VTEP from.
    #[error(
        "no VTEP: a network has a VNI, but [host] gives no `vtep` and the first uplink has no address that can be used yet; give one of them"
    )]
    NoVtep,
    /// A VTEP is no address of this host, or not yet.
    #[error(
        "{place}: `vtep` {vtep} is no address of this host, so that nothing reaches it; give it to an interface, or correct it"
    )]
    VtepElsewhere {
        /// The address.
        vtep: IpAddr,
        /// Where it is given.
        place: Place,
    },
    /// There is no VTEP towards a peer or group.
    #[error("{place}: {}", no_vtep(*address, network, vteps))]
    NoVtepTowards {
        /// The address.
        address: IpAddr,
        /// The network.
        network: String,
        /// The VTEPs that there are.
        vteps: Vec<IpAddr>,
        /// Where it is named.
        place: Place,
    },
    /// A network's own VTEP is none of this host's.
    #[error(
        "{place}: `vtep` {vtep} of network {network} is no VTEP of this host; use {known}, or list it in `vtep` of [host]"
    )]
    NotAVtep {
        /// The address.
        vtep: IpAddr,
        /// The network.
        network: String,
        /// A VTEP that there is.
        known: IpAddr,
        /// Where it is named.
        place: Place,
    },
    /// A peer would see two VTEPs.
    #[error(
        "{place}: {peer} would see VTEP {vtep} by network {network} and {other} by another one; give both the same `vtep`"
    )]
    TwoVteps {
        /// The peer or group.
        peer: IpAddr,
        /// The network.
        network: String,
        /// The VTEP by it.
        vtep: IpAddr,
        /// The VTEP by another network.
        other: IpAddr,
        /// Where it is named.
        place: Place,
    },
    /// A peer is this host itself.
    #[error("{place}: peer {peer} is this host's own VTEP; list only the other hosts")]
    OwnPeer {
        /// The address.
        peer: IpAddr,
        /// Where it is named.
        place: Place,
    },
    /// A floating address is this host's own.
    #[error(
        "{place}: floating address {external} is this host's own, on {interface}; take it off that interface, or give another one"
    )]
    OwnFloating {
        /// The address.
        external: IpAddr,
        /// The interface that has it.
        interface: String,
        /// Where it is named.
        place: Place,
    },
    /// A link that netfwd did not make has the name of one that it must make.
    #[error(
        "interface {0} exists and was not made by this instance; rename or remove it, or let the configuration name another one"
    )]
    InTheWay(String),
    /// A VXLAN device of somebody else has the UDP port.
    #[error(
        "vxlan device {0} already listens on UDP port {1}; remove it, or set another [vxlan] `port`"
    )]
    PortTaken(String, u16),
    /// An interface that cannot be a port.
    #[error("{place}: {interface} cannot be a port because it is {why}; name another interface")]
    NotAPort {
        /// Its name.
        interface: String,
        /// Why.
        why: &'static str,
        /// Where it is named.
        place: Place,
    },
    /// An MTU that the underlay cannot carry.
    #[error(
        "{place}: mtu {mtu} of network {network} does not fit uplink {uplink}; at most {most} does"
    )]
    MtuTooLarge {
        /// The network.
        network: String,
        /// Its MTU.
        mtu: u32,
        /// The uplink.
        uplink: String,
        /// The largest that fits.
        most: u32,
        /// Where it is set.
        place: Place,
    },
    /// A network has too many ports and peers.
    #[error("network {0} has more than {max} peers and ports, each counted once for every VLAN; split it", max = netfwd_common::limits::FLOOD_PER_NETWORK)]
    FloodTooLong(String),
    /// More than a map has room for.
    #[error(
        "{count} {what} are more than the {most} that one instance holds; take some out, or split them over instances"
    )]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How many there would be.
        count: usize,
        /// How many there may be.
        most: usize,
    },
    /// Counters ran out.
    #[error(transparent)]
    OutOfSlots(#[from] OutOfSlots),
}

impl DesiredError {
    /// Whether it may come by itself, so that neither a start nor a change is refused for it.
    pub const fn may_come(&self) -> bool {
        matches!(self, Self::VtepElsewhere { .. })
    }

    /// Whether it is about something that was added by command.
    pub fn is_of_command(&self) -> bool {
        let mut error = self.clone();
        error.place_mut().is_some_and(|place| place.is_command())
    }

    /// Whether it says the same, wherever that is written now.
    pub fn is_like(&self, other: &Self) -> bool {
        let mut error = self.clone();
        if let (Some(place), Some(now)) = (error.place_mut(), other.clone().place_mut()) {
            place.clone_from(now);
        }
        error == *other
    }

    /// The exit code: 2 for what no host can have, 1 for what this one lacks.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::FloodTooLong(_) | Self::TooMany { .. } | Self::OutOfSlots(_) => 2,
            _ => 1,
        }
    }

    fn place_mut(&mut self) -> Option<&mut Place> {
        match self {
            Self::NoInterface { place, .. }
            | Self::NoNamespace { place, .. }
            | Self::SetAside { place, .. }
            | Self::OwnPeer { place, .. }
            | Self::NoVtepTowards { place, .. }
            | Self::NotAVtep { place, .. }
            | Self::VtepElsewhere { place, .. }
            | Self::TwoVteps { place, .. }
            | Self::NotAPort { place, .. }
            | Self::OwnFloating { place, .. }
            | Self::MtuTooLarge { place, .. } => Some(place),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(netns: &str, file: &str, line: usize) -> DesiredError {
        let file = file.into();
        DesiredError::NoNamespace {
            netns: netns.into(),
            place: Place { file, line },
        }
    }

    #[test]
    fn a_lack_is_the_same_on_another_line() {
        assert!(missing("c1", "f.toml", 5).is_like(&missing("c1", "f.toml", 6)));
        assert!(!missing("c1", "f.toml", 5).is_like(&missing("c2", "f.toml", 5)));
        assert!(!missing("c1", "f.toml", 5).is_like(&DesiredError::NoVtep));
        assert!(missing("c1", "", 0).is_of_command());
        assert!(!DesiredError::NoVtep.is_of_command());
    }
}
