//! One table: when it is read, and how much of it at a time.

use aya::Pod;

use crate::dataplane::{DataplaneError, Walk, maps::Table};

/// Entries that are read in one tick.
const SLICE: usize = 1 << 15;
/// Entries that are over after which a tick reads no further: each takes a call to delete.
const DELETIONS: usize = 1 << 13;
/// An entry that is never over.
pub(super) const NEVER: u64 = u64::MAX;
/// An entry that is over, whatever the time.
pub(super) const AT_ONCE: u64 = 0;

/// Walks over a table, again and again.
#[derive(Debug)]
pub(super) struct Sweep<K, V> {
    walk: Walk<K, V>,
    started_ns: u64,
    /// When the first of the entries read will be over.
    earliest_ns: u64,
    /// When the next walk is due.
    due_ns: u64,
}

impl<K, V> Default for Sweep<K, V> {
    fn default() -> Self {
        Self {
            walk: Walk::default(),
            started_ns: 0,
            earliest_ns: NEVER,
            due_ns: 0,
        }
    }
}

impl<K: Pod + Ord, V: Pod> Sweep<K, V> {
    /// Whether a walk begins now.
    pub(super) fn begins(&mut self, now: u64) -> bool {
        let begins = self.started_ns == 0 || (self.is_over() && now >= self.due_ns);
        if begins {
            self.walk.restart();
            (self.started_ns, self.earliest_ns) = (now, NEVER);
        }
        begins
    }

    /// Whether the walk has come to its end, and the next one is not due.
    pub(super) fn is_over(&self) -> bool {
        self.walk.is_over()
    }

    /// Has the next walk begin with the next tick.
    pub(super) fn hurry(&mut self) {
        self.due_ns = 0;
    }

    /// Reads on, and gives the keys of what is over. `end` says when an entry will be; it is asked
    /// once for each. Entries that come while the walk goes on live for `horizon` at least.
    pub(super) fn slice(
        &mut self,
        table: &Table<K, V>,
        now: u64,
        horizon: u64,
        mut end: impl FnMut(&K, &V) -> u64,
    ) -> Result<Vec<K>, DataplaneError> {
        let (mut over, mut read) = (Vec::new(), 0);
        while !self.walk.is_over() && read < SLICE && over.len() < DELETIONS {
            for (key, value) in table.read_on(&mut self.walk)? {
                read += 1;
                match end(key, value) {
                    end if end < now => over.push(*key),
                    end => self.earliest_ns = self.earliest_ns.min(end),
                }
            }
        }
        let new = self.started_ns.saturating_add(horizon);
        self.due_ns = self.earliest_ns.min(new);
        Ok(over)
    }
}
