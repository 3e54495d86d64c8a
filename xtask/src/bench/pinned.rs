//! The maps that an instance has pinned, and what the kernel tells of them.

use std::ffi::CString;
use std::fs;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use nix::libc;

use super::bpf;

/// `enum bpf_cmd` of include/uapi/linux/bpf.h.
const BPF_OBJ_GET: libc::c_int = 7;
const BPF_OBJ_GET_INFO_BY_FD: libc::c_int = 15;

/// A structure that the kernel fills with what it knows of a program or a map.
///
/// # Safety
///
/// It has the layout of the kernel's, as far as it goes, and any octets are a value of it.
pub unsafe trait ObjectInfo {}

/// The head of `struct bpf_map_info`.
#[repr(C)]
#[derive(Default)]
struct MapInfo {
    kind: u32,
    id: u32,
}

// SAFETY: integers alone, in the kernel's layout.
unsafe impl ObjectInfo for MapInfo {}

/// The arguments of `BPF_OBJ_GET_INFO_BY_FD`.
#[repr(C)]
struct GetInfo {
    fd: u32,
    len: u32,
    info: u64,
}

/// The arguments of `BPF_OBJ_GET`.
#[repr(C)]
struct Get {
    path: u64,
    fd: u32,
    flags: u32,
}

/// A pinned map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Map {
    /// Its pinned name.
    pub name: String,
    /// The kernel's id of it.
    pub id: u32,
    /// What the kernel holds for it, in octets.
    pub octets: u64,
}

/// All maps that an instance has pinned.
pub fn maps(instance: &str) -> Result<Vec<Map>> {
    // As the loader names folders: bpffs takes no dots.
    let folder = PathBuf::from("/sys/fs/bpf/netfwd")
        .join(instance.replace('.', "::"))
        .join("maps");
    let entries = fs::read_dir(&folder).with_context(|| {
        format!(
            "{} cannot be read: does the instance run?",
            folder.display()
        )
    })?;
    entries.map(|entry| map(&entry?.path())).collect()
}

fn map(pin: &Path) -> Result<Map> {
    let shown = || pin.display().to_string();
    let fd = open(pin).with_context(shown)?;
    let mut info = MapInfo::default();
    read_info(&fd, &mut info).with_context(shown)?;
    let text = fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_raw_fd()))?;
    Ok(Map {
        name: pin
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        id: info.id,
        octets: memlock(&text).with_context(shown)?,
    })
}

fn open(pin: &Path) -> Result<OwnedFd> {
    let path = CString::new(pin.as_os_str().as_bytes())?;
    let mut attr = Get {
        path: path.as_ptr().addr() as u64,
        fd: 0,
        flags: 0,
    };
    Ok(bpf::made(BPF_OBJ_GET, &mut attr)?)
}

/// Has the kernel fill a structure.
pub fn read_info<T: ObjectInfo>(fd: &OwnedFd, info: &mut T) -> Result<()> {
    let mut attr = GetInfo {
        fd: fd.as_raw_fd() as u32,
        len: size_of::<T>() as u32,
        info: (&raw mut *info).addr() as u64,
    };
    bpf::call(BPF_OBJ_GET_INFO_BY_FD, &mut attr)
        .context("what the kernel knows of a BPF object")?;
    Ok(())
}

/// What `/proc/PID/fdinfo/FD` tells of a map's memory (kernel/bpf/syscall.c, `bpf_map_show_fdinfo`).
fn memlock(fdinfo: &str) -> Option<u64> {
    let line = fdinfo
        .lines()
        .find_map(|line| line.strip_prefix("memlock:"))?;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_from_fdinfo() {
        let fdinfo = "pos:\t0\nmap_type:\t1\nmemlock:\t4096\nmap_id:\t7\n";
        assert_eq!(memlock(fdinfo), Some(4096));
        assert_eq!(memlock("pos:\t0\n"), None);
    }
}
