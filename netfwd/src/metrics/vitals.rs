//! What only the daemon knows, left for scrapes to read.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::ageing::Gauges;

/// What only the daemon knows.
#[derive(Debug)]
pub struct Vitals {
    /// Name of the instance.
    pub instance: String,
    /// When the daemon started, in seconds since 1970.
    pub started: f64,
    state: Mutex<State>,
}

/// The part of it that changes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// When a configuration was last applied, in seconds since 1970.
    pub applied: f64,
    /// Whether the last reload did so.
    pub reloaded: bool,
    /// Static FDB entries by network id.
    pub static_fdb: BTreeMap<u32, u64>,
    /// How many sessions and mappings there are, once that has been counted.
    pub nat: Option<Gauges>,
    /// Events that watchers were too slow for.
    pub events_lost: u64,
}

impl Vitals {
    /// Of a daemon that starts now.
    pub fn new(instance: &str) -> Self {
        Self {
            instance: instance.to_owned(),
            started: now(),
            state: Mutex::default(),
        }
    }

    /// A configuration was applied, or a reload was refused.
    pub fn applied(&self, done: bool) {
        let mut state = self.lock();
        state.reloaded = done;
        if done {
            state.applied = now();
        }
    }

    /// Changes what is known.
    pub fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
    }

    /// What is known now.
    pub fn state(&self) -> State {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
}
