//! Reading a map in batches, and taking an entry out with its value.

use std::{
    io,
    os::fd::{AsRawFd, BorrowedFd},
};

use aya::Pod;
use nix::libc;

use super::sys::{address, bpf};

/// Commands, include/uapi/linux/bpf.h.
const LOOKUP_AND_DELETE_ELEM: libc::c_int = 21;
const LOOKUP_BATCH: libc::c_int = 24;
/// Entries that are read by one call, unless one bucket holds more.
const BATCH: usize = 4096;

/// `union bpf_attr` as commands on one element have it.
#[repr(C)]
struct Element {
    map_fd: u32,
    pad: u32,
    key: u64,
    value: u64,
    flags: u64,
}

/// `union bpf_attr` as commands on batches have it.
#[repr(C)]
struct Batch {
    from: u64,
    next: u64,
    keys: u64,
    values: u64,
    count: u32,
    map_fd: u32,
    elem_flags: u64,
    flags: u64,
}

/// Where the reading of a hash map, or of a per-CPU array, stands.
///
/// Of a hash map the kernel reads bucket after bucket, each under its lock (kernel/bpf/hashtab.c,
/// `__htab_map_lookup_and_delete_batch`): an entry that is there all the time is read once, whatever
/// programs insert and delete meanwhile. Between two calls any time may pass.
#[derive(Debug)]
pub struct Walk<K, V> {
    /// The next bucket, or the last element; none before the first call.
    bucket: Option<u32>,
    at_end: bool,
    /// Values that each key has.
    each: usize,
    keys: Vec<K>,
    values: Vec<V>,
}

impl<K, V> Default for Walk<K, V> {
    fn default() -> Self {
        Self::by(BATCH)
    }
}

impl<K, V> Walk<K, V> {
    /// Reads about that many entries at a time.
    pub fn by(batch: usize) -> Self {
        Self {
            bucket: None,
            at_end: false,
            each: 1,
            keys: Vec::with_capacity(batch),
            values: Vec::with_capacity(batch),
        }
    }

    /// Reads a map whose elements have a value for each of so many CPUs: all that the machine may have, for whom
    /// the kernel writes them, each rounded up to 8 octets (kernel/bpf/arraymap.c, `bpf_percpu_array_copy`).
    pub(super) fn of_cpus(cpus: usize) -> Self {
        const { assert!(size_of::<V>().is_multiple_of(8)) };
        let keys = BATCH.div_ceil(cpus);
        Self {
            each: cpus,
            values: Vec::with_capacity(keys * cpus),
            ..Self::by(keys)
        }
    }
}

impl<K: Pod, V: Pod> Walk<K, V> {
    /// Begins anew.
    pub fn restart(&mut self) {
        (self.bucket, self.at_end) = (None, false);
    }

    /// Whether everything has been read.
    pub fn is_over(&self) -> bool {
        self.at_end
    }

    /// Reads on in a map whose keys and values are `K` and `V`: about a batch, or nothing at the end.
    pub(super) fn read<'w>(
        &'w mut self,
        map: BorrowedFd<'_>,
    ) -> io::Result<impl Iterator<Item = (&'w K, &'w V)> + use<'w, K, V>> {
        self.read_values(map)?;
        Ok(self.keys.iter().zip(&self.values))
    }

    /// The same, of the values alone: those of an element of a per-CPU array after one another.
    pub(super) fn read_values(&mut self, map: BorrowedFd<'_>) -> io::Result<&[V]> {
        self.keys.clear();
        self.values.clear();
        while !self.at_end && !self.fill(map)? {}
        Ok(&self.values)
    }

    /// One call; says whether the buffers sufficed for a bucket.
    fn fill(&mut self, map: BorrowedFd<'_>) -> io::Result<bool> {
        let room = (self.values.capacity() / self.each).min(self.keys.capacity());
        let mut next = 0_u32;
        let mut batch = Batch {
            from: self.bucket.as_ref().map_or(0, |bucket| address(bucket)),
            next: address(&raw mut next),
            keys: address(self.keys.as_mut_ptr()),
            values: address(self.values.as_mut_ptr()),
            count: room as u32,
            map_fd: map.as_raw_fd() as u32,
            elem_flags: 0,
            flags: 0,
        };
        // SAFETY: `from` and `next` point to live numbers of the size that hash maps and arrays have for
        // them, `keys` and `values` to room for `count` elements of the sizes that the map was opened
        // with, and of `each` CPUs.
        let done = unsafe { bpf(LOOKUP_BATCH, &mut batch) };
        match done {
            Err(error) if error.raw_os_error() == Some(libc::ENOSPC) => {
                self.keys.reserve(room * 2);
                self.values.reserve(room * 2);
                return Ok(false);
            }
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => self.at_end = true,
            other => drop(other?),
        }
        let read = room.min(batch.count as usize);
        // SAFETY: the kernel wrote that many elements, also where it says that these are the last
        // ones; `Pod` types are valid whatever their octets are.
        unsafe {
            self.keys.set_len(read);
            self.values.set_len(read * self.each);
        }
        self.bucket = Some(next);
        Ok(true)
    }
}

/// Takes a key out of a hash map (Linux 5.14, commit 3e87f192b405): no program can change the value
/// that is returned after it was read, as it could between a lookup and a deletion.
pub(super) fn take<K: Pod, V: Pod>(map: BorrowedFd<'_>, key: &K) -> io::Result<Option<V>> {
    let mut value = std::mem::MaybeUninit::<V>::uninit();
    let mut element = Element {
        map_fd: map.as_raw_fd() as u32,
        pad: 0,
        key: address(key),
        value: address(value.as_mut_ptr()),
        flags: 0,
    };
    // SAFETY: `key` and `value` point to a live key and room for a value of the sizes that the map was
    // opened with.
    match unsafe { bpf(LOOKUP_AND_DELETE_ELEM, &mut element) } {
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(None),
        // SAFETY: the kernel wrote the value; `Pod` types are valid whatever their octets are.
        done => done.map(|_| Some(unsafe { value.assume_init() })),
    }
}
