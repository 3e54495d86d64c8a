//! The configuration file, parsed and validated.

mod model;
mod place;

pub use model::{
    Config, FdbEntry, FdbTarget, Gateway, Host, Listen, Masquerade, Nat, Network, Pair, Port,
    PortAt, Proto, Publish, Timeouts, Tos, Vxlan, XdpPolicy,
};
pub use place::Place;
