//! Learned neighbours.

use netfwd_common::maps::{Neighbour, NeighbourFlags, NeighbourKey};

use super::sweep::{AT_ONCE, NEVER, Sweep};
use crate::dataplane::DataplaneError;
use crate::dataplane::maps::{Maps, now_ns};

/// Ages the neighbours, which live as long as the stations of their network.
#[derive(Debug, Default)]
pub(super) struct Neighbours {
    sweep: Sweep<NeighbourKey, Neighbour>,
}

impl Neighbours {
    /// Does a slice.
    pub(super) fn tick(&mut self, maps: &mut Maps) -> Result<(), DataplaneError> {
        let now = now_ns();
        self.sweep.begins(now);
        if self.sweep.is_over() {
            return Ok(());
        }
        let networks = maps.networks.entries()?;
        let times = networks.values().map(|network| network.ageing_ns);
        let shortest = times.min().unwrap_or(NEVER);
        let end = |key: &NeighbourKey, neighbour: &Neighbour| match networks.get(&key.network) {
            _ if neighbour.flags.has(NeighbourFlags::STATIC) => NEVER,
            Some(network) => neighbour.last_seen_ns.saturating_add(network.ageing_ns),
            None => AT_ONCE,
        };
        for key in self.sweep.slice(&maps.neighbours, now, shortest, end)? {
            // It may have been heard since it was read.
            let fresh = maps.neighbours.get(&key)?;
            if fresh.is_some_and(|neighbour| end(&key, &neighbour) < now) {
                maps.neighbours.remove(&key)?;
            }
        }
        Ok(())
    }
}
