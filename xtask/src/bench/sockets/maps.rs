//! The programs' maps: a hash of sockets, and what each socket keeps.

use std::os::fd::{AsRawFd as _, OwnedFd};

use anyhow::{Context as _, Result};
use nix::errno::Errno;
use nix::libc::c_int;

use super::super::bpf;

/// `enum bpf_cmd` and `enum bpf_map_type` of include/uapi/linux/bpf.h.
const BPF_MAP_CREATE: c_int = 0;
const BPF_MAP_DELETE_ELEM: c_int = 3;
const BPF_MAP_GET_NEXT_KEY: c_int = 4;
const BPF_BTF_LOAD: c_int = 18;
const BPF_MAP_TYPE_SOCKHASH: u32 = 18;
const BPF_MAP_TYPE_SK_STORAGE: u32 = 24;
/// The only allocation that socket storage knows.
const BPF_F_NO_PREALLOC: u32 = 1;
/// Sockets that may be led past the network at a time.
const SOCKETS: u32 = 65536;

/// The head of `union bpf_attr` for `BPF_MAP_CREATE`.
#[repr(C)]
#[derive(Default)]
struct MapCreate {
    kind: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    flags: u32,
    inner: u32,
    numa_node: u32,
    name: [u8; 16],
    ifindex: u32,
    btf: u32,
    btf_key: u32,
    btf_value: u32,
}

/// Sockets, by what names them.
pub fn socket_hash() -> nix::Result<OwnedFd> {
    let mut attr = MapCreate {
        kind: BPF_MAP_TYPE_SOCKHASH,
        key_size: 8,
        value_size: 8,
        max_entries: SOCKETS,
        ..MapCreate::default()
    };
    bpf::made(BPF_MAP_CREATE, &mut attr)
}

/// What each socket keeps: the key of its other end.
pub fn storage() -> nix::Result<OwnedFd> {
    let types = type_information()?;
    let mut attr = MapCreate {
        kind: BPF_MAP_TYPE_SK_STORAGE,
        key_size: 4,
        value_size: 8,
        flags: BPF_F_NO_PREALLOC,
        btf: types.as_raw_fd() as u32,
        btf_key: 1,
        btf_value: 2,
        ..MapCreate::default()
    };
    bpf::made(BPF_MAP_CREATE, &mut attr)
}

/// The head of `union bpf_attr` for `BPF_BTF_LOAD`.
#[repr(C)]
struct BtfLoad {
    btf: u64,
    log: u64,
    size: u32,
    log_size: u32,
    log_level: u32,
    /// Linux 6.1 wants what is behind the fields that it knows to be zero.
    _later: u32,
}

/// BTF with two types, without which the kernel makes no socket storage: 1 is an integer of four octets, 2 one
/// of eight.
fn type_information() -> nix::Result<OwnedFd> {
    const KIND_INT: u32 = 1 << 24;
    let names = b"\0int\0long\0";
    let types = [1, KIND_INT, 4, 32, 5, KIND_INT, 8, 64_u32];
    let (length, strings) = (size_of_val(&types) as u32, names.len() as u32);
    // `struct btf_header`: magic, version and flags; the header's length; where types and strings are.
    let header = [0x0001_eb9f, 24, 0, length, length, strings];
    let words = header
        .iter()
        .chain(&types)
        .flat_map(|word| word.to_ne_bytes());
    let blob: Vec<u8> = words.chain(names.iter().copied()).collect();
    let mut attr = BtfLoad {
        btf: blob.as_ptr().addr() as u64,
        log: 0,
        size: blob.len() as u32,
        log_size: 0,
        log_level: 0,
        _later: 0,
    };
    bpf::made(BPF_BTF_LOAD, &mut attr)
}

/// Every key of a hash.
pub fn keys(map: &OwnedFd) -> Result<Vec<u64>> {
    let mut keys = Vec::new();
    loop {
        let mut next = 0_u64;
        let to = (&raw mut next).addr() as u64;
        let mut attr = Element::of(map, keys.last(), to);
        match bpf::call(BPF_MAP_GET_NEXT_KEY, &mut attr) {
            Ok(_) => keys.push(next),
            Err(Errno::ENOENT) => return Ok(keys),
            Err(error) => return Err(error).context("the sockets of the hash"),
        }
    }
}

/// Takes a socket out of a hash; one that has closed meanwhile is out of it already.
pub fn delete(map: &OwnedFd, key: u64) -> Result<()> {
    let mut attr = Element::of(map, Some(&key), 0);
    match bpf::call(BPF_MAP_DELETE_ELEM, &mut attr) {
        Ok(_) | Err(Errno::ENOENT) => Ok(()),
        Err(error) => Err(error).context("a socket of the hash"),
    }
}

/// `union bpf_attr` of commands on elements.
#[repr(C)]
struct Element {
    map: u32,
    _hole: u32,
    key: u64,
    value: u64,
    flags: u64,
}

impl Element {
    fn of(map: &OwnedFd, key: Option<&u64>, value: u64) -> Self {
        Self {
            map: map.as_raw_fd() as u32,
            _hole: 0,
            key: key.map_or(0, |key| std::ptr::from_ref(key).addr() as u64),
            value,
            flags: 0,
        }
    }
}
