//! An array of which each CPU has its own elements: read whole, in batches, since there are many.

use std::os::fd::AsFd as _;

use aya::Pod;
use aya::maps::{IterableMap as _, MapData, MapError, PerCpuArray};
use aya::util::nr_cpus;

use super::table::syscall;
use super::{Tried as _, typed};
use crate::dataplane::{DataplaneError, Pins, Walk};

/// What CPUs remember of the ways of frames.
pub(super) struct Lanes<V: Pod> {
    name: &'static str,
    inner: PerCpuArray<MapData, V>,
    cpus: usize,
}

impl<V: Pod> Lanes<V> {
    pub(super) fn open(pins: &Pins, name: &'static str) -> Result<Self, DataplaneError> {
        let cpus = nr_cpus().map_err(|(_, error)| MapError::IoError(error));
        Ok(Self {
            name,
            inner: typed(pins, name)?,
            cpus: cpus.tried("open", name)?,
        })
    }

    /// Shows every element of every CPU to `each`.
    pub(super) fn scan(&self, mut each: impl FnMut(&V)) -> Result<(), DataplaneError> {
        let mut walk = Walk::<u32, V>::of_cpus(self.cpus);
        while !walk.is_over() {
            let values = walk.read_values(self.inner.map().fd().as_fd());
            let values = values.map_err(|error| syscall("bpf_map_lookup_batch", error));
            values.tried("read", self.name)?.iter().for_each(&mut each);
        }
        Ok(())
    }
}
