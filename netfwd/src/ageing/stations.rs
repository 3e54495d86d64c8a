//! Learned FDB entries.

use std::collections::{BTreeMap, BTreeSet};

use netfwd_common::maps::{FdbEntry, FdbFlags, FdbKey, Network};

use super::Aged;
use super::census::Census;
use super::sweep::{AT_ONCE, NEVER, Sweep};
use crate::dataplane::DataplaneError;
use crate::dataplane::maps::{Maps, Tally, now_ns};

/// Ages the FDB.
#[derive(Debug, Default)]
pub(super) struct Stations {
    sweep: Sweep<FdbKey, FdbEntry>,
    census: Census,
}

/// What there must be for an FDB entry to stay.
struct Grounds {
    networks: BTreeMap<u32, Network>,
    ports: BTreeSet<u32>,
}

impl Stations {
    /// Does a slice; gives what was forgotten.
    pub(super) fn tick(&mut self, maps: &mut Maps) -> Result<Vec<Aged>, DataplaneError> {
        let now = now_ns();
        if self.sweep.begins(now) {
            self.census.begin(maps)?;
        }
        if self.sweep.is_over() {
            return Ok(Vec::new());
        }
        let grounds = Grounds::read(maps)?;
        let census = &mut self.census;
        let end = |key: &FdbKey, entry: &FdbEntry| {
            census.count(entry, grounds.networks.get(&key.network));
            grounds.end(key, entry)
        };
        let over = self.sweep.slice(&maps.fdb, now, grounds.shortest(), end)?;
        let aged = forget(maps, &grounds, &over)?;
        if self.sweep.is_over() && self.census.end(maps)? {
            self.sweep.hurry();
        }
        Ok(aged)
    }
}

#[cfg(test)]
impl Stations {
    /// Whether a walk has ended and no other has begun.
    pub(super) fn is_idle(&self) -> bool {
        self.sweep.is_over()
    }
}

impl Grounds {
    fn read(maps: &Maps) -> Result<Self, DataplaneError> {
        Ok(Self {
            networks: maps.networks.entries()?,
            ports: maps.ports.entries()?.into_keys().collect(),
        })
    }

    /// The shortest time that a station lives.
    fn shortest(&self) -> u64 {
        let times = self.networks.values().map(|network| network.ageing_ns);
        times.min().unwrap_or(NEVER)
    }

    /// When an entry is over.
    fn end(&self, key: &FdbKey, entry: &FdbEntry) -> u64 {
        let gone = entry.ifindex != 0 && !self.ports.contains(&entry.ifindex);
        match self.networks.get(&key.network) {
            _ if entry.flags.has(FdbFlags::STATIC) => NEVER,
            Some(network) if !gone => entry.last_seen_ns.saturating_add(network.ageing_ns),
            _ => AT_ONCE,
        }
    }
}

/// Forgets what is still over: it may have been heard since it was read.
fn forget(
    maps: &mut Maps,
    grounds: &Grounds,
    keys: &[FdbKey],
) -> Result<Vec<Aged>, DataplaneError> {
    let now = now_ns();
    let mut tally = Tally::default();
    let mut aged = Vec::new();
    for key in keys {
        let is_over = |key: &FdbKey, entry: &FdbEntry| grounds.end(key, entry) < now;
        if let Some(entry) = maps.forget_one(key, is_over, &mut tally)? {
            aged.push((*key, entry));
        }
    }
    maps.account(&tally)?;
    Ok(aged)
}
