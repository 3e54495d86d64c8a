//! What the daemon leaves for scrapes to read, so that none of them waits for it.

use std::collections::BTreeMap;

use super::Core;
use crate::observed::MapState;

impl Core {
    /// Notes what it has counted since; to be called once a second.
    pub fn note_figures(&self) {
        let (nat, lost) = (self.gauges(), self.hub.lost());
        self.vitals.set(|state| {
            state.nat = nat;
            state.events_lost = lost;
        });
    }

    /// Notes how many static FDB entries each network has now.
    pub(super) fn note_static(&self, maps: &MapState) {
        let mut counts = BTreeMap::new();
        for key in maps.fdb.keys() {
            *counts.entry(key.network).or_default() += 1;
        }
        self.vitals.set(|state| state.static_fdb = counts);
    }
}
