//! Everything that netfwd asks of the kernel about interfaces, addresses and neighbours.
//!
//! The one module that talks netlink, ethtool and `/proc/sys/net`. A [`Links`] acts in the network
//! namespace of the thread that opened it; what must happen inside a container's namespace runs on
//! a thread of its own, see [`netns`].

pub mod change;
pub mod cookie;
mod error;
pub mod ethtool;
pub mod group;
mod ifreq;
mod ipv6;
pub mod members;
pub mod model;
pub mod neighbour;
pub mod netns;
pub mod offloads;
pub mod packet;
pub mod read;
pub mod route;
pub mod sysctl;
pub mod tap;
pub mod tc;
pub mod veth;
pub mod vxlan;
pub mod watch;
pub mod xdp;

#[cfg(test)]
mod tests;

pub use error::LinkError;
pub use model::{Address, Link, Neighbour, Vxlan, Xdp};

use std::io;

use tokio::task::JoinHandle;

use crate::naming;
use error::interface;

/// What says of addresses and routes that netfwd set them: their `IFA_PROTO` (Linux 5.18) and `rtm_protocol`.
/// Whatever else an interface has is of somebody else. The number is none of iproute2's (`rt_protos`).
const ORIGIN: u8 = 78;

/// Adds to a failed request what was tried.
pub(crate) trait Tried<T> {
    /// Maps the error to a [`LinkError`] about `what`.
    fn tried(self, what: impl FnOnce() -> String) -> Result<T, LinkError>;
}

impl<T> Tried<T> for Result<T, rtnetlink::Error> {
    fn tried(self, what: impl FnOnce() -> String) -> Result<T, LinkError> {
        self.map_err(|error| {
            let source = match error {
                rtnetlink::Error::NetlinkError(message) => message.to_io(),
                other => io::Error::other(other.to_string()),
            };
            LinkError::new(what(), source)
        })
    }
}

impl<T> Tried<T> for io::Result<T> {
    fn tried(self, what: impl FnOnce() -> String) -> Result<T, LinkError> {
        self.map_err(|source| LinkError::new(what(), source))
    }
}

impl<T> Tried<T> for nix::Result<T> {
    fn tried(self, what: impl FnOnce() -> String) -> Result<T, LinkError> {
        self.map_err(|errno| LinkError::new(what(), errno.into()))
    }
}

/// A netlink socket in one network namespace.
pub struct Links {
    /// The mark of what this instance makes.
    alias: String,
    handle: rtnetlink::Handle,
    connection: JoinHandle<()>,
}

impl Links {
    /// Opens a socket for an instance in the calling thread's network namespace, on the current tokio
    /// runtime.
    pub fn open(instance: &str) -> Result<Self, LinkError> {
        let (connection, handle, _) =
            rtnetlink::new_connection().tried(|| "open a netlink socket".into())?;
        let connection = tokio::spawn(connection);
        Ok(Self {
            alias: naming::alias(instance),
            handle,
            connection,
        })
    }

    /// The alias of what the instance makes.
    pub fn alias(&self) -> &str {
        &self.alias
    }
}

impl Drop for Links {
    fn drop(&mut self) {
        self.connection.abort();
    }
}
