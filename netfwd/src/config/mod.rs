//! The configuration file, parsed and validated.

mod entries;
mod error;
mod files;
mod model;
mod network;
mod objects;
mod overlap;
mod peer;
mod place;
mod port;
mod reader;
mod sections;
mod sharing;
mod underlay;
mod values;
mod vlan;
mod vxlan;

pub use error::ConfigError;
pub use files::load;
#[cfg(test)]
pub use files::parse_text;
pub use model::{Config, Df, Host, Nat, Probe, Timeouts, Tos, Vxlan, XdpPolicy};
pub use network::{ADDRESS, host_address};
pub use objects::{
    FdbEntry, FdbTarget, Gateway, Listen, Masquerade, Neighbour, Network, Pair, Peer, Port, PortAt,
    PortOptions, Proto, Publish, Switch, Tap, TapKind,
};
pub use overlap::check;
pub use peer::{GROUP, PEER, PeerAt, VTEP, group, vtep};
pub use place::Place;
pub use port::netns_name;
pub use underlay::{family, no_vtep, same_family};
pub use values::{
    ENDPOINT, LISTEN, MAC, STATION, device_name, duration, endpoint, format_mac, instance_name,
    is_ageing, listen, station, unicast_mac,
};
pub use vlan::{TRUNK, VLAN, trunk, vlan};

#[cfg(test)]
mod tests;
