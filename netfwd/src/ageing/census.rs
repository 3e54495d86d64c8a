//! How many FDB entries were learned.

use std::collections::BTreeMap;

use netfwd_common::limits::SLOTS;
use netfwd_common::maps::{FdbEntry, FdbFlags, Network};

use crate::dataplane::DataplaneError;
use crate::dataplane::maps::Maps;

/// Counts the learned entries of each slot during a walk over the FDB, and corrects what programs and
/// loader have counted where that is off: a daemon may end between a deletion and its count.
#[derive(Debug, Default)]
pub(super) struct Census {
    /// What was counted of each slot in use when the walk began: inserted and removed.
    before: BTreeMap<u32, (u64, u64)>,
    /// Entries seen, by slot.
    seen: Vec<u64>,
    /// By how much slots were off in the last walk.
    suspects: BTreeMap<u32, u64>,
}

impl Census {
    /// A walk begins.
    pub(super) fn begin(&mut self, maps: &Maps) -> Result<(), DataplaneError> {
        self.seen = vec![0; SLOTS];
        self.before.clear();
        for slot in maps.slots()? {
            self.before.insert(slot, maps.counted(slot)?);
        }
        Ok(())
    }

    /// The walk sees an entry, of this network if it is there.
    pub(super) fn count(&mut self, entry: &FdbEntry, network: Option<&Network>) {
        if entry.flags.has(FdbFlags::STATIC) {
            return;
        }
        let slots = [Some(entry.slot), network.map(|network| network.slot)];
        for slot in slots.into_iter().flatten() {
            if let Some(seen) = self.seen.get_mut(slot as usize) {
                *seen += 1;
            }
        }
    }

    /// The walk has ended; says whether another one should follow soon.
    ///
    /// A slot whose counts changed meanwhile is left for another time. A station that went to and fro
    /// may have been missed without a trace, so a count is corrected when two walks find it off alike.
    pub(super) fn end(&mut self, maps: &mut Maps) -> Result<bool, DataplaneError> {
        let suspects = std::mem::take(&mut self.suspects);
        for (&slot, &before) in &self.before {
            let (inserted, removed) = before;
            let seen = self.seen[slot as usize];
            let off = inserted.wrapping_sub(removed).wrapping_sub(seen);
            if off == 0 || maps.counted(slot)? != before {
                continue;
            }
            if suspects.get(&slot) == Some(&off) {
                tracing::debug!(slot, seen, "corrected the number of learned stations");
                maps.correct(slot, inserted.wrapping_sub(seen))?;
            } else {
                self.suspects.insert(slot, off);
            }
        }
        Ok(!self.suspects.is_empty())
    }
}
