//! Members of multicast groups, routers and queriers.

use netfwd_common::maps::{Group, GroupKey};

use super::sweep::{AT_ONCE, Sweep};
use crate::dataplane::DataplaneError;
use crate::dataplane::maps::{Maps, now_ns};

/// How often the table is read: the programs see for themselves what is over.
const INTERVAL_NS: u64 = 10_000_000_000;

/// Ages the groups, each of which says when it is over; without its port or network it is at once.
#[derive(Debug, Default)]
pub(super) struct Groups {
    sweep: Sweep<GroupKey, Group>,
}

impl Groups {
    /// Does a slice.
    pub(super) fn tick(&mut self, maps: &mut Maps) -> Result<(), DataplaneError> {
        let now = now_ns();
        self.sweep.begins(now);
        if self.sweep.is_over() {
            return Ok(());
        }
        let (networks, slots) = (maps.networks.entries()?, maps.slots()?);
        let end = |key: &GroupKey, group: &Group| {
            // A querier's entry is no port's.
            let has_port = key.slot == 0 || slots.contains(&key.slot);
            let network = networks.get(&key.network).filter(|_| has_port);
            network.map_or(AT_ONCE, |_| group.expires_ns)
        };
        for key in self.sweep.slice(&maps.groups, now, INTERVAL_NS, end)? {
            // It may have been refreshed since it was read.
            let fresh = maps.groups.get(&key)?;
            if fresh.is_some_and(|group| end(&key, &group) < now) {
                maps.groups.remove(&key)?;
            }
        }
        Ok(())
    }
}
