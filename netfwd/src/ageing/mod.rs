//! Forgets what is no longer used: learned FDB entries, neighbours, peers, multicast groups and sessions. The
//! programs only stamp, and take nothing that is over for good: what is late here is late in `show`.
//!
//! A table is read in batches, a slice each second, and again only when something of it can be over.
//! What that costs is measured by `a_sweep_costs_little`, below: a full FDB of 1,048,576 entries took
//! 0.38 s of CPU time on a virtual machine of two cores, in 29 slices of 13 ms. That is 1.3 % of a core
//! while stations age all the time, and nothing while none can.
//!
//! Sessions and mappings go in rounds of their own (`translations`), which count them as well and follow each
//! other while something is full (`pressure`).

mod bearers;
mod census;
mod gauges;
mod groups;
mod lifetimes;
mod neighbours;
mod peers;
mod pressure;
mod stations;
mod sweep;
mod translations;

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_translations;

pub use gauges::{Gauges, Pool as PortPool};
pub use pressure::{News, Pool};

use std::time::Duration;

use netfwd_common::maps::{FdbEntry, FdbKey};

use crate::dataplane::{Dataplane, DataplaneError};
use groups::Groups;
use lifetimes::Level;
use neighbours::Neighbours;
use peers::Peers;
use pressure::Pressure;
use stations::Stations;
use translations::Translations;

/// What sessions and mappings get of each second, and of each turn under pressure.
const SLICE: Duration = Duration::from_millis(25);
/// Between two turns under pressure: others get theirs.
const BREATH: Duration = Duration::from_millis(5);
/// Between two turns where more is over than the slices of the ticks would take out.
const BEHIND: Duration = Duration::from_millis(100);

/// A learned FDB entry that was not heard for its network's time, or whose port or network is gone.
pub type Aged = (FdbKey, FdbEntry);

/// Ages the tables of an instance.
#[derive(Debug, Default)]
pub struct Ageing {
    stations: Stations,
    neighbours: Neighbours,
    groups: Groups,
    peers: Peers,
    translations: Translations,
    pressure: Pressure,
    /// What the next round over sessions and mappings may take.
    level: Level,
}

impl Ageing {
    /// Does a slice of what is due; to be called once a second. Gives the stations that were forgotten.
    pub fn tick(&mut self, dataplane: &mut Dataplane) -> Result<Vec<Aged>, DataplaneError> {
        let maps = dataplane.maps_mut();
        let aged = self.stations.tick(maps)?;
        self.neighbours.tick(maps)?;
        self.groups.tick(maps)?;
        self.peers.tick(maps)?;
        if self.pressure.look(maps)? {
            self.level = Level::Idle;
            self.translations.hurry();
        }
        self.reclaim(dataplane)?;
        Ok(aged)
    }

    /// Does a slice of sessions and mappings alone; to be called again and again under pressure.
    pub fn reclaim(&mut self, dataplane: &mut Dataplane) -> Result<(), DataplaneError> {
        let maps = dataplane.maps_mut();
        if self.translations.run(maps, SLICE, self.level)? {
            let counted = self.translations.counted();
            let near = counted.map(|counted| counted.is_filled(pressure::NEAR, pressure::CALM));
            self.pressure.is_near(near.unwrap_or_default());
            self.level = self.pressure.next();
        }
        Ok(())
    }

    /// How long to wait before [`Self::reclaim`] is called again; `None` for until the next tick.
    pub fn pause(&self) -> Option<Duration> {
        if self.pressure.is_on() && self.translations.is_due() {
            return Some(BREATH);
        }
        self.translations.is_behind().then_some(BEHIND)
    }

    /// What became full, or is no longer, since the last call.
    pub fn news(&mut self) -> Vec<News> {
        self.pressure.news()
    }

    /// How many sessions and mappings there are, once that has been counted.
    pub fn gauges(&self) -> Option<Gauges> {
        self.translations.gauges()
    }
}
