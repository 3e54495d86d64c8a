//! What was added by command: objects as commands give them, their merge into the configuration,
//! and how they are kept across restarts.

mod change;
mod error;
mod housed;
mod listing;
mod merge;
mod nat;
mod network;
mod port;
mod spec;
mod store;

pub use change::{Change, Object, Op};
pub use error::ChangeError;
pub use merge::{Fit, Runtime};
pub use nat::{FloatingSpec, PublishSpec};
pub use network::{MasqueradeSpec, NetworkSpec, SwitchChange};
pub use port::{PortChange, PortSpec};
pub use spec::{FdbKind, FdbSpec, NeighSpec, PeerSpec};
pub use store::{Store, StoreError};

#[cfg(test)]
mod tests;
