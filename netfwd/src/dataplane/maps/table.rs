//! One map: typed, opened from its pin.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};

use aya::{
    Pod,
    maps::{HashMap, IterableMap as _, Map, MapData, MapError},
    sys::SyscallError,
};

use crate::dataplane::batch::{self, Walk};
use crate::dataplane::reserve::NO_PREALLOC;
use crate::dataplane::{DataplaneError, Pins};

/// BPF_NOEXIST, include/uapi/linux/bpf.h.
const NOEXIST: u64 = 1;

/// A hash map.
pub struct Table<K, V> {
    name: &'static str,
    inner: HashMap<MapData, K, V>,
}

impl<K: Pod + Ord, V: Pod> Table<K, V> {
    pub(in crate::dataplane) fn open(
        pins: &Pins,
        name: &'static str,
    ) -> Result<Self, DataplaneError> {
        let inner = typed(pins, name)?;
        Ok(Self { name, inner })
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.inner.map().fd().as_fd()
    }

    /// How many entries there is room for.
    pub fn size(&self) -> Result<u32, DataplaneError> {
        let info = self.inner.map().info().tried("read", self.name)?;
        Ok(info.max_entries())
    }

    /// Whether its entries take memory only when they are inserted.
    pub fn grows(&self) -> Result<bool, DataplaneError> {
        let info = self.inner.map().info().tried("read", self.name)?;
        Ok(info.map_flags() & NO_PREALLOC != 0)
    }

    /// How many entries there are; reads all of them.
    pub fn count(&self) -> Result<u64, DataplaneError> {
        let mut count = 0;
        self.scan(|_, _| count += 1)?;
        Ok(count)
    }

    /// The value of a key.
    pub fn get(&self, key: &K) -> Result<Option<V>, DataplaneError> {
        match self.inner.get(key, 0) {
            Ok(value) => Ok(Some(value)),
            Err(MapError::KeyNotFound) => Ok(None),
            Err(source) => Err(source).tried("read", self.name),
        }
    }

    /// Sets the value of a key.
    pub fn put(&mut self, key: &K, value: &V) -> Result<(), DataplaneError> {
        self.inner.insert(key, value, 0).tried("write", self.name)
    }

    /// Sets the value of a key that has none; says whether it had none.
    pub fn put_new(&mut self, key: &K, value: &V) -> Result<bool, DataplaneError> {
        match self.inner.insert(key, value, NOEXIST) {
            Err(MapError::SyscallError(error))
                if error.io_error.kind() == io::ErrorKind::AlreadyExists =>
            {
                Ok(false)
            }
            other => other.map(|()| true).tried("write", self.name),
        }
    }

    /// Removes a key; says whether it was there.
    pub fn remove(&mut self, key: &K) -> Result<bool, DataplaneError> {
        unless_absent(self.inner.remove(key)).tried("write", self.name)
    }

    /// Removes a key, and returns the value that it had at that very moment.
    pub fn take(&mut self, key: &K) -> Result<Option<V>, DataplaneError> {
        batch::take(self.fd(), key)
            .map_err(|error| syscall("bpf_map_lookup_and_delete_elem", error))
            .tried("write", self.name)
    }

    /// Goes on with a walk: the next few thousand entries, or none at its end.
    pub fn read_on<'w>(
        &self,
        walk: &'w mut Walk<K, V>,
    ) -> Result<impl Iterator<Item = (&'w K, &'w V)> + use<'w, K, V>, DataplaneError> {
        walk.read(self.fd())
            .map_err(|error| syscall("bpf_map_lookup_batch", error))
            .tried("read", self.name)
    }

    /// Shows every entry to `each`.
    pub fn scan(&self, mut each: impl FnMut(&K, &V)) -> Result<(), DataplaneError> {
        let mut walk = Walk::default();
        while !walk.is_over() {
            self.read_on(&mut walk)?
                .for_each(|(key, value)| each(key, value));
        }
        Ok(())
    }

    /// The entries that `keep` is true of, in the order of the keys.
    pub fn matching(
        &self,
        keep: impl Fn(&K, &V) -> bool,
    ) -> Result<BTreeMap<K, V>, DataplaneError> {
        // Sorted at once: a million keys in the order of their hashes, inserted one by one, take three
        // times as long.
        let mut kept = Vec::new();
        self.scan(|key, value| {
            if keep(key, value) {
                kept.push((*key, *value));
            }
        })?;
        Ok(kept.into_iter().collect())
    }

    /// Every entry, in the order of the keys.
    pub fn entries(&self) -> Result<BTreeMap<K, V>, DataplaneError> {
        self.matching(|_, _| true)
    }
}

pub(super) fn syscall(call: &'static str, io_error: io::Error) -> MapError {
    MapError::SyscallError(SyscallError { call, io_error })
}

pub(in crate::dataplane) fn typed<M>(pins: &Pins, name: &'static str) -> Result<M, DataplaneError>
where
    M: TryFrom<Map, Error = MapError>,
{
    let map = MapData::from_pin(pins.map(name))
        .and_then(Map::from_map_data)
        .tried("open", name)?;
    M::try_from(map).map_err(|error| match error {
        MapError::InvalidKeySize { .. }
        | MapError::InvalidValueSize { .. }
        | MapError::InvalidMapType { .. } => DataplaneError::Layout {
            instance: pins.instance().to_owned(),
        },
        source => DataplaneError::Map {
            what: "open",
            map: name,
            source,
        },
    })
}

pub(super) fn unless_absent(done: Result<(), MapError>) -> Result<bool, MapError> {
    match done {
        Ok(()) => Ok(true),
        Err(MapError::KeyNotFound) => Ok(false),
        Err(MapError::SyscallError(error))
            if error.io_error.kind() == std::io::ErrorKind::NotFound =>
        {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Adds to a failed access which map it was.
pub(in crate::dataplane) trait Tried<T> {
    fn tried(self, what: &'static str, map: &'static str) -> Result<T, DataplaneError>;
}

impl<T> Tried<T> for Result<T, MapError> {
    fn tried(self, what: &'static str, map: &'static str) -> Result<T, DataplaneError> {
        self.map_err(|source| DataplaneError::Map { what, map, source })
    }
}
