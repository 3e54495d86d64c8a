//! The configuration file, parsed and validated.

mod entries;
mod error;
mod files;
mod floating;
mod masquerade;
mod metrics;
mod model;
mod nat;
mod network;
mod objects;
mod outside;
mod overlap;
mod peer;
mod place;
mod port;
mod publish;
mod reader;
mod routing;
mod sections;
mod sharing;
mod stations;
mod underlay;
mod values;
mod vlan;
mod vxlan;

pub use error::ConfigError;
#[cfg(test)]
pub use files::parse_text;
pub use files::{load, name};
pub use floating::Floating;
pub use masquerade::{MASQUERADE, Masquerade, SourceNat};
pub use metrics::{Listener, Metrics};
pub use model::{Config, Df, Host, Probe, Tos, Vxlan, XdpPolicy};
pub use nat::{Nat, Timeouts};
pub use network::{ADDRESS, host_address};
pub use objects::{
    FdbEntry, FdbTarget, Gateway, Neighbour, Network, Pair, Peer, Port, PortAt, PortOptions,
    Switch, Tap, TapKind,
};
pub use overlap::check;
pub use peer::{GROUP, PEER, PeerAt, VTEP, group, vtep};
pub use place::Place;
pub use port::netns_name;
pub use publish::{Affinity, ENDPOINT, LISTEN, Listen, Proto, Publish, endpoint, listen};
pub use routing::{RoutedPair, Routing};
pub use underlay::{family, no_vtep, same_family};
pub use values::{
    MAC, STATION, device_name, duration, format_mac, instance_name, is_ageing, station, unicast_mac,
};
pub use vlan::{TRUNK, VLAN, trunk, vlan};

#[cfg(test)]
mod tests;
