//! Learned FDB entries: what is forgotten is accounted for.
//!
//! Entries of a port, peer or network that were learned and are there are `learned.inserted` of its
//! slot, which the programs count, less `removed` of it, which is counted here. Both wrap.

use std::collections::{BTreeMap, BTreeSet};

use netfwd_common::maps::{FdbEntry, FdbFlags, FdbKey, Learned};

use super::{Maps, Tried as _};
use crate::dataplane::DataplaneError;

/// Learned FDB entries that the loader deleted, less those that it made, by slot.
#[derive(Debug, Default)]
pub struct Tally {
    slots: BTreeMap<u32, i64>,
}

impl Tally {
    /// Adds `by` where an entry of a network counts, if it counts.
    fn add(
        &mut self,
        maps: &Maps,
        key: &FdbKey,
        entry: &FdbEntry,
        by: i64,
    ) -> Result<(), DataplaneError> {
        if !is_learned(entry) {
            return Ok(());
        }
        let network = maps.networks.get(&key.network)?;
        for slot in [Some(entry.slot), network.map(|network| network.slot)] {
            *self.slots.entry(slot.unwrap_or(0)).or_default() += by;
        }
        Ok(())
    }
}

impl Maps {
    /// Deletes the FDB entries that `matches` is true of, but for static ones; says how many.
    ///
    /// An entry that changed meanwhile, as it was heard again or moved, is judged as it is then.
    pub fn forget(
        &mut self,
        matches: impl Fn(&FdbKey, &FdbEntry) -> bool,
    ) -> Result<u64, DataplaneError> {
        let is_over = |key: &FdbKey, entry: &FdbEntry| is_learned(entry) && matches(key, entry);
        let over: BTreeMap<FdbKey, FdbEntry> = self.fdb.matching(is_over)?;
        let mut tally = Tally::default();
        let mut forgotten = 0;
        for key in over.keys() {
            let gone = self.forget_one(key, is_over, &mut tally)?;
            forgotten += u64::from(gone.is_some());
        }
        self.account(&tally)?;
        Ok(forgotten)
    }

    /// Deletes an FDB entry if `is_over` is still true of it, and returns it. The tally is for
    /// [`Self::account`].
    pub fn forget_one(
        &mut self,
        key: &FdbKey,
        is_over: impl Fn(&FdbKey, &FdbEntry) -> bool,
        tally: &mut Tally,
    ) -> Result<Option<FdbEntry>, DataplaneError> {
        let Some(entry) = self.fdb.take(key)? else {
            return Ok(None);
        };
        // Where a program has learned it anew in between, that entry stands, and this one is gone.
        if !is_over(key, &entry) && self.fdb.put_new(key, &entry)? {
            return Ok(None);
        }
        tally.add(self, key, &entry, 1)?;
        Ok(Some(entry))
    }

    /// Adds to `removed` what was deleted, and has the programs look stations up again.
    pub fn account(&mut self, tally: &Tally) -> Result<(), DataplaneError> {
        for (&slot, &deleted) in &tally.slots {
            let removed = self.removed(slot)?.wrapping_add_signed(deleted);
            self.correct(slot, removed)?;
        }
        self.renew()
    }

    /// Writes an FDB entry of the loader's own. One that ages counts as learned from then on.
    pub fn put_station(&mut self, key: &FdbKey, entry: &FdbEntry) -> Result<(), DataplaneError> {
        let mut tally = Tally::default();
        if let Some(before) = self.fdb.get(key)? {
            tally.add(self, key, &before, 1)?;
        }
        tally.add(self, key, entry, -1)?;
        self.fdb.put(key, entry)?;
        self.account(&tally)
    }

    /// Deletes an FDB entry, static or learned; says whether it was there.
    pub fn remove_station(&mut self, key: &FdbKey) -> Result<bool, DataplaneError> {
        let mut tally = Tally::default();
        let gone = self.forget_one(key, |_, _| true, &mut tally)?;
        self.account(&tally)?;
        Ok(gone.is_some())
    }

    /// What the programs counted of a slot.
    pub fn learned(&self, slot: u32) -> Result<Learned, DataplaneError> {
        self.learned.get(&slot, 0).tried("read", "learned")
    }

    /// Learned FDB entries that are there, of a slot.
    pub fn stations(&self, slot: u32) -> Result<u64, DataplaneError> {
        let stations = self
            .learned(slot)?
            .inserted
            .wrapping_sub(self.removed(slot)?);
        // The two are not read at the same moment: below zero is none.
        Ok(stations.cast_signed().max(0).cast_unsigned())
    }

    /// What was counted of a slot: entries inserted, and entries removed.
    pub fn counted(&self, slot: u32) -> Result<(u64, u64), DataplaneError> {
        Ok((self.learned(slot)?.inserted, self.removed(slot)?))
    }

    /// Sets what was removed of a slot.
    pub fn correct(&mut self, slot: u32, removed: u64) -> Result<(), DataplaneError> {
        self.removed.set(slot, removed, 0).tried("write", "removed")
    }

    /// Slots of networks, ports and peers.
    pub fn slots(&self) -> Result<BTreeSet<u32>, DataplaneError> {
        let mut slots = BTreeSet::new();
        self.networks.scan(|_, network| {
            slots.insert(network.slot);
        })?;
        self.ports.scan(|_, port| {
            slots.insert(port.slot);
        })?;
        self.vlans.scan(|_, vlan| {
            slots.insert(vlan.slot);
        })?;
        self.members.scan(|_, member| {
            slots.insert(member.slot);
        })?;
        Ok(slots)
    }

    pub(super) fn zero_learned(&mut self, slot: u32) -> Result<(), DataplaneError> {
        let none = Learned::default();
        self.learned.set(slot, none, 0).tried("write", "learned")?;
        self.correct(slot, 0)
    }

    fn removed(&self, slot: u32) -> Result<u64, DataplaneError> {
        self.removed.get(&slot, 0).tried("read", "removed")
    }
}

fn is_learned(entry: &FdbEntry) -> bool {
    !entry.flags.has(FdbFlags::STATIC)
}
