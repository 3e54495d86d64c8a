//! What `show` commands show: rows made from the pinned maps, with the names of the state file, so
//! that they answer when the daemon is dead. Field names are the contract of `-j`.

mod fdb;
mod figures;
mod floating;
mod gauges;
mod names;
mod neighbour;
mod network;
mod overview;
mod peer;
mod port;
mod publish;
mod session;
mod stats;
mod status;

#[cfg(test)]
mod tests;

pub use fdb::{FdbRow, fdb};
pub use figures::{Counted, Figures, Part, reason};
pub use floating::{FloatingRow, floatings};
pub use gauges::gauges;
pub use neighbour::{NeighbourRow, neighbours};
pub use network::{NETWORK_COLUMNS, NetworkRow, networks};
pub use overview::{Extent, Overview, overview};
pub use peer::{PEER_COLUMNS, PeerRow, peers};
pub use port::{PORT_COLUMNS, PortRow, ports};
pub use publish::{PUBLISH_COLUMNS, PublishRow, TargetRow, publishes};
pub use session::{SessionRow, sessions};
pub use stats::{StatsRow, stats};
pub use status::{HOOK_COLUMNS, HookRow, sockets, status};

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use netfwd_common::addr::Addr;
use netfwd_common::maps::{Counters, DropKey, FdbEntry, FdbFlags};
use nix::net::if_::if_indextoname;

use crate::address::from_addr;
use crate::dataplane::{DataplaneError, Maps, maps::now_ns};
use crate::ids::Scope;
use crate::links::LinkError;
use crate::runtime::{Store, StoreError};
use names::Names;

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub enum ShowError {
    /// The maps.
    #[error(transparent)]
    Dataplane(#[from] DataplaneError),
    /// The names.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The interfaces.
    #[error(transparent)]
    Link(#[from] LinkError),
}

/// The maps of an instance, and the names of what is in them.
struct Source {
    maps: Maps,
    names: Names,
    now_ns: u64,
}

impl Source {
    fn open(instance: &str) -> Result<Self, ShowError> {
        Ok(Self {
            maps: Maps::open(instance)?,
            names: Names::new(Store::of(instance).ids()?),
            now_ns: now_ns(),
        })
    }

    fn seconds_since(&self, stamp_ns: u64) -> u64 {
        self.now_ns.saturating_sub(stamp_ns) / 1_000_000_000
    }

    /// Seconds since something was heard; `None` where it never was.
    fn heard(&self, stamp_ns: u64) -> Option<u64> {
        (stamp_ns != 0).then(|| self.seconds_since(stamp_ns))
    }

    /// The port that a station is behind; the gateway's device for the gateway.
    fn port(&self, entry: &FdbEntry) -> String {
        if entry.flags.has(FdbFlags::GATEWAY) {
            return interface(entry.ifindex);
        }
        self.names.port(entry.slot, entry.ifindex)
    }

    /// What a port or peer counts, over all of its networks.
    fn counters(&self, scope: Scope, name: &str) -> Result<Counters, ShowError> {
        let mut all = Counters::default();
        for slot in self.names.slots_of(scope, name) {
            all = all.plus(&self.maps.counters(*slot)?);
        }
        Ok(all)
    }

    /// Drops by slot, whatever the reason.
    fn drops(&self) -> Result<BTreeMap<u32, u64>, ShowError> {
        let mut by_slot = BTreeMap::new();
        for (DropKey { slot, .. }, count) in self.maps.drops()? {
            *by_slot.entry(slot).or_default() += count;
        }
        Ok(by_slot)
    }
}

/// An address and an l4 port, or an ICMP identifier, as `ip:port`.
fn endpoint(address: &Addr, port: u16) -> String {
    SocketAddr::new(from_addr(address), port).to_string()
}

/// The name of an interface; its number where it is gone, or in another namespace than this command.
fn interface(ifindex: u32) -> String {
    let name = if_indextoname(ifindex);
    name.map_or_else(
        |_| format!("#{ifindex}"),
        |name| name.to_string_lossy().into_owned(),
    )
}

fn address(address: &Addr) -> IpAddr {
    from_addr(address)
}
