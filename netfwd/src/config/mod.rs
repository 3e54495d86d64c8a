//! The configuration file, parsed and validated.

mod error;
mod files;
mod model;
mod network;
mod overlap;
mod place;
mod port;
mod reader;
mod sections;
mod values;

pub use error::ConfigError;
pub use files::load;
#[cfg(test)]
pub use files::parse_text;
pub use model::{
    Config, FdbEntry, FdbTarget, Gateway, Host, Listen, Masquerade, Nat, Network, Pair, Port,
    PortAt, Proto, Publish, Timeouts, Tos, Vxlan, XdpPolicy,
};
pub use overlap::check;
pub use place::Place;
pub use port::netns_name;
pub use values::{
    ENDPOINT, LISTEN, MAC, device_name, endpoint, format_mac, instance_name, listen, unicast_mac,
};

#[cfg(test)]
mod tests;
