//! Hash maps whose memory is taken when they are made.
//!
//! An entry of a map that grows is allocated when it is inserted. The allocator takes its memory from the slabs
//! in batches, in an interrupt of its own (kernel/bpf/memalloc.c, `irq_work_raise`). Of a new connection's time its
//! four insertions took 14 % with maps that grow and 4 % with these. aya makes maps with the flags that the
//! object has, so these are made beforehand, and aya finds them pinned.

use std::{
    fs, io,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
    path::Path,
};

use aya::{EbpfError, maps::MapData};
use aya_obj::{Map, Object};
use nix::libc;

use super::{
    DataplaneError,
    sys::{address, bpf},
};

/// Commands, include/uapi/linux/bpf.h.
const MAP_CREATE: libc::c_int = 0;
const BTF_LOAD: libc::c_int = 18;
/// That of maps which grow.
pub(super) const NO_PREALLOC: u32 = 1;
/// The part of the host's memory that maps may take before they need it.
const SMALL_PART: u64 = 64;

/// `union bpf_attr` as `BPF_MAP_CREATE` has it.
#[repr(C)]
struct Create {
    map_type: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    map_flags: u32,
    inner_map_fd: u32,
    numa_node: u32,
    map_name: [u8; 16],
    map_ifindex: u32,
    btf_fd: u32,
    btf_key_type_id: u32,
    btf_value_type_id: u32,
}

/// `union bpf_attr` as `BPF_BTF_LOAD` has it.
#[repr(C)]
struct Load {
    btf: u64,
    log: u64,
    size: u32,
    log_size: u32,
    log_level: u32,
    pad: u32,
}

/// Makes maps as an object defines them.
pub(super) struct Maker {
    object: Object,
    /// The types that bpftool shows keys and values by.
    types: Option<OwnedFd>,
}

impl Maker {
    /// Reads the definitions.
    pub(super) fn new(object: &[u8]) -> Result<Self, DataplaneError> {
        let mut object = Object::parse(object).map_err(EbpfError::from)?;
        let types = types(&mut object).map_err(EbpfError::from)?;
        Ok(Self {
            object,
            types: types.and_then(|types| load(&types).ok()),
        })
    }

    /// Makes a map of so many entries where none is pinned. Where there is no memory for it none is made: aya
    /// makes one that grows.
    pub(super) fn make(&self, name: &str, entries: u32, path: &Path) -> Result<(), DataplaneError> {
        if path.exists() {
            return Ok(());
        }
        let map = match self.create(name, entries) {
            Ok(map) => map,
            Err(error) if error.raw_os_error() == Some(libc::ENOMEM) => {
                tracing::warn!(
                    "there is no memory for {entries} entries of {name} in advance: the table grows as it is \
                     filled"
                );
                return Ok(());
            }
            Err(source) => return Err(failed(path, source)),
        };
        let map = MapData::from_fd(map).map_err(EbpfError::from)?;
        map.pin(path)
            .map_err(|error| failed(path, io::Error::other(error)))
    }

    fn create(&self, name: &str, entries: u32) -> io::Result<OwnedFd> {
        let map = self.object.maps.get(name).ok_or(io::ErrorKind::NotFound)?;
        let [key, value] = match (map, &self.types) {
            (Map::Btf(map), Some(_)) => [map.def.btf_key_type_id, map.def.btf_value_type_id],
            _ => [0; 2],
        };
        let mut attributes = Create {
            map_type: map.map_type(),
            key_size: map.key_size(),
            value_size: map.value_size(),
            max_entries: entries,
            map_flags: map.map_flags() & !NO_PREALLOC,
            inner_map_fd: 0,
            numa_node: 0,
            map_name: kernel_name(name),
            map_ifindex: 0,
            btf_fd: self.types.as_ref().map_or(0, |fd| fd.as_raw_fd() as u32),
            btf_key_type_id: key,
            btf_value_type_id: value,
        };
        // SAFETY: attributes of this command, without pointers; it returns a new descriptor.
        unsafe { Ok(OwnedFd::from_raw_fd(bpf(MAP_CREATE, &mut attributes)?)) }
    }
}

/// A name as the kernel keeps it: with a zero behind it, and cut off where it is longer.
fn kernel_name(name: &str) -> [u8; 16] {
    let mut kept = [0; 16];
    for (octet, of) in kept.iter_mut().take(15).zip(name.bytes()) {
        *octet = of;
    }
    kept
}

/// The object's types as this kernel takes them.
fn types(object: &mut Object) -> Result<Option<Vec<u8>>, aya_obj::btf::BtfError> {
    match aya::features().btf() {
        Some(features) => Ok(object
            .fixup_and_sanitize_btf(features)?
            .map(aya_obj::btf::Btf::to_bytes)),
        None => Ok(None),
    }
}

fn load(types: &[u8]) -> io::Result<OwnedFd> {
    let mut attributes = Load {
        btf: address(types.as_ptr()),
        log: 0,
        size: types.len() as u32,
        log_size: 0,
        log_level: 0,
        pad: 0,
    };
    // SAFETY: attributes of this command, which point to as many octets as they say; it returns a new
    // descriptor.
    unsafe { Ok(OwnedFd::from_raw_fd(bpf(BTF_LOAD, &mut attributes)?)) }
}

/// Whether so many octets are a small part of the host's memory.
pub(super) fn is_small_part(octets: u64) -> bool {
    memory("MemTotal:").is_some_and(|total| octets <= total / SMALL_PART)
}

/// Octets of a field of the host's memory, as `MemAvailable:` (proc_meminfo(5)).
pub fn memory(field: &str) -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(field))?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib << 10)
}

fn failed(path: &Path, source: io::Error) -> DataplaneError {
    DataplaneError::Pin {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataplane::object::OBJECT;

    #[test]
    fn tables_have_the_types_of_the_object() {
        let maker = Maker::new(OBJECT).expect("an object");
        assert!(maker.types.is_some());
        for name in ["sessions", "mappings"] {
            let Some(Map::Btf(map)) = maker.object.maps.get(name) else {
                panic!("{name} is defined otherwise");
            };
            assert_ne!(map.def.btf_key_type_id, 0);
            assert_ne!(map.def.btf_value_type_id, 0);
            // The kernel refuses types that are not of the map's sizes (kernel/bpf/syscall.c, `map_check_btf`).
            maker.create(name, 16).expect("made");
        }
    }

    #[test]
    fn a_large_part_of_the_memory_is_not_taken() {
        let total = memory("MemTotal:").expect("a host has memory");
        assert!(total > 1 << 27);
        assert!(is_small_part(total / SMALL_PART));
        assert!(!is_small_part(total / SMALL_PART + 1));
    }

    #[test]
    fn a_name_is_cut_off_and_ends() {
        assert_eq!(&kernel_name("sessions"), b"sessions\0\0\0\0\0\0\0\0");
        assert_eq!(&kernel_name("longer than it may be"), b"longer than it \0");
    }
}
