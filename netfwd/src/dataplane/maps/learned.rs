//! Learned FDB entries: what is forgotten is accounted for.

use std::collections::BTreeMap;

use netfwd_common::maps::{FdbEntry, FdbFlags, FdbKey};

use super::Maps;
use crate::dataplane::DataplaneError;

impl Maps {
    /// Deletes the FDB entries that `matches` is true of, but for static ones; says how many.
    ///
    /// An entry that changed meanwhile, as it was heard again or moved, is judged as it is then.
    pub fn forget(
        &mut self,
        matches: impl Fn(&FdbKey, &FdbEntry) -> bool,
    ) -> Result<u64, DataplaneError> {
        let is_over = |key: &FdbKey, entry: &FdbEntry| {
            !entry.flags.has(FdbFlags::STATIC) && matches(key, entry)
        };
        let over: BTreeMap<FdbKey, FdbEntry> = self.fdb.matching(is_over)?;
        let mut forgotten = 0;
        for key in over.keys() {
            forgotten += u64::from(self.forget_one(key, is_over)?.is_some());
        }
        Ok(forgotten)
    }

    /// Deletes an FDB entry if `is_over` is still true of it, and returns it.
    pub(super) fn forget_one(
        &mut self,
        key: &FdbKey,
        is_over: impl Fn(&FdbKey, &FdbEntry) -> bool,
    ) -> Result<Option<FdbEntry>, DataplaneError> {
        let Some(entry) = self.fdb.take(key)? else {
            return Ok(None);
        };
        // Where a program has learned it anew in between, that entry stands, and this one is gone.
        if !is_over(key, &entry) && self.fdb.put_new(key, &entry)? {
            return Ok(None);
        }
        Ok(Some(entry))
    }
}
